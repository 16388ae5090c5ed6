import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Suspects, answerOf, isAnswer } from "../../../src/client/connection/suspects.js";
import { ConnectionLostError, HeartBeatError, ServerError } from "../../../src/errors.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const refused = new ServerError("refused", "", new Map());
const CLOSED = new ConnectionLostError("the peer closed the connection", "unknown");
const REFUSED = new ConnectionLostError("lost: refused", "unknown", { cause: refused });
const [A, B] = [{ name: "a" }, { name: "b" }];

describe("suspects", () => {
  test("are all that were on trial when a session ended, those that were tried already last", () => {
    const suspects = new Suspects();
    expect(suspects.blame([A, B], CLOSED, true, 0)).toBeUndefined();
    expect([[...suspects], suspects.has(A), suspects.size]).toEqual([[A, B], true, 2]);
    suspects.blame([A], CLOSED, true, 0);
    expect([...suspects]).toEqual([B, A]);
  });

  test("are given up when they were alone on trial for three sessions", () => {
    const suspects = new Suspects();
    expect([1, 2, 3].map(() => suspects.blame([A], CLOSED, true, 0))).toEqual([undefined, undefined, A]);
  });

  test("get no strike for a session in which something else was on trial", () => {
    const suspects = new Suspects();
    for (let session = 0; session < 5; session++) {
      expect(suspects.blame([A], CLOSED, false, 0)).toBeUndefined();
      expect(suspects.blame([A, B], CLOSED, true, 0)).toBeUndefined();
      expect(suspects.blame([], CLOSED, true, 0)).toBeUndefined();
    }
    suspects.clearUnstruck();
    expect(suspects.size).toBe(0);
  });

  test("begin anew after they were cleared", () => {
    const suspects = new Suspects();
    suspects.blame([A], CLOSED, true, 0);
    suspects.blame([A], CLOSED, true, 0);
    suspects.clear(A);
    expect([suspects.size, suspects.blame([A], CLOSED, true, 0)]).toEqual([0, undefined]);
    suspects.clearUnstruck();
    expect([...suspects]).toEqual([A]); // it has a strike
    suspects.clearAll();
    expect([suspects.size, suspects.blame([A], CLOSED, true, 0)]).toEqual([0, undefined]);
  });

  test("are doubted for a time when no ERROR tells why the sessions end", () => {
    const suspects = new Suspects();
    const blame = (reason: ConnectionLostError) => suspects.blame([A], reason, true, 1000);
    expect([blame(CLOSED), blame(CLOSED), blame(CLOSED), blame(CLOSED)]).toEqual(Array(4).fill(undefined));
    expect(blame(REFUSED)).toBe(A);
    vi.advanceTimersByTime(1000);
    expect(blame(CLOSED)).toBe(A);
  });
});

describe("the end of a session", () => {
  test.each([
    ["an ERROR and an end", REFUSED, true, refused],
    ["an orderly end", CLOSED, true, CLOSED],
  ])("is the broker's answer: %s", (_, reason, expected, answer) => {
    expect(isAnswer(reason)).toBe(expected);
    expect(answerOf(reason)).toBe(answer);
  });

  test.each([
    ["no reason", undefined],
    ["a broken network", new ConnectionLostError("reset", "unknown", { cause: new Error("ECONNRESET") })],
    ["silence", new HeartBeatError("silent", 100)],
    ["an ERROR by itself", refused],
  ])("is not an answer: %s", (_, reason) => {
    expect(isAnswer(reason)).toBe(false);
  });
});
