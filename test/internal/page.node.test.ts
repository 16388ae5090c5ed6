import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { backgroundTimer, onWake } from "../../src/internal/page.none.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("where there is no page", () => {
  test("a timer fires once, at its time", () => {
    const fired = vi.fn();
    backgroundTimer(fired, 100);
    vi.advanceTimersByTime(99);
    expect(fired).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1000);
    expect(fired).toHaveBeenCalledTimes(1);
  });

  test("a timer that is cancelled does not, and is gone", () => {
    const fired = vi.fn();
    const cancel = backgroundTimer(fired, 100);
    cancel();
    cancel();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(1000);
    expect(fired).not.toHaveBeenCalled();
  });

  test("there are no hints", () => {
    const unlisten = onWake(() => expect.unreachable());
    unlisten();
  });
});
