import { afterEach, beforeEach, describe, expect, expectTypeOf, test, vi } from "vitest";
import { BaseClient } from "../../../src/client/client.js";
import { StatusFeed } from "../../../src/client/observing/status-feed.js";
import { StatusListeners } from "../../../src/client/observing/status-listeners.js";
import type { Status } from "../../../src/client/observing/status.js";
import { ConnectionLostError, HeartBeatError, ServerError } from "../../../src/errors.js";
import { connected } from "../../support/connected.js";
import { ScriptedBroker, settled } from "../../support/scripted-broker.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

const beat = (silence: number): Status => ({ type: "heart-beat-missed", silence });

describe("status", () => {
  test("tells the life of a client from its first attempt to its end", async () => {
    const broker = new ScriptedBroker({
      connected: { server: "RabbitMQ/4.1.0", session: "s-1" },
      session: { heartBeat: { outgoing: 1000, incoming: 0 } },
    });
    const client = new BaseClient(broker.dial, {
      heartBeat: { outgoing: 0, incoming: 1000 },
      heartBeatTolerance: 2,
      reconnect: () => 500,
    });
    const told: Status[] = [];
    client.onStatus((status) => told.push(status));
    await client.connect();
    await vi.advanceTimersByTimeAsync(1000);
    broker.transport.send("\n");
    await vi.advanceTimersByTimeAsync(2499);
    broker.send("ERROR", { message: "no queue today" });
    await vi.advanceTimersByTimeAsync(1);
    await client.disconnect();
    const up = {
      type: "connected",
      version: "1.2",
      server: "RabbitMQ/4.1.0",
      session: "s-1",
      heartBeat: { outgoing: 0, incoming: 1000 },
    };
    expect(told).toEqual([
      { type: "connecting", target: "the broker", attempt: 0 },
      up,
      { type: "heart-beat" },
      { type: "heart-beat-missed", silence: 2000 },
      { type: "disconnected", reason: expect.any(HeartBeatError), reconnects: true },
      { type: "reconnecting", attempt: 1, delay: 500, error: expect.any(HeartBeatError) },
      { type: "connecting", target: "the broker", attempt: 1 },
      up,
      { type: "disconnecting" },
      { type: "disconnected", reason: undefined, reconnects: false },
    ]);
  });

  test("tells of an ERROR that concerns nothing, and the session goes on", async () => {
    const { broker, client } = await connected();
    const told: Status[] = [];
    client.onStatus((status) => told.push(status));
    broker.send("ERROR", { message: "no queue today" }, "details");
    await settled();
    expect(told).toEqual([{ type: "server-error", error: expect.any(ServerError) }]);
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test("and the frames have what every callback of a ConnectionListener of stomp.py is called for", async () => {
    const called: string[] = [];
    const byStatus: Partial<Record<Status["type"], string>> = {
      connecting: "on_connecting",
      connected: "on_connected",
      disconnecting: "on_disconnecting",
      disconnected: "on_disconnected, on_receiver_loop_completed",
      "heart-beat": "on_heartbeat",
      "heart-beat-missed": "on_heartbeat_timeout",
    };
    const byFrame: Partial<Record<string, string>> = {
      MESSAGE: "on_before_message, on_message",
      RECEIPT: "on_receipt",
      ERROR: "on_error",
    };
    const broker = new ScriptedBroker({ session: { heartBeat: { outgoing: 1000, incoming: 0 } } });
    const client = new BaseClient(broker.dial, { heartBeat: { outgoing: 0, incoming: 1000 }, reconnect: false });
    client.onStatus(({ type }) => called.push(byStatus[type] ?? type));
    client.onFrame(({ direction, frame }) => {
      const name = direction === "out" ? `on_send ${frame.command}` : byFrame[frame.command];
      if (name !== undefined) called.push(name);
    });
    await client.connect();
    const { id } = await client.subscribe("/queue/a", () => called.push("the handler"));
    broker.message(id, "x");
    broker.send("ERROR", { message: "oh" });
    broker.transport.send("\n");
    await settled();
    await client.disconnect();
    await client.connect();
    await vi.advanceTimersByTimeAsync(3000);
    expect(called).toEqual([
      "on_connecting",
      "on_send CONNECT",
      "on_connected",
      "on_send SUBSCRIBE",
      "on_before_message, on_message",
      "the handler",
      "on_error",
      "server-error",
      "on_heartbeat",
      "on_disconnecting",
      "on_send DISCONNECT",
      "on_receipt",
      "on_disconnected, on_receiver_loop_completed",
      "on_connecting",
      "on_send CONNECT",
      "on_connected",
      "on_heartbeat_timeout",
      "on_disconnected, on_receiver_loop_completed",
    ]);
  });

  test("is a union whose type tells what else there is", () => {
    expectTypeOf<Extract<Status, { type: "reconnecting" }>["delay"]>().toEqualTypeOf<number>();
    expectTypeOf<Extract<Status, { type: "subscription-failed" }>["error"]>().toEqualTypeOf<Error>();
    expectTypeOf<Extract<Status, { type: "heart-beat" }>>().toEqualTypeOf<{ readonly type: "heart-beat" }>();
  });
});

describe("status listeners", () => {
  test("are told in their order, until they are removed, the same function as often as it was added", async () => {
    const listeners = new StatusListeners();
    const told: string[] = [];
    const same = (status: Status) => told.push(`same ${status.type}`);
    const removes = [listeners.add(same), listeners.add(same), listeners.add(() => told.push("other"))];
    listeners.tell({ type: "disconnecting" });
    removes[0]?.();
    removes[0]?.();
    listeners.tell({ type: "disconnecting" });
    expect(told).toEqual(["same disconnecting", "same disconnecting", "other", "same disconnecting", "other"]);
  });

  test("that are added while one is told hear of the next only, and those removed of nothing", () => {
    const listeners = new StatusListeners();
    const told: string[] = [];
    listeners.add(() => {
      told.push("first");
      listeners.add(() => told.push("added"));
      remove();
    });
    const remove = listeners.add(() => told.push("removed"));
    listeners.tell({ type: "disconnecting" });
    expect(told).toEqual(["first"]);
    listeners.tell({ type: "disconnecting" });
    expect(told).toEqual(["first", "first", "added"]);
  });
});

describe("the statuses to be read", () => {
  test("are kept in their order until they are read, for each reader apart", async () => {
    const listeners = new StatusListeners();
    const [one, other] = [new StatusFeed(listeners), new StatusFeed(listeners)];
    const waiting = [one.next(), one.next()];
    for (const silence of [1, 2, 3]) listeners.tell(beat(silence));
    expect(await Promise.all([...waiting, one.next()])).toEqual(
      [1, 2, 3].map((silence) => ({ done: false, value: beat(silence) })),
    );
    await one.return();
    listeners.tell(beat(4));
    const read: unknown[] = [];
    for await (const status of other) {
      read.push(status);
      if (read.length === 4) break;
    }
    expect(read).toEqual([1, 2, 3, 4].map(beat));
    expect(await other.next()).toEqual({ done: true, value: undefined });
  });

  test("are the newest thousand of what is not read", async () => {
    const listeners = new StatusListeners();
    const feed = new StatusFeed(listeners);
    for (let silence = 1; silence <= 1002; silence++) listeners.tell(beat(silence));
    const read: Status[] = [];
    for (let i = 0; i < 1000; i++) {
      const { value } = await feed.next();
      if (value !== undefined) read.push(value);
    }
    expect([read.length, read[0], read.at(-1)]).toEqual([1000, beat(3), beat(1002)]);
    await feed.return();
  });

  test("end with return, also for whoever waits, and what was not read is gone", async () => {
    const listeners = new StatusListeners();
    const feed = new StatusFeed(listeners);
    const waiting = [feed.next(), feed.next()];
    const end = { done: true, value: undefined };
    expect(await feed.return()).toEqual(end);
    expect(await Promise.all(waiting)).toEqual([end, end]);
    listeners.tell(beat(1));
    expect(await feed.next()).toEqual(end);
    expect(await feed.return()).toEqual(end);
    const unread = new StatusFeed(listeners);
    listeners.tell(beat(2));
    await unread.return();
    expect(await unread.next()).toEqual(end);
  });

  test("of a client are those from the call on", async () => {
    const { broker, client } = await connected();
    const feed = client.status();
    broker.transport.abort(new Error("cable cut"));
    expect(await feed.next()).toEqual({
      done: false,
      value: { type: "disconnected", reason: expect.any(ConnectionLostError), reconnects: false },
    });
    await feed.return?.();
  });
});

describe("the frames that are shown", () => {
  const headers = { authorization: "Bearer s3cret", "x-api-key": "s3cret", "access-token": "s3cret", tenant: "shown" };

  test("have no secret in them, whichever way it came into CONNECT", async () => {
    for (const options of [
      { login: "ann", passcode: "s3cret", headers },
      { credentials: () => ({ login: "ann", passcode: "s3cret" }), headers: () => headers },
    ]) {
      const broker = new ScriptedBroker();
      const client = new BaseClient(broker.dial, { heartBeat: false, ...options });
      const shown: string[] = [];
      client.onFrame(({ frame }) => shown.push(JSON.stringify(frame.headers)));
      await client.connect();
      expect(broker.of("CONNECT")[0]?.headers.get("passcode")).toBe("s3cret");
      expect(shown[0]).toContain('["login","ann"],["passcode","******"],["authorization","******"]');
      expect(shown[0]).toContain('["tenant","shown"]');
      expect(shown.join()).not.toContain("s3cret");
      await client.disconnect();
    }
  });

  test("have the headers of other frames as they are, but for a passcode", async () => {
    const { client } = await connected();
    const shown: unknown[] = [];
    client.onFrame(({ frame }) => shown.push([...frame.headers]));
    await client.send("/q", "x", { headers: { token: "t", passcode: "s3cret" } });
    expect(shown).toEqual([
      [
        ["destination", "/q"],
        ["token", "t"],
        ["passcode", "******"],
      ],
    ]);
    await client.disconnect();
  });
});
