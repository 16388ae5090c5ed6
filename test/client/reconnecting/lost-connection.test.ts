import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BaseClient } from "../../../src/client/client.js";
import type { ReconnectPolicy } from "../../../src/client/options/reconnect-policy.js";
import { ConnectError, ConnectionLostError } from "../../../src/errors.js";
import { connected, failure } from "../../support/connected.js";
import { PATIENT, cut, kept } from "../../support/patient.js";
import { ScriptedBroker, settled } from "../../support/scripted-broker.js";
import { statusesOf } from "../../support/statuses.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

describe("a lost connection", () => {
  test("is made again after the delay of the policy, and all of it is told", async () => {
    const { broker, client } = await kept();
    const told = statusesOf(client);
    await cut(broker);
    expect(client.state).toBe("reconnecting");
    expect(client.session).toBeUndefined();
    await vi.advanceTimersByTimeAsync(999);
    expect(broker.dialled).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(client.state).toBe("connected");
    const message = "connection to memory: lost: the peer dropped the connection";
    expect(told).toMatchObject([
      { type: "disconnected", reason: { code: "connection-lost", outcome: "unknown", message }, reconnects: true },
      { type: "reconnecting", attempt: 1, delay: 1000, error: { message } },
      { type: "connecting", target: "the broker", attempt: 1 },
      { type: "connected", version: "1.2" },
    ]);
    expect(client.metrics()).toMatchObject({ connects: 2, reconnects: 1 });
    await client.disconnect();
  });

  test("is not made again without a policy: the subscriptions end with the reason", async () => {
    const { broker, client } = await connected();
    const told = statusesOf(client);
    const subscription = await client.subscribe("/queue/a");
    await cut(broker);
    const reason = await failure(subscription.next());
    expect(reason).toBeInstanceOf(ConnectionLostError);
    expect(told).toEqual([{ type: "disconnected", reason, reconnects: false }]);
    await expect(client.send("/queue/a", "x")).rejects.toMatchObject({
      message: "SEND was not sent: connection to memory: lost: the peer dropped the connection",
      outcome: "not-sent",
      cause: reason,
    });
  });

  test("leaves nothing to send on until it is made again", async () => {
    const { broker, client } = await kept();
    await cut(broker);
    await expect(client.send("/queue/a", "x")).rejects.toMatchObject({ code: "connection-lost", outcome: "not-sent" });
    await vi.advanceTimersByTimeAsync(1000);
    await client.send("/queue/a", "y");
    await settled();
    expect(broker.of("SEND").map((frame) => frame.text())).toEqual(["y"]);
    await client.disconnect();
  });

  test("the policy is told how many attempts there were, and what went wrong last", async () => {
    const asked: [number, string][] = [];
    let isDown = false;
    const broker = new ScriptedBroker();
    const client = new BaseClient(
      (signal) => (isDown ? Promise.reject(new Error("port is closed")) : broker.dial(signal)),
      {
        heartBeat: false,
        reconnect: (attempt, error) => {
          asked.push([attempt, error.message]);
          return 10;
        },
      },
    );
    await client.connect();
    isDown = true;
    await cut(broker);
    await vi.advanceTimersByTimeAsync(10);
    isDown = false;
    await vi.advanceTimersByTimeAsync(10);
    const lost = "connection to memory: lost: the peer dropped the connection";
    expect(asked).toEqual([
      [1, lost],
      [2, "could not connect to the broker: port is closed"],
    ]);
    // A session that does not last does not count: a broker that drops everyone is not to be stormed.
    await vi.advanceTimersByTimeAsync(4999);
    await cut(broker);
    expect(asked.at(-1)).toEqual([3, lost]);
    await vi.advanceTimersByTimeAsync(10 + 5000);
    await cut(broker);
    expect(asked.at(-1)).toEqual([1, lost]);
    await client.disconnect();
  });

  test("is given up when the policy says so: all that waits is told why", async () => {
    const broker = new ScriptedBroker();
    let isDown = false;
    const client = new BaseClient((signal) => (isDown ? Promise.reject(new Error("down")) : broker.dial(signal)), {
      heartBeat: false,
      reconnect: (attempt) => (attempt > 2 ? false : 100),
    });
    await client.connect();
    const subscription = await client.subscribe("/queue/a");
    const reading = failure(subscription.next());
    const told = statusesOf(client);
    isDown = true;
    await cut(broker);
    const joined = failure(client.connect());
    await vi.advanceTimersByTimeAsync(200);
    const error = await joined;
    expect(error).toBeInstanceOf(ConnectError);
    expect((error as Error).message).toBe("could not connect to the broker: down");
    expect(await reading).toBe(error);
    expect(await failure(subscription.ended)).toBe(error);
    expect(told.at(-1)).toEqual({ type: "disconnected", reason: error, reconnects: false });
    expect(client.state).toBe("disconnected");
    await expect(client.send("/queue/a", "x")).rejects.toThrow(
      "SEND was not sent: could not connect to the broker: down",
    );
    isDown = false;
    await client.connect();
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test.each<[string, ReconnectPolicy, string]>([
    ["fails", () => { throw new Error("no idea"); }, "connecting was given up: no idea"], // prettier-ignore
    [
      "gives no number",
      () => Number.NaN,
      "connecting was given up: reconnect must return a number of ms or false, not NaN",
    ],
    [
      "gives a negative number",
      () => -1,
      "connecting was given up: reconnect must return a number of ms or false, not -1",
    ],
  ])("is given up when the policy %s, which is told", async (_how, reconnect, message) => {
    const { broker, client } = await kept({ reconnect });
    const subscription = await client.subscribe("/queue/a");
    const told = statusesOf(client);
    await cut(broker);
    expect(client.state).toBe("disconnected");
    expect(told.at(-1)).toMatchObject({
      type: "disconnected",
      reason: { code: "connect", message },
      reconnects: false,
    });
    await expect(subscription.next()).rejects.toThrow(message);
  });

  test("a policy that waits for ever leaves the next attempt to reconnect()", async () => {
    const { broker, client } = await kept({ reconnect: () => Infinity });
    await cut(broker);
    await vi.advanceTimersByTimeAsync(86_400_000);
    expect(client.state).toBe("reconnecting");
    await client.reconnect();
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test("is made again whatever went wrong: silence, broken frames, an ERROR", async () => {
    const session = { heartBeat: { outgoing: 1000, incoming: 1000 } };
    const { broker, client } = await connected(
      { session },
      { ...PATIENT, heartBeat: { outgoing: 0, incoming: 1000 }, reconnect: () => 0 },
    );
    const reasons: unknown[] = [];
    client.onStatus((status) => status.type === "disconnected" && reasons.push(status.reason));
    await vi.advanceTimersByTimeAsync(3100);
    broker.transport.send("HELLO\n\n\0");
    await vi.advanceTimersByTimeAsync(1);
    broker.send("ERROR", { message: "go away" });
    await settled();
    void broker.transport.close();
    await vi.advanceTimersByTimeAsync(1);
    expect(client.state).toBe("connected");
    expect(reasons).toMatchObject([
      { code: "heart-beat" },
      { code: "protocol" },
      { code: "connection-lost", cause: { code: "server", message: "go away" } },
    ]);
    await client.disconnect();
  });
});
