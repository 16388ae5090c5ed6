import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Waits } from "../../src/internal/waits.js";
import { failure } from "../support/connected.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const NO_LIMIT = { timeout: Infinity, signal: undefined };

function made(): { waits: Waits<number, string>; events: string[] } {
  const events: string[] = [];
  const waits: Waits<number, string> = new Waits<number, string>({
    expired: (id, details) => new Error(`${id} (${details}) came too late`),
    ended: (details) => events.push(`ended ${details}`),
    changed: () => events.push(`changed to ${waits.size}`),
  });
  return { waits, events };
}

describe("waits", () => {
  test("end with their answer, and with no other", async () => {
    const { waits, events } = made();
    const [one, two] = [waits.begin("1", "a", NO_LIMIT), waits.begin("2", "b", NO_LIMIT)];
    expect([waits.size, waits.has("1"), waits.has("3")]).toEqual([2, true, false]);
    expect([waits.resolve("2", 20), waits.resolve("2", 21), waits.resolve("3", 30)]).toEqual([true, false, false]);
    expect(waits.reject("1", new Error("no"))).toBe(true);
    expect([await two, await failure(one)]).toEqual([20, new Error("no")]);
    expect(events).toEqual(["changed to 1", "ended b", "ended a", "changed to 0"]);
  });

  test("end with their time-out, which is forgotten with the answer", async () => {
    const { waits } = made();
    const late = failure(waits.begin("1", "a", { timeout: 100, signal: undefined }));
    const answered = waits.begin("2", "b", { timeout: 100, signal: undefined });
    waits.resolve("2", 2);
    await vi.advanceTimersByTimeAsync(100);
    expect(await late).toEqual(new Error("1 (a) came too late"));
    expect(await answered).toBe(2);
    expect([waits.size, vi.getTimerCount()]).toEqual([0, 0]);
  });

  test("end with the reason of their signal, untouched", async () => {
    const { waits } = made();
    const abort = new AbortController();
    const pending = failure(waits.begin("1", "a", { timeout: 100, signal: abort.signal }));
    abort.abort("enough");
    expect(await pending).toBe("enough");
    expect([waits.size, vi.getTimerCount()]).toEqual([0, 0]);
  });

  test("are rejected all at once, or those that there is an error for", async () => {
    const { waits } = made();
    const [one, two] = [failure(waits.begin("1", "a", NO_LIMIT)), failure(waits.begin("2", "b", NO_LIMIT))];
    expect(waits.rejectEach((details) => (details === "b" ? "no b" : undefined))).toBe(true);
    expect([await two, waits.size]).toEqual(["no b", 1]);
    expect(waits.rejectEach(() => undefined)).toBe(false);
    waits.rejectEach(() => "the end");
    expect(await one).toBe("the end");
  });

  test("settle a waiter of the caller's at once", () => {
    const { waits } = made();
    const settled: unknown[] = [];
    const waiter = {
      promise: Promise.resolve(0),
      resolve: (answer: unknown) => settled.push(answer),
      reject: (error: unknown) => settled.push(error),
    };
    void waits.begin("1", "a", NO_LIMIT, waiter);
    waits.resolve("1", 1);
    expect(settled).toEqual([1]);
  });
});
