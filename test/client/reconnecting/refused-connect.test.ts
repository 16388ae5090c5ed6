import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BaseClient } from "../../../src/client/client.js";
import { ServerError, StompError } from "../../../src/errors.js";
import { failure } from "../../support/connected.js";
import { PATIENT, cut } from "../../support/patient.js";
import { ScriptedBroker } from "../../support/scripted-broker.js";
import { statusesOf } from "../../support/statuses.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

describe("a refused CONNECT", () => {
  /** A broker that refuses all but its first client. */
  function closing(): ScriptedBroker {
    return new ScriptedBroker({
      welcome: false,
      onFrame: (frame, self) => {
        if (frame.command !== "CONNECT") return;
        if (self.dialled === 1) self.welcome();
        else self.send("ERROR", { message: "Bad CONNECT" }, "Access refused");
      },
    });
  }

  test.each([
    [1, 1],
    [2, 2],
    [3, 3],
    [undefined, 3],
  ])("with the refusalLimit %s ends the attempts after %s in a row", async (refusalLimit, attempts) => {
    const broker = closing();
    const client = new BaseClient(broker.dial, {
      ...PATIENT,
      reconnect: () => 0,
      ...(refusalLimit === undefined ? {} : { refusalLimit }),
    });
    await client.connect();
    const told = statusesOf(client);
    await cut(broker);
    await vi.advanceTimersByTimeAsync(1000);
    expect(broker.dialled).toBe(1 + attempts);
    expect(client.state).toBe("disconnected");
    const last = told.at(-1);
    expect(last).toMatchObject({
      type: "disconnected",
      reason: {
        code: "connect",
        stage: "handshake",
        message: "memory: refused the connection: Bad CONNECT (Access refused); check login, passcode and host",
      },
      reconnects: false,
    });
    expect(last?.type === "disconnected" && last.reason?.cause).toBeInstanceOf(ServerError);
  });

  test("does not end them when asked to go on", async () => {
    const broker = closing();
    const client = new BaseClient(broker.dial, { ...PATIENT, refusalLimit: Infinity });
    await client.connect();
    await cut(broker);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(broker.dialled).toBe(21);
    await client.disconnect();
  });

  test("counts anew after anything else, and for a call of connect()", async () => {
    let refuses = true;
    let dials = 0;
    const broker = new ScriptedBroker({
      welcome: false,
      onFrame: (frame, self) => {
        if (frame.command !== "CONNECT") return;
        if (refuses) self.send("ERROR", { message: "no" });
        else self.welcome();
      },
    });
    const client = new BaseClient(
      (signal) => (++dials === 3 ? Promise.reject(new Error("down")) : broker.dial(signal)),
      { ...PATIENT, reconnect: () => 10, retryFirstConnect: true },
    );
    const first = failure(client.connect());
    await vi.advanceTimersByTimeAsync(100);
    expect(await first).toBeInstanceOf(StompError);
    expect(dials).toBe(2 + 1 + 3); // two refusals, a failed dial, three refusals
    const second = failure(client.connect());
    await vi.advanceTimersByTimeAsync(10);
    refuses = false;
    await vi.advanceTimersByTimeAsync(10);
    expect(await second).toBe("resolved");
    await client.disconnect();
  });

  test.each([0, -1, Number.NaN])("a refusalLimit of %s is refused", (refusalLimit) => {
    expect(() => new BaseClient(closing().dial, { refusalLimit })).toThrow(
      new RangeError(`refusalLimit must be at least 1, not ${refusalLimit}`),
    );
  });
});
