import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BackgroundTimer, onWake } from "../../src/internal/page.none.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("where there is no page", () => {
  test("a timer fires once, at its time", () => {
    const fired = vi.fn();
    new BackgroundTimer(fired).set(100);
    vi.advanceTimersByTime(99);
    expect(fired).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1000);
    expect(fired).toHaveBeenCalledTimes(1);
  });

  test("a timer that is set again or stopped does not, and is gone", () => {
    const fired = vi.fn();
    const timer = new BackgroundTimer(fired);
    timer.set(100);
    timer.set(200);
    expect(vi.getTimerCount()).toBe(1);
    timer.stop();
    timer.stop();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(1000);
    expect(fired).not.toHaveBeenCalled();
  });

  test("there are no hints", () => {
    const unlisten = onWake(() => expect.unreachable());
    unlisten();
  });
});
