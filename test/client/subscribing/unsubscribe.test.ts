/** How `unsubscribe` and other ends wait for what is worked on. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Message } from "../../../src/client/messages/message.js";
import type { Status } from "../../../src/client/observing/status.js";
import type { Subscription } from "../../../src/client/subscribing/subscription.js";
import { SlowConsumerError } from "../../../src/errors.js";
import { deferred } from "../../../src/internal/deferred.js";
import { connected, failure } from "../../support/connected.js";
import { drop, kept } from "../../support/resubscribing.js";
import { type ScriptedBroker, settled } from "../../support/scripted-broker.js";
import { take } from "../../support/take.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const INDIVIDUAL = { ack: "client-individual" } as const;

/** The frames after CONNECT and SUBSCRIBE, in short. */
function sent(broker: ScriptedBroker): string[] {
  return broker.received.slice(2).map(({ command, headers }) => {
    const id = command === "ACK" || command === "NACK" ? headers.get("id") : undefined;
    return id === undefined ? command : `${command} ${id}`;
  });
}

/** Handlers that work until they are let go. */
function workers(): { go: () => void; begun: string[]; handler: (message: Message<unknown>) => Promise<void> } {
  const wait = deferred<void>();
  const begun: string[] = [];
  return {
    begun,
    go: wait.resolve,
    handler: async (message) => {
      begun.push(message.text());
      await wait.promise;
    },
  };
}

describe("unsubscribe, while handlers work", () => {
  test.each(["client", "client-individual"] as const)("loses no acknowledgement: %s", async (ack) => {
    const { broker, client } = await connected();
    const { go, begun, handler } = workers();
    const subscription = await client.subscribe("/queue/a", handler, { ack, concurrency: 2 });
    for (const text of ["1", "2", "3", "4"]) broker.message(subscription.id, text);
    await settled();
    const running = ack === "client" ? ["1"] : ["1", "2"];
    await subscription.unsubscribe(); // resolves: nothing more will be handed out
    expect(subscription.unread).toBe(0);
    broker.message(subscription.id, "5");
    await settled();
    expect(sent(broker)).toEqual([]);
    go();
    await settled();
    expect(begun).toEqual(running);
    expect(sent(broker)).toEqual([...running.map((text) => `ACK ack-m-${text}`), "UNSUBSCRIBE"]);
    await subscription.ended;
    await client.disconnect();
  });

  test("may be called and awaited by the handler itself", async () => {
    const { broker, client } = await connected();
    const unsubscribe = (): Promise<void> => subscription.unsubscribe();
    const subscription: Subscription = await client.subscribe("/queue/a", unsubscribe, INDIVIDUAL);
    broker.message(subscription.id, "1");
    broker.message(subscription.id, "2");
    await settled();
    expect(sent(broker)).toEqual(["ACK ack-m-1", "UNSUBSCRIBE"]);
    await client.disconnect();
  });

  test("refuses what a handler fails at, and then ends", async () => {
    const { broker, client } = await connected();
    client.onStatus(() => undefined);
    const handler = async (): Promise<void> => {
      await subscription.unsubscribe();
      throw new Error("bad handler");
    };
    const subscription = await client.subscribe("/queue/a", handler, INDIVIDUAL);
    broker.message(subscription.id, "1");
    await settled();
    expect(sent(broker)).toEqual(["NACK ack-m-1", "UNSUBSCRIBE"]);
    await client.disconnect();
  });

  test("with a receipt resolves when the broker has confirmed it, called once or twice", async () => {
    const { broker, client } = await connected({ receipts: false });
    const { go, handler } = workers();
    const subscription = await client.subscribe("/queue/a", handler, INDIVIDUAL);
    broker.message(subscription.id, "1");
    await settled();
    let isConfirmed = false;
    const confirmed = subscription.unsubscribe({ receipt: "r", headers: { durable: true } }).then(() => {
      isConfirmed = true;
    });
    await subscription.unsubscribe();
    go();
    await settled();
    expect(broker.of("UNSUBSCRIBE").map(({ headers }) => [...headers])).toEqual([
      [
        ["id", subscription.id],
        ["durable", "true"],
        ["receipt", "r"],
      ],
    ]);
    expect(isConfirmed).toBe(false);
    broker.send("RECEIPT", { "receipt-id": "r" });
    await confirmed;
    const closing = client.disconnect({ timeout: 10 });
    await vi.advanceTimersByTimeAsync(10);
    await closing;
  });

  test("waits no longer than its time-out: then the broker delivers again what is worked on", async () => {
    const { broker, client } = await connected();
    const { go, handler } = workers();
    const subscription = await client.subscribe("/queue/a", handler, INDIVIDUAL);
    broker.message(subscription.id, "1");
    await settled();
    const unsubscribed = subscription.unsubscribe({ timeout: 500, receipt: true });
    await vi.advanceTimersByTimeAsync(499);
    expect(sent(broker)).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    await unsubscribed;
    go();
    await settled();
    expect(sent(broker)).toEqual(["UNSUBSCRIBE"]);
    await client.disconnect();
  });

  test("sends UNSUBSCRIBE also when its signal aborts meanwhile, and nobody waits for it any more", async () => {
    const { broker, client } = await connected();
    const { go, handler } = workers();
    const subscription = await client.subscribe("/queue/a", handler, INDIVIDUAL);
    broker.message(subscription.id, "1");
    await settled();
    const abort = new AbortController();
    const unsubscribed = failure(subscription.unsubscribe({ receipt: true, signal: abort.signal }));
    const reason = new Error("no longer");
    abort.abort(reason);
    expect(await unsubscribed).toBe(reason);
    expect(subscription.isLive).toBe(true);
    go();
    await settled();
    expect(sent(broker)).toEqual(["ACK ack-m-1", "UNSUBSCRIBE"]);
    await client.disconnect();
  });

  test("ends with the session, and is not subscribed again", async () => {
    const { broker, client } = await kept();
    const { go, handler } = workers();
    const subscription = await client.subscribe("/queue/a", handler, INDIVIDUAL);
    broker.message(subscription.id, "1");
    await settled();
    const unsubscribed = subscription.unsubscribe({ receipt: true });
    await drop(broker);
    await unsubscribed;
    go();
    await settled();
    expect(subscription.isLive).toBe(false);
    expect(sent(broker)).toEqual(["CONNECT"]);
    await client.disconnect();
  });

  test("with headers that cannot be written rejects, and ends it all the same", async () => {
    const { broker, client } = await connected();
    const { go, handler } = workers();
    const subscription = await client.subscribe("/queue/a", handler, INDIVIDUAL);
    broker.message(subscription.id, "1");
    await settled();
    const bad = { headers: { a: "\0" }, receipt: true };
    const unsubscribed = failure(subscription.unsubscribe(bad));
    go();
    expect(await unsubscribed).toBeInstanceOf(Error);
    await settled();
    expect(broker.of("UNSUBSCRIBE").map(({ headers }) => [...headers])).toEqual([[["id", subscription.id]]]);
    await client.disconnect();
  });

  test("hands out nothing that is being decoded", async () => {
    const { broker, client } = await connected();
    const decoding = deferred<string>();
    const seen: string[] = [];
    const codec = { decode: () => decoding.promise };
    const subscription = await client.subscribe("/queue/a", ({ value }) => seen.push(value), { ...INDIVIDUAL, codec });
    broker.message(subscription.id, "1");
    await settled();
    await subscription.unsubscribe();
    decoding.resolve("1");
    await settled();
    expect(seen).toEqual([]);
    expect(sent(broker)).toEqual(["UNSUBSCRIBE"]);
    await client.disconnect();
  });

  test("sends UNSUBSCRIBE at once in the mode auto, and counts what is unread", async () => {
    const { broker, client } = await connected();
    const statuses: Status[] = [];
    client.onStatus((status) => statuses.push(status));
    const { go, begun, handler } = workers();
    const subscription = await client.subscribe("/queue/a", handler);
    for (const text of ["1", "2", "3"]) broker.message(subscription.id, text);
    await settled();
    await subscription.unsubscribe();
    await settled();
    expect(sent(broker)).toEqual(["UNSUBSCRIBE"]);
    expect(statuses).toEqual([{ type: "message-dropped", subscription: subscription.id, count: 2 }]);
    expect(client.metrics().messagesDropped).toBe(2);
    go();
    await settled();
    expect(begun).toEqual(["1"]);
    await client.disconnect();
  });
});

describe("unsubscribe, while a transaction has acknowledged messages", () => {
  test("is sent after its end: an ACK that is committed later would be lost", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", INDIVIDUAL);
    for (const text of ["1", "2", "3"]) broker.message(subscription.id, text);
    const transaction = await client.begin();
    for await (const message of subscription) {
      await transaction.ack(message);
      if (message.text() === "2") break;
    }
    await settled();
    expect(sent(broker)).toEqual(["BEGIN", "ACK ack-m-1", "ACK ack-m-2"]);
    await transaction.commit();
    await settled();
    expect(sent(broker).slice(-2)).toEqual(["COMMIT", "UNSUBSCRIBE"]);
    await client.disconnect();
  });
});

describe("a subscription that fails while handlers work", () => {
  test("lets them acknowledge first", async () => {
    const { broker, client } = await connected({ receipts: false });
    const statuses: Status[] = [];
    client.onStatus((status) => statuses.push(status));
    const { go, begun, handler } = workers();
    const options = { ...INDIVIDUAL, buffer: { messages: 2 }, prefetch: 2 };
    const subscription = await client.subscribe("/queue/a", handler, options);
    const pending = client.send("/queue/b", "", { receipt: "r" }); // while it waits, nothing is held back
    for (const text of ["1", "2", "3", "4", "5"]) broker.message(subscription.id, text); // more than was asked for
    await settled();
    go();
    expect(await failure(subscription.ended)).toBeInstanceOf(SlowConsumerError);
    await settled();
    expect(begun).toEqual(["1"]);
    expect(sent(broker)).toEqual(["SEND", "ACK ack-m-1", "UNSUBSCRIBE"]);
    broker.send("RECEIPT", { "receipt-id": "r" });
    await pending;
    expect(statuses.map(({ type }) => type)).toEqual(["slow-consumer", "subscription-failed"]);
    const disconnecting = client.disconnect({ timeout: 10 });
    await vi.advanceTimersByTimeAsync(10);
    await disconnecting;
  });
});

test("unsubscribe of a subscription that fails waits no longer for what its reader has", async () => {
  const { broker, client } = await connected({ receipts: false });
  const options = { ...INDIVIDUAL, buffer: { messages: 1 }, prefetch: 2 };
  const subscription = await client.subscribe("/queue/a", options);
  const transaction = await client.begin();
  broker.message(subscription.id, "1");
  await transaction.ack(await take(subscription));
  const reading = [subscription.next(), subscription.next()];
  for (const text of ["2", "3"]) broker.message(subscription.id, text);
  await Promise.all(reading);
  const pending = client.send("/queue/b", "", { receipt: "r" }); // while it waits, nothing is held back
  for (const text of ["4", "5"]) broker.message(subscription.id, text); // more than it takes: it fails
  await settled();
  await transaction.commit({ receipt: false });
  await settled();
  expect(sent(broker)).toEqual(["BEGIN", "ACK ack-m-1", "SEND", "COMMIT"]); // the reader may acknowledge what it has
  await subscription.unsubscribe();
  expect(await failure(subscription.ended)).toBeInstanceOf(SlowConsumerError);
  expect(sent(broker).slice(4)).toEqual(["UNSUBSCRIBE"]);
  broker.send("RECEIPT", { "receipt-id": "r" });
  await pending;
  const disconnecting = client.disconnect({ timeout: 10 });
  await vi.advanceTimersByTimeAsync(10);
  await disconnecting;
});

describe("an id that was used before", () => {
  const ROWS = [
    ["unsubscribe and reconnect()", true],
    ["unsubscribe and the loss of the session", false],
  ] as const;
  test.each(ROWS)("can be used again after %s", async (_, isMeant) => {
    const { broker, client } = await kept();
    const first = await client.subscribe("/queue/a", { id: "orders" });
    broker.message("orders", "1");
    expect((await take(first)).text()).toBe("1");
    await first.unsubscribe();
    if (isMeant) await client.reconnect();
    else await drop(broker);
    const second = await client.subscribe("/queue/a", { id: "orders" });
    broker.message("orders", "2");
    expect((await take(second)).text()).toBe("2");
    await client.disconnect();
  });

  test("gets no messages of the subscription before: they are counted and told", async () => {
    const { broker, client } = await connected();
    const statuses: Status[] = [];
    client.onStatus((status) => statuses.push(status));
    const subscription = await client.subscribe("/queue/a", { id: "orders" });
    broker.message("orders", "1");
    await take(subscription);
    await subscription.unsubscribe();
    broker.message("orders", "2");
    broker.message("orders", "3");
    await settled();
    expect(statuses).toEqual([
      { type: "message-dropped", subscription: "orders", count: 1 },
      { type: "message-dropped", subscription: "orders", count: 2 },
    ]);
    await client.disconnect();
  });
});
