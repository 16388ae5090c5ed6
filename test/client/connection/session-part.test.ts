import { describe, expect, test } from "vitest";
import type { Connection } from "../../../src/client/connection/connection.js";
import { type SessionPart, SessionParts } from "../../../src/client/connection/session-part.js";
import { ConnectionLostError, ServerError } from "../../../src/errors.js";
import { deferred } from "../../../src/internal/deferred.js";
import type { ServerFrame } from "../../../src/protocol/index.js";

// The parts below look at neither.
const CONNECTION = undefined as unknown as Connection;
const FRAME = undefined as unknown as ServerFrame;
const ERROR = new ServerError("refused", "", new Map());

/** Parts that note what they learn. `taken`: the part that takes frames. */
function parts(taken = ""): { parts: SessionParts; told: string[] } {
  const told: string[] = [];
  const part = (name: string): SessionPart => ({
    message: () => told.push(`${name} message`) > 0 && name === taken,
    serverError: () => told.push(`${name} error`) > 0 && name === taken,
    established: () => told.push(`${name} established`),
    interrupted: () => told.push(`${name} interrupted`),
    gaveUp: () => told.push(`${name} gave up`),
    closing: () => told.push(`${name} closing`),
    ended: () => told.push(`${name} ended`),
  });
  return { parts: new SessionParts([part("1"), {}, part("2"), part("3")]), told };
}

describe("the parts of a client", () => {
  test("have a frame until one of them takes it", () => {
    const { parts: some, told } = parts("2");
    some.message(FRAME, CONNECTION);
    expect(some.serverError(ERROR)).toBe(true);
    expect(told).toEqual(["1 message", "2 message", "1 error", "2 error"]);
    expect(parts().parts.serverError(ERROR)).toBe(false);
  });

  test("learn of a beginning forwards, and of an end backwards", () => {
    const { parts: some, told } = parts();
    some.established(CONNECTION);
    some.closing();
    expect(told.splice(0)).toEqual([
      ...["1 established", "2 established", "3 established"],
      ...["1 closing", "2 closing", "3 closing"],
    ]);
    some.unwind("interrupted", undefined);
    some.unwind("gaveUp", new ConnectionLostError("no", "not-sent"));
    some.unwind("ended", undefined);
    expect(told).toEqual([
      ...["3 interrupted", "2 interrupted", "1 interrupted"],
      ...["3 gave up", "2 gave up", "1 gave up"],
      ...["3 ended", "2 ended", "1 ended"],
    ]);
  });

  test("drain one after the other, the first one at once", async () => {
    const [first, second] = [deferred<void>(), deferred<void>()];
    const told: string[] = [];
    const some = new SessionParts([
      {},
      { drain: () => (told.push("first"), first.promise) },
      { drain: () => (told.push("second"), second.promise) },
    ]);
    const drained = some.drain().then(() => told.push("drained"));
    expect(told).toEqual(["first"]);
    first.resolve();
    await first.promise;
    await Promise.resolve();
    expect(told).toEqual(["first", "second"]);
    second.resolve();
    await drained;
    expect(told).toEqual(["first", "second", "drained"]);
  });
});
