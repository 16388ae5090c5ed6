import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Metrics } from "../../../src/client/observing/metrics.js";
import { deferred } from "../../../src/internal/deferred.js";
import { connected, failure } from "../../support/connected.js";
import { settled } from "../../support/scripted-broker.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

const NOTHING: Metrics = {
  connects: 0,
  reconnects: 0,
  framesSent: 0,
  framesReceived: 0,
  messagesReceived: 0,
  messagesSent: 0,
  errorsReceived: 0,
  bytesSent: 0,
  bytesReceived: 0,
  heartBeatsSent: 0,
  heartBeatsReceived: 0,
  heartBeatsMissed: 0,
  messagesDropped: 0,
  receiptsPending: 0,
  bytesBuffered: 0,
  subscriptions: 0,
  messagesUnread: 0,
  outboxMessages: 0,
  requestsPending: 0,
};

const octets = (text: string): number => new TextEncoder().encode(text).length;

const CONNECT = "CONNECT\naccept-version:1.0,1.1,1.2\nhost:/\n\n\0";
const CONNECTED = "CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\0";
const SUBSCRIBE = "SUBSCRIBE\ndestination:/queue/é\nid:sub-1\nack:auto\n\n\0";
const SEND = "SEND\ndestination:/queue/é\ncontent-length:6\n\né😀\0";
const MESSAGE = "MESSAGE\nsubscription:sub-1\nmessage-id:1\ndestination:/queue/é\n\né😀\0";
const ERROR = "ERROR\nmessage:no\n\n\0";

describe("metrics", () => {
  test.each(["stream", "messages"] as const)(
    "count exactly the frames and bytes of a dialogue in both directions: %s",
    async (kind) => {
      const { broker, client } = await connected({ memory: { kind } });
      const size = kind === "stream" ? octets : (text: string): number => text.length; // text messages stay text
      const first = { connects: 1, framesSent: 1, framesReceived: 1 };
      const sent = size(CONNECT);
      const received = size(CONNECTED);
      expect(client.metrics()).toEqual({ ...NOTHING, ...first, bytesSent: sent, bytesReceived: received });
      const subscription = await client.subscribe("/queue/é", { id: "sub-1" });
      await client.send("/queue/é", "é😀");
      broker.transport.send(`${MESSAGE}\n`);
      broker.transport.send(ERROR);
      await settled();
      const second: Metrics = {
        ...NOTHING,
        connects: 1,
        framesSent: 3,
        framesReceived: 3,
        messagesSent: 1,
        messagesReceived: 1,
        errorsReceived: 1,
        bytesSent: sent + size(SUBSCRIBE) + size(SEND),
        bytesReceived: received + size(`${MESSAGE}\n`) + size(ERROR),
        subscriptions: 1,
        messagesUnread: 1,
      };
      expect(client.metrics()).toEqual(second);
      await subscription.next();
      expect(client.metrics()).toEqual({ ...second, messagesUnread: 0 });
      const raw = broker.raw.reduce((all, chunk) => all + chunk.length, 0);
      expect(client.metrics().bytesSent).toBe(raw);
      await client.disconnect();
      expect(client.metrics()).toMatchObject({ subscriptions: 0, framesSent: 4, framesReceived: 4 });
    },
  );

  test("count the octets of large bodies and of bodies that are octets", async () => {
    const { broker, client } = await connected();
    const before = client.metrics().bytesSent;
    const heard = broker.raw.length;
    await client.send("/q", new Uint8Array(20_000));
    await client.send("/q", Uint8Array.of(1, 0, 2));
    await settled();
    const raw = broker.raw.slice(heard).reduce((all, chunk) => all + chunk.length, 0);
    expect(client.metrics().bytesSent - before).toBe(raw);
    expect(client.metrics().messagesSent).toBe(2);
    await client.disconnect();
  });

  test("go on over reconnects", async () => {
    const { broker, client } = await connected({}, { reconnect: () => 0 });
    await client.subscribe("/queue/a");
    for (let i = 0; i < 2; i++) {
      broker.transport.abort(new Error("cable cut"));
      await vi.advanceTimersByTimeAsync(1);
    }
    expect(client.metrics()).toMatchObject({
      connects: 3,
      reconnects: 2,
      framesSent: 6, // CONNECT and SUBSCRIBE each time
      framesReceived: 5, // CONNECTED, and from the second session on the RECEIPT of SUBSCRIBE
      bytesSent: broker.raw.reduce((all, chunk) => all + chunk.length, 0),
      subscriptions: 1,
      receiptsPending: 0,
    });
    await client.disconnect();
    await client.connect();
    expect(client.metrics()).toMatchObject({ connects: 4, reconnects: 3 });
    await client.disconnect();
  });

  test("show how much is waiting at this moment", async () => {
    const { broker, client } = await connected({
      receipts: false,
      memory: { latency: 0 },
      onFrame: ({ headers }, self) => {
        const receipt = headers.get("receipt") ?? "r";
        if (receipt !== "r") self.send("RECEIPT", { "receipt-id": receipt });
      },
    });
    const working = deferred<void>();
    const handled = await client.subscribe("/queue/a", () => working.promise);
    for (const text of ["1", "2", "3"]) broker.message(handled.id, text);
    await settled();
    const sending = client.send("/queue/b", "x", { receipt: "r" });
    const asking = failure(client.request("/queue/c", "?", { replyTo: "/queue/replies", timeout: 100 }));
    expect(client.metrics().bytesBuffered).toBeGreaterThan(0);
    await settled();
    expect(client.metrics()).toMatchObject({
      receiptsPending: 1,
      requestsPending: 1,
      subscriptions: 1,
      messagesUnread: 2,
      bytesBuffered: 0,
    });
    broker.send("RECEIPT", { "receipt-id": "r" });
    await sending;
    working.resolve();
    await vi.advanceTimersByTimeAsync(100);
    await asking;
    expect(client.metrics()).toMatchObject({ receiptsPending: 0, requestsPending: 0, messagesUnread: 0 });
    const disconnecting = client.disconnect({ timeout: 1 });
    await vi.advanceTimersByTimeAsync(1);
    await disconnecting;
  });

  test("show what the outbox holds", async () => {
    const { broker, client } = await connected({ receipts: false }, { delivery: "at-least-once" });
    const sending = client.send("/queue/a", "x", { receipt: "r" });
    await settled();
    expect(client.metrics()).toMatchObject({ outboxMessages: 1, receiptsPending: 1, messagesSent: 1 });
    broker.send("RECEIPT", { "receipt-id": "r" });
    await sending;
    expect(client.metrics()).toMatchObject({ outboxMessages: 0, receiptsPending: 0 });
    const disconnecting = client.disconnect({ timeout: 1 });
    await vi.advanceTimersByTimeAsync(1);
    await disconnecting;
  });

  test("are a copy, which does not change", async () => {
    const { client } = await connected();
    const before = client.metrics();
    await client.send("/queue/a", "x");
    expect(before.framesSent).toBe(1);
    await client.disconnect();
  });
});

describe("heart-beats in the metrics", () => {
  const session = { heartBeat: { outgoing: 1000, incoming: 1000 } };

  test("are counted as they are sent, and are no frames", async () => {
    const { client } = await connected({ session }, { heartBeat: { outgoing: 1000, incoming: 0 } });
    const before = client.metrics();
    await vi.advanceTimersByTimeAsync(5000);
    expect(client.metrics()).toEqual({ ...before, heartBeatsSent: 10, bytesSent: before.bytesSent + 10 });
    await client.disconnect();
  });

  test.each(["stream", "messages"] as const)("are counted when they come alone: %s", async (kind) => {
    const { broker, client } = await connected({ session, memory: { kind } }, { heartBeat: false });
    const before = client.metrics();
    for (const chunk of ["\n", "\r\n", "\n\n\n"]) broker.transport.send(chunk);
    await settled();
    expect(client.metrics()).toEqual({
      ...before,
      heartBeatsReceived: 5,
      bytesReceived: before.bytesReceived + 6,
    });
    await client.disconnect();
  });

  test.each(["stream", "messages"] as const)(
    "are not what RabbitMQ writes after each frame, nor line ends in frames: %s",
    async (kind) => {
      const { broker, client } = await connected({ memory: { kind } });
      const subscription = await client.subscribe("/queue/a", () => undefined);
      const head = `MESSAGE\nsubscription:${subscription.id}\nmessage-id:1\ndestination:/q\ncontent-length:2\n\n`;
      broker.transport.send(`${head}\n\n\0\n`);
      if (kind === "stream") for (const chunk of [head, "\n", "\n", "\0"]) broker.transport.send(chunk);
      broker.transport.send(`\n${head}\n\n\0\n`);
      await settled();
      expect(client.metrics()).toMatchObject({
        heartBeatsReceived: 0,
        messagesReceived: kind === "stream" ? 3 : 2,
      });
      await client.disconnect();
    },
  );
});
