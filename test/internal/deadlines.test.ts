import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Deadlines } from "../../src/internal/deadlines.js";

const expired: string[] = [];
let deadlines: Deadlines<string>;

beforeEach(() => {
  vi.useFakeTimers();
  expired.length = 0;
  deadlines = new Deadlines((key) => expired.push(key));
});
afterEach(() => {
  vi.useRealTimers();
});

describe("Deadlines", () => {
  test("call back when the time of a key has come, once", () => {
    deadlines.set("a", 100);
    vi.advanceTimersByTime(99);
    expect(expired).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(expired).toEqual(["a"]);
    vi.advanceTimersByTime(1000);
    expect(expired).toEqual(["a"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("share one timer, in whatever order they come", () => {
    for (const [key, delay] of Object.entries({ c: 300, a: 100, d: 400, b: 200 })) deadlines.set(key, delay);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(250);
    expect(expired).toEqual(["a", "b"]);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(150);
    expect(expired).toEqual(["a", "b", "c", "d"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("are forgotten one by one, and the last takes the timer with it", () => {
    deadlines.set("a", 100);
    deadlines.set("b", 100);
    deadlines.delete("a");
    deadlines.delete("never set");
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(99);
    deadlines.delete("b");
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(1000);
    expect(expired).toEqual([]);
  });

  test("are forgotten all at once", () => {
    deadlines.set("a", 100);
    deadlines.set("b", 200);
    deadlines.clear();
    expect(vi.getTimerCount()).toBe(0);
    deadlines.set("c", 50);
    vi.advanceTimersByTime(50);
    expect(expired).toEqual(["c"]);
  });

  test("move when they are set again, earlier or later", () => {
    deadlines.set("later", 100);
    deadlines.set("earlier", 300);
    deadlines.set("later", 200);
    deadlines.set("earlier", 150);
    vi.advanceTimersByTime(149);
    expect(expired).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(expired).toEqual(["earlier"]);
    vi.advanceTimersByTime(50);
    expect(expired).toEqual(["earlier", "later"]);
  });

  test("need no timer for ever, and replace what was set by it", () => {
    deadlines.set("a", Infinity);
    expect(vi.getTimerCount()).toBe(0);
    deadlines.set("b", 100);
    deadlines.set("b", Infinity);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("may be longer than any timer", () => {
    const month = 30 * 86_400_000;
    deadlines.set("a", month);
    vi.advanceTimersByTime(month - 1);
    expect(expired).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(expired).toEqual(["a"]);
  });

  test("of the same time may be deleted or set again by the first one's callback", () => {
    const seen: string[] = [];
    const chained = new Deadlines<string>((key) => {
      seen.push(key);
      if (key === "a") chained.delete("b");
      if (key === "c") chained.set("a", 10);
    });
    for (const key of ["a", "b", "c"]) chained.set(key, 100);
    vi.advanceTimersByTime(100);
    expect(seen).toEqual(["a", "c"]);
    vi.advanceTimersByTime(10);
    expect(seen).toEqual(["a", "c", "a"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("are not met at once when the delay is 0 or negative, but in the next turn", () => {
    deadlines.set("a", 0);
    deadlines.set("b", -5);
    expect(expired).toEqual([]);
    vi.advanceTimersByTime(0);
    expect(expired).toEqual(["a", "b"]);
  });
});
