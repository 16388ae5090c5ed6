import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Message } from "../../../src/client/messages/message.js";
import type { ClientOptions } from "../../../src/client/options/options.js";
import type { Status } from "../../../src/client/observing/status.js";
import type { SubscribeOptions } from "../../../src/client/subscribing/subscribe-options.js";
import { ConnectionLostError, HeartBeatError, SlowConsumerError } from "../../../src/errors.js";
import { deferred } from "../../../src/internal/deferred.js";
import { connected, failure } from "../../support/connected.js";
import { type ScriptOptions, type ScriptedBroker, settled } from "../../support/scripted-broker.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

const ADVICE =
  'read faster, use the ack mode "client-individual", which bounds what comes ahead, or allow a larger buffer';

/** A client that does not hold its broker back, since it waits for a receipt that does not come; and what status tells. */
async function unheld(options: ClientOptions = {}) {
  const { broker, client } = await connected({ receipts: false }, options);
  const told: Status[] = [];
  client.onStatus((status) => told.push(status));
  const pending = failure(client.send("/queue/pending", "x", { receipt: "pending" }));
  const finish = async () => {
    await client.disconnect({ timeout: 1 });
    await pending;
  };
  return { broker, client, told, finish };
}

async function finishing(disconnecting: Promise<void>): Promise<void> {
  await vi.advanceTimersByTimeAsync(1);
  await disconnecting;
}

function sendAll(broker: ScriptedBroker, id: string, texts: readonly string[]): Promise<void> {
  for (const text of texts) broker.message(id, text);
  return settled();
}

const count = (to: number): string[] => Array.from({ length: to }, (_, i) => String(i + 1));

async function readAll(iterator: AsyncIterator<Message>, most: number): Promise<string[]> {
  const texts: string[] = [];
  for (let i = 0; i < most; i++) {
    const { value } = (await iterator.next()) as IteratorResult<Message, undefined>;
    if (value !== undefined) texts.push(value.text());
  }
  return texts;
}

describe("a buffer that is full, with drop-oldest", () => {
  const small = { buffer: { messages: 3 }, whenSlow: "drop-oldest" } as const;

  test("has the newest messages for an iterator; each drop is counted and told", async () => {
    const { broker, client, told, finish } = await unheld();
    const subscription = await client.subscribe("/queue/a", small);
    await sendAll(broker, subscription.id, count(5));
    expect(client.metrics()).toMatchObject({ messagesDropped: 2, messagesUnread: 3, messagesReceived: 5 });
    expect(told).toEqual(
      [1, 2].map((n) => ({ type: "slow-consumer", subscription: subscription.id, destination: "/queue/a", count: n })),
    );
    expect(await readAll(subscription, 3)).toEqual(["3", "4", "5"]);
    expect(subscription.isLive).toBe(true);
    await finishing(finish());
  });

  test("has the newest messages for a handler that is at work", async () => {
    const { broker, client, finish } = await unheld({ whenSlow: "drop-oldest", buffer: { messages: 2 } });
    const seen: string[] = [];
    const working = deferred<void>();
    const subscription = await client.subscribe("/queue/a", (message) => {
      seen.push(message.text());
      return working.promise;
    });
    await sendAll(broker, subscription.id, count(6));
    expect(seen).toEqual(["1"]);
    working.resolve();
    await settled();
    expect(seen).toEqual(["1", "5", "6"]);
    expect(client.metrics()).toMatchObject({ messagesDropped: 3, messagesUnread: 0 });
    await finishing(finish());
  });

  test("drops as many as a message needs room for", async () => {
    const { broker, client, finish } = await unheld();
    const subscription = await client.subscribe("/queue/a", { ...small, buffer: { bytes: 10 } });
    await sendAll(broker, subscription.id, ["1111", "2222", "33", "4444444"]);
    expect(client.metrics()).toMatchObject({ messagesDropped: 2, messagesUnread: 2 });
    expect(await readAll(subscription, 2)).toEqual(["33", "4444444"]);
    await finishing(finish());
  });

  test("has a message that is larger than itself alone", async () => {
    const { broker, client, finish } = await unheld();
    const subscription = await client.subscribe("/queue/a", { ...small, buffer: { bytes: 10 } });
    await sendAll(broker, subscription.id, ["1", "2", "x".repeat(11)]);
    expect(client.metrics()).toMatchObject({ messagesDropped: 2, messagesUnread: 1 });
    await sendAll(broker, subscription.id, ["4"]);
    expect(client.metrics()).toMatchObject({ messagesDropped: 3, messagesUnread: 1 });
    expect(await readAll(subscription, 1)).toEqual(["4"]);
    await finishing(finish());
  });

  test("counts for each subscription, and apart from messages for none", async () => {
    const { broker, client, told, finish } = await unheld();
    const one = await client.subscribe("/queue/a", { ...small, buffer: { messages: 1 } });
    const other = await client.subscribe("/queue/b", { ...small, buffer: { messages: 1 } });
    for (const id of [one.id, one.id, other.id, other.id, one.id, "ghost"]) broker.message(id, "x");
    await settled();
    expect(
      told.map((status) => ("subscription" in status && "count" in status ? [status.subscription, status.count] : [])),
    ).toEqual([
      [one.id, 1],
      [other.id, 1],
      [one.id, 2],
      ["ghost", 1],
    ]);
    expect(client.metrics().messagesDropped).toBe(4);
    await finishing(finish());
  });
});

describe("a buffer that is full, with fail", () => {
  test.each<[string, SubscribeOptions, readonly string[], string]>([
    [
      "messages",
      { buffer: { messages: 2 } },
      ["1", "2", "333"],
      "has 2 unread messages of 2 bytes and gets another of 3, its buffer takes 2 of 67108864 bytes",
    ],
    [
      "bytes",
      { buffer: { bytes: 10 } },
      ["1111", "22222", "33"],
      "has 2 unread messages of 9 bytes and gets another of 2, its buffer takes 10000 of 10 bytes",
    ],
  ])("ends the subscription, counted and told, by %s", async (_, options, texts, what) => {
    const { broker, client, told, finish } = await unheld();
    const subscription = await client.subscribe("/queue/a", options);
    await sendAll(broker, subscription.id, texts);
    const error = new SlowConsumerError(`subscription ${subscription.id} to /queue/a ${what}; ${ADVICE}`);
    expect(told).toEqual([
      { type: "slow-consumer", subscription: subscription.id, destination: "/queue/a", count: 1 },
      { type: "subscription-failed", subscription: subscription.id, destination: "/queue/a", error },
    ]);
    expect(client.metrics()).toMatchObject({ messagesDropped: 1, subscriptions: 0 });
    expect(broker.of("UNSUBSCRIBE").map(({ headers }) => headers.get("id"))).toEqual([subscription.id]);
    expect(await readAll(subscription, 2)).toEqual(texts.slice(0, 2));
    expect(await failure(subscription.next())).toEqual(error);
    await finishing(finish());
  });

  test("has a message that is larger than itself alone, and the next one is too much", async () => {
    const { broker, client, finish } = await unheld();
    const subscription = await client.subscribe("/queue/a", { buffer: { bytes: 10 } });
    await sendAll(broker, subscription.id, ["x".repeat(11)]);
    expect(subscription.isLive).toBe(true);
    await sendAll(broker, subscription.id, ["2"]);
    expect(subscription.isLive).toBe(false);
    expect(await readAll(subscription, 1)).toEqual(["x".repeat(11)]);
    await expect(subscription.next()).rejects.toBeInstanceOf(SlowConsumerError);
    await finishing(finish());
  });

  test("of a handler: what it has is still handled, and `ended` rejects", async () => {
    const { broker, client, finish } = await unheld();
    const seen: string[] = [];
    const working = deferred<void>();
    const subscription = await client.subscribe(
      "/queue/a",
      (message) => {
        seen.push(message.text());
        return working.promise;
      },
      { buffer: { messages: 2 } },
    );
    await sendAll(broker, subscription.id, count(4));
    expect(await failure(subscription.ended)).toBeInstanceOf(SlowConsumerError);
    working.resolve();
    await settled();
    expect(seen).toEqual(["1", "2", "3"]);
    await finishing(finish());
  });
});

describe("the options of a buffer", () => {
  test.each<[SubscribeOptions, Error]>([
    [
      { whenSlow: "drop-newest" as never },
      new TypeError('whenSlow must be "fail" or "drop-oldest", not "drop-newest"'),
    ],
    [{ whenSlow: "drop-oldest", ack: "client" }, new TypeError('whenSlow "drop-oldest" is for the ack mode "auto"')],
    [{ buffer: { messages: 0 } }, new RangeError("buffer.messages must be at least 1, not 0")],
    [{ buffer: { bytes: Number.NaN } }, new RangeError("buffer.bytes must be at least 1, not NaN")],
  ])("are checked: %o", async (options, error) => {
    const { client } = await connected();
    expect(await failure(client.subscribe("/queue/a", options))).toEqual(error);
    await client.disconnect();
  });

  test("of the client are those of its subscriptions; with acknowledgement they fail rather than drop", async () => {
    const { broker, client, finish } = await unheld({ whenSlow: "drop-oldest", buffer: { messages: 1 } });
    const acknowledged = await client.subscribe("/queue/a", { ack: "client-individual" });
    const larger = await client.subscribe("/queue/b", { buffer: { messages: 2 } });
    await sendAll(broker, acknowledged.id, count(2));
    await sendAll(broker, larger.id, count(2));
    expect([acknowledged.isLive, larger.isLive, larger.unread]).toEqual([false, true, 2]);
    await finishing(finish());
  });
});

describe("holding the broker back", () => {
  const buffer = { messages: 100 };

  test("lasts until every subscription is read", async () => {
    const { broker, client } = await connected({}, { buffer });
    const one = await client.subscribe("/queue/a");
    const other = await client.subscribe("/queue/b");
    let all = "";
    for (let i = 0; i < 40; i++) {
      const id = i < 10 ? one.id : other.id;
      all += `MESSAGE\nsubscription:${id}\nmessage-id:${i}\ndestination:/q\n\n${i}\0`;
    }
    broker.transport.send(all); // one chunk
    await settled();
    expect([one.unread, other.unread]).toEqual([10, 0]);
    await readAll(one, 10);
    await settled();
    expect([one.unread, other.unread]).toEqual([0, 10]);
    await readAll(other, 30);
    await settled();
    expect(client.metrics()).toMatchObject({ messagesUnread: 0, messagesReceived: 40 });
    await client.disconnect();
  });

  test("ends with a subscription that is not read any more", async () => {
    const { broker, client } = await connected({}, { buffer });
    const crowded = await client.subscribe("/queue/a");
    const other = await client.subscribe("/queue/b");
    await sendAll(broker, crowded.id, count(20));
    await sendAll(broker, other.id, ["hello"]);
    expect([crowded.unread, other.unread]).toEqual([10, 0]);
    await crowded.unsubscribe();
    await settled();
    expect(await readAll(other, 1)).toEqual(["hello"]);
    await client.disconnect();
  });

  test("does not keep a reply from whoever awaits it while he reads", async () => {
    const script: ScriptOptions = {
      connected: { server: "RabbitMQ/4.1.0" },
      onFrame: (frame, broker) => {
        if (frame.command !== "SEND") return;
        const { headers } = frame;
        const replyTo = headers.get("reply-to") ?? "";
        broker.message(replyTo, "reply", { "correlation-id": headers.get("correlation-id") ?? "" });
      },
    };
    const { broker, client } = await connected(script, { buffer });
    const subscription = await client.subscribe("/queue/a");
    await sendAll(broker, subscription.id, count(30));
    expect(subscription.unread).toBe(10);
    await subscription.next();
    expect((await client.request("/queue/service", "question")).text()).toBe("reply");
    expect(subscription.unread).toBe(29);
    await sendAll(broker, subscription.id, ["one more"]);
    expect(subscription.unread).toBe(29); // the broker is held back again
    await client.disconnect();
  });

  test("does not keep disconnect from its receipt", async () => {
    const { broker, client } = await connected({}, { buffer });
    const subscription = await client.subscribe("/queue/a");
    await sendAll(broker, subscription.id, count(30));
    await client.disconnect();
    expect(broker.closed).toEqual({ reason: undefined });
  });

  test("goes on in the next session while what was delivered in the last one is not read", async () => {
    const { broker, client } = await connected({}, { buffer, reconnect: () => 0 });
    const subscription = await client.subscribe("/queue/a");
    await sendAll(broker, subscription.id, count(10));
    broker.transport.abort(new Error("cable cut"));
    await vi.advanceTimersByTimeAsync(1);
    expect([broker.dialled, client.state, subscription.unread]).toEqual([2, "connected", 10]);
    await sendAll(broker, subscription.id, ["11"]);
    expect(subscription.unread).toBe(10);
    expect((await readAll(subscription, 11)).at(-1)).toBe("11");
    await client.disconnect();
  });

  test("is no silence of the broker, but what follows it may be", async () => {
    const { broker, client } = await connected(
      { session: { heartBeat: { outgoing: 1000, incoming: 0 } } },
      { buffer, heartBeat: { outgoing: 0, incoming: 1000 }, heartBeatTolerance: 2 },
    );
    const subscription = await client.subscribe("/queue/a");
    await sendAll(broker, subscription.id, count(10));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(client.state).toBe("connected");
    await readAll(subscription, 10);
    await vi.advanceTimersByTimeAsync(1900);
    expect(client.state).toBe("connected");
    const waiting = failure(subscription.next());
    await vi.advanceTimersByTimeAsync(200);
    expect(await waiting).toBeInstanceOf(HeartBeatError);
    expect(client.metrics().heartBeatsMissed).toBe(1);
  });
});

describe("send", () => {
  const MEBIBYTE = "x".repeat(1_048_576);

  async function overSlow() {
    const connecting = connected({ memory: { latency: 10 } });
    await vi.advanceTimersByTimeAsync(20);
    return connecting;
  }

  test("resolves when a message is handed over, and holds back while more than a mebibyte is to be written", async () => {
    const { client } = await overSlow();
    await client.send("/queue/a", "small");
    let isDone = false;
    const large = client.send("/queue/a", MEBIBYTE).then(() => (isDone = true));
    await settled();
    expect(isDone).toBe(false);
    expect(client.metrics().bytesBuffered).toBeGreaterThan(MEBIBYTE.length);
    await vi.advanceTimersByTimeAsync(10);
    await large;
    expect(client.metrics().bytesBuffered).toBe(0);
    const disconnecting = client.disconnect();
    await vi.advanceTimersByTimeAsync(50);
    await disconnecting;
  });

  test("that is held back when the connection is lost rejects: nobody knows whether the broker has it", async () => {
    const { broker, client } = await overSlow();
    const lost = failure(client.send("/queue/a", MEBIBYTE));
    broker.transport.abort(new Error("cable cut"));
    await vi.advanceTimersByTimeAsync(20);
    expect(await lost).toBeInstanceOf(ConnectionLostError);
    expect(await lost).toMatchObject({ outcome: "unknown" });
  });
});
