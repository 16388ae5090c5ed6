import { describe, expect, test, vi } from "vitest";
import { onAbort } from "../../src/internal/on-abort.js";

/** A signal that counts its listeners. */
function counted(): { abort: AbortController; listeners: () => number } {
  const abort = new AbortController();
  let count = 0;
  const { signal } = abort;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  vi.spyOn(signal, "addEventListener").mockImplementation((...args: Parameters<typeof add>) => {
    count++;
    add(...args);
  });
  vi.spyOn(signal, "removeEventListener").mockImplementation((...args: Parameters<typeof remove>) => {
    count--;
    remove(...args);
  });
  return { abort, listeners: () => count };
}

describe("onAbort", () => {
  test("calls all callbacks once, in their order, by one listener", () => {
    const { abort, listeners } = counted();
    const called: number[] = [];
    for (let i = 0; i < 20; i++) onAbort(abort.signal, () => called.push(i));
    expect(listeners()).toBe(1);
    abort.abort();
    abort.abort();
    expect(called).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  test("removes the listener with the last callback, and listens again for the next one", () => {
    const { abort, listeners } = counted();
    const called: string[] = [];
    const [first, second] = ["first", "second"].map((name) => onAbort(abort.signal, () => called.push(name)));
    first?.();
    expect(listeners()).toBe(1);
    second?.();
    second?.(); // a second time does nothing
    expect(listeners()).toBe(0);
    onAbort(abort.signal, () => called.push("third"));
    expect(listeners()).toBe(1);
    abort.abort();
    expect(called).toEqual(["third"]);
  });

  test("does not call what an earlier callback cancels", () => {
    const { abort } = counted();
    const called: string[] = [];
    onAbort(abort.signal, () => {
      called.push("first");
      cancel();
    });
    const cancel = onAbort(abort.signal, () => called.push("second"));
    abort.abort();
    expect(called).toEqual(["first"]);
  });

  test("counts the same function as often as it is added", () => {
    const { abort } = counted();
    const callback = vi.fn();
    const cancel = onAbort(abort.signal, callback);
    onAbort(abort.signal, callback);
    cancel();
    abort.abort();
    expect(callback).toHaveBeenCalledTimes(1);
  });
});
