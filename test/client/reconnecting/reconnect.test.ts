import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BaseClient } from "../../../src/client/client.js";
import type { Status } from "../../../src/client/observing/status.js";
import { ConnectionLostError, InvalidStateError, TransactionError } from "../../../src/errors.js";
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

describe("reconnect()", () => {
  test("ends the session in order, and resolves with a new one", async () => {
    const { broker, client } = await kept();
    const told = statusesOf(client);
    await client.reconnect();
    expect(broker.received.map(({ command }) => command)).toEqual(["CONNECT", "DISCONNECT", "CONNECT"]);
    expect(broker.closed).toEqual({ reason: undefined });
    expect(told).toMatchObject([
      { type: "disconnected", reason: undefined, reconnects: true },
      { type: "connecting", attempt: 0 },
      { type: "connected" },
    ]);
    expect(client.metrics()).toMatchObject({ connects: 2, reconnects: 1 });
    await client.disconnect();
  });

  test("waits for pending receipts, and meanwhile takes nothing to send", async () => {
    const { broker, client } = await connected({ receipts: false }, PATIENT);
    const sent = client.send("/queue/a", "x", { receipt: "r" });
    const renewed = client.reconnect();
    await settled();
    expect(client.state).toBe("reconnecting");
    expect(broker.of("DISCONNECT")).toEqual([]);
    await expect(client.send("/queue/a", "y")).rejects.toThrow(
      new InvalidStateError("SEND needs a connection, the client is reconnecting"),
    );
    broker.send("RECEIPT", { "receipt-id": "r" });
    await sent;
    await settled();
    broker.send("RECEIPT", { "receipt-id": broker.of("DISCONNECT")[0]?.headers.get("receipt") ?? "" });
    await renewed;
    expect(client.state).toBe("connected");
    const disconnecting = client.disconnect();
    await vi.advanceTimersByTimeAsync(2000);
    await disconnecting;
  });

  test("does not wait longer than disconnectTimeout for a broker that does not answer", async () => {
    const { broker, client } = await connected({ receipts: false }, PATIENT);
    const sent = failure(client.send("/queue/a", "x", { receipt: "r" }));
    const renewed = client.reconnect();
    await vi.advanceTimersByTimeAsync(2000);
    await renewed;
    expect(await sent).toBeInstanceOf(ConnectionLostError);
    expect(broker.dialled).toBe(2);
    const disconnecting = client.disconnect();
    await vi.advanceTimersByTimeAsync(2000);
    await disconnecting;
  });

  test("called twice at a time makes one session, and connect() joins it", async () => {
    const { broker, client } = await kept();
    const renewed = client.reconnect();
    await Promise.all([renewed, client.connect(), client.reconnect()]);
    expect(broker.dialled).toBe(2);
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test("without a session is connect()", async () => {
    const broker = new ScriptedBroker();
    const client = new BaseClient(broker.dial, PATIENT);
    await client.reconnect();
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test("while connecting joins", async () => {
    const broker = new ScriptedBroker();
    const client = new BaseClient(broker.dial, PATIENT);
    await Promise.all([client.connect(), client.reconnect()]);
    expect(broker.dialled).toBe(1);
    await client.disconnect();
  });

  test("does not wait for the next attempt", async () => {
    const { broker, client } = await kept();
    await cut(broker);
    await client.reconnect();
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test.each<Status["type"]>(["disconnected", "reconnecting"])(
    "does not wait for the next attempt when a listener calls it, at the status %s",
    async (type) => {
      const { broker, client } = await kept();
      let renewed: Promise<void> | undefined;
      client.onStatus((status) => {
        if (status.type === type) renewed ??= client.reconnect();
      });
      await cut(broker);
      await renewed;
      expect(client.state).toBe("connected");
      await client.disconnect();
    },
  );

  test("during an attempt makes the one after it at once", async () => {
    let fail: (error: Error) => void = () => undefined;
    const broker = new ScriptedBroker();
    let dials = 0;
    const client = new BaseClient(
      (signal) => (++dials === 2 ? new Promise((_, reject) => (fail = reject)) : broker.dial(signal)),
      PATIENT,
    );
    await client.connect();
    await cut(broker);
    await vi.advanceTimersByTimeAsync(1000);
    const renewed = client.reconnect();
    fail(new Error("old token"));
    await renewed;
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test("goes on when the connection breaks while it is being ended", async () => {
    const { broker, client } = await connected({ receipts: false }, PATIENT);
    const renewed = client.reconnect();
    await settled();
    await cut(broker);
    await renewed;
    expect(broker.dialled).toBe(2);
    const disconnecting = client.disconnect();
    await vi.advanceTimersByTimeAsync(2000);
    await disconnecting;
  });

  test("is tried again by the policy, and rejects when that gives up", async () => {
    const broker = new ScriptedBroker();
    let isDown = false;
    const client = new BaseClient((signal) => (isDown ? Promise.reject(new Error("down")) : broker.dial(signal)), {
      heartBeat: false,
      reconnect: (attempt) => (attempt > 2 ? false : 100),
    });
    await client.connect();
    const subscription = await client.subscribe("/queue/a");
    isDown = true;
    const renewed = failure(client.reconnect());
    await vi.advanceTimersByTimeAsync(200);
    const error = await renewed;
    expect(error).toMatchObject({ code: "connect", message: "could not connect to the broker: down" });
    expect(await failure(subscription.ended)).toBe(error);
    expect(client.state).toBe("disconnected");
  });

  test("without a policy tries once", async () => {
    const broker = new ScriptedBroker();
    const client = new BaseClient(
      (signal) => (broker.dialled === 2 ? Promise.reject(new Error("down")) : broker.dial(signal)),
      { heartBeat: false, reconnect: false },
    );
    await client.connect();
    await client.reconnect();
    expect(client.state).toBe("connected");
    await expect(client.reconnect()).rejects.toThrow("could not connect to the broker: down");
    expect(client.state).toBe("disconnected");
  });

  test("ends transactions and requests, which are told the truth", async () => {
    const { client } = await kept();
    const transaction = await client.begin();
    const asked = failure(client.request("/queue/a", "?", { replyTo: "/queue/b" }));
    await settled();
    await client.reconnect();
    expect(await asked).toMatchObject({
      code: "connection-lost",
      outcome: "unknown",
      message: "connection lost before the reply to the request to /queue/a: the client ended the session",
    });
    const lost = await failure(transaction.commit());
    expect(lost).toBeInstanceOf(TransactionError);
    expect((lost as TransactionError).outcome).toBe("aborted");
    await client.disconnect();
  });
});
