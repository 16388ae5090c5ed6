import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BaseClient } from "../../../src/client/client.js";
import type { ClientOptions } from "../../../src/client/options/options.js";
import { ConnectError } from "../../../src/errors.js";
import { failure } from "../../support/connected.js";
import { PATIENT } from "../../support/patient.js";
import { ScriptedBroker, settled } from "../../support/scripted-broker.js";
import { statusesOf } from "../../support/statuses.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

describe("the first connect", () => {
  function late(failures: number): { broker: ScriptedBroker; client: (options: ClientOptions) => BaseClient } {
    const broker = new ScriptedBroker();
    let left = failures;
    return {
      broker,
      client: (options) =>
        new BaseClient((signal) => (left-- > 0 ? Promise.reject(new Error("down")) : broker.dial(signal)), {
          ...PATIENT,
          ...options,
        }),
    };
  }

  test("is tried once, whatever the policy", async () => {
    const client = late(1).client({});
    const told = statusesOf(client);
    const subscription = await client.subscribe("/queue/a");
    const error = await failure(client.connect());
    expect(told).toEqual([
      { type: "connecting", target: "the broker", attempt: 0 },
      { type: "disconnected", reason: error, reconnects: false },
    ]);
    expect(subscription.isLive).toBe(true); // it waits for a connect that succeeds
    await client.connect();
    await client.disconnect();
  });

  test("is tried again with retryFirstConnect until there is a session", async () => {
    const client = late(2).client({ retryFirstConnect: true });
    const connecting = client.connect();
    await vi.advanceTimersByTimeAsync(1999);
    expect(client.state).toBe("connecting");
    await vi.advanceTimersByTimeAsync(1);
    await connecting;
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test("with retryFirstConnect rejects when the policy gives up", async () => {
    const client = late(9).client({ retryFirstConnect: true, reconnect: (attempt) => (attempt > 2 ? false : 5) });
    const connecting = failure(client.connect());
    await vi.advanceTimersByTimeAsync(10);
    expect(await connecting).toMatchObject({ code: "connect", message: "could not connect to the broker: down" });
    expect(client.state).toBe("disconnected");
  });

  test("is not tried again with retryFirstConnect but no policy", async () => {
    const client = late(1).client({ retryFirstConnect: true, reconnect: false });
    await expect(client.connect()).rejects.toThrow("could not connect to the broker: down");
  });

  test("has a time for each attempt", async () => {
    const broker = new ScriptedBroker({ welcome: false });
    const client = new BaseClient(broker.dial, { ...PATIENT, retryFirstConnect: true, connectTimeout: 300 });
    const connecting = client.connect();
    await vi.advanceTimersByTimeAsync(300 + 1000);
    expect(broker.dialled).toBe(2);
    expect(broker.closed?.reason).toBeInstanceOf(Error); // the first is not left open
    await vi.advanceTimersByTimeAsync(299);
    broker.welcome();
    await connecting;
    await client.disconnect();
  });

  test("is given up at once by its signal, however far it has come", async () => {
    for (let ticks = 0; ticks < 60; ticks++) {
      const broker = new ScriptedBroker();
      const client = new BaseClient(broker.dial, PATIENT);
      const controller = new AbortController();
      const connecting = failure(client.connect({ signal: controller.signal }));
      for (let i = 0; i < ticks; i++) await Promise.resolve();
      controller.abort("enough");
      const outcome = await connecting;
      expect(outcome).toBe(client.state === "connected" ? "resolved" : "enough");
      await client.disconnect();
      await settled();
      if (broker.dialled > 0) expect(broker.closed).toBeDefined();
    }
  });

  test("that a broker ends together with its CONNECTED is a ConnectError", async () => {
    const broker = new ScriptedBroker({
      welcome: false,
      onFrame: (_frame, self) => {
        self.welcome();
        void self.transport.close();
      },
    });
    const client = new BaseClient(broker.dial, { heartBeat: false });
    const told = statusesOf(client);
    const error = await failure(client.connect());
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({ stage: "handshake", cause: { code: "connection-lost", outcome: "not-sent" } });
    expect(told.map(({ type }) => type)).toEqual(["connecting", "disconnected"]);
  });
});
