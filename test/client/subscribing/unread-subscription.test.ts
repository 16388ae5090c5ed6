import { describe, expect, test } from "vitest";
import type { Message } from "../../../src/client/messages/message.js";
import { ConnectionLostError, SlowConsumerError } from "../../../src/errors.js";
import { type Deferred, deferred } from "../../../src/internal/deferred.js";
import { connected, failure } from "../../support/connected.js";
import { settled } from "../../support/scripted-broker.js";
import { statusesOf } from "../../support/statuses.js";
import { take } from "../../support/take.js";

describe("a subscription that is not read", () => {
  test("holds the peer back, and lets it go when it is read", async () => {
    const { broker, client } = await connected({}, { buffer: { messages: 100 } });
    const subscription = await client.subscribe("/queue/a");
    for (let i = 0; i < 60; i++) broker.message(subscription.id, String(i));
    await settled();
    expect(subscription.unread).toBe(10); // a tenth, and not one frame more is decoded
    const texts: string[] = [];
    for (let i = 0; i < 60; i++) texts.push((await take(subscription)).text());
    expect(texts).toEqual(Array.from({ length: 60 }, (_, i) => String(i)));
    await client.disconnect();
  });

  test("does not hold it back while a receipt is awaited: that would never come", async () => {
    const { broker, client } = await connected({ receipts: false }, { buffer: { messages: 100 } });
    const subscription = await client.subscribe("/queue/a");
    for (let i = 0; i < 30; i++) broker.message(subscription.id, String(i));
    await settled();
    expect(subscription.unread).toBe(10);
    const sending = client.send("/queue/b", "x", { receipt: "r" });
    await settled();
    broker.send("RECEIPT", { "receipt-id": "r" });
    await sending;
    expect(subscription.unread).toBe(30);
    await client.disconnect({ timeout: 1 });
  });

  test("fails when it has more than its buffer takes; what it has can still be read", async () => {
    const { broker, client } = await connected({ receipts: false }, { buffer: { messages: 20 } });
    const subscription = await client.subscribe("/queue/a");
    const other = await client.subscribe("/queue/b");
    const pending = failure(client.send("/queue/b", "x", { receipt: "r" })); // so that the peer is not held back
    for (let i = 0; i < 25; i++) broker.message(subscription.id, String(i));
    await settled();
    expect(broker.of("UNSUBSCRIBE")).toHaveLength(1);
    expect(subscription.isLive).toBe(false);
    for (let i = 0; i < 20; i++) expect((await take(subscription)).text()).toBe(String(i));
    const error = await failure(subscription.next());
    expect(error).toBeInstanceOf(SlowConsumerError);
    expect(error).toMatchObject({
      message:
        `subscription ${subscription.id} to /queue/a has 20 unread messages of 30 bytes and gets another of 2, its buffer takes 20 of 67108864 bytes; ` +
        'read faster, use the ack mode "client-individual", which bounds what comes ahead, or allow a larger buffer',
    });
    expect(other.isLive).toBe(true);
    expect(client.state).toBe("connected");
    await client.disconnect({ timeout: 1 });
    expect(await pending).toBeInstanceOf(ConnectionLostError);
  });

  test("that is held back still hears what came before the end", async () => {
    const { broker, client } = await connected({}, { buffer: { messages: 100 } });
    const subscription = await client.subscribe("/queue/a");
    let all = "";
    for (let i = 0; i < 40; i++)
      all += `MESSAGE\nsubscription:${subscription.id}\nmessage-id:${i}\ndestination:/queue/a\n\n${i}\0`;
    broker.transport.send(all); // one chunk
    await settled();
    expect(subscription.unread).toBe(10);
    broker.transport.abort(new Error("cable cut"));
    await broker.gone;
    await settled();
    for (let i = 0; i < 40; i++) expect((await take(subscription)).text()).toBe(String(i));
    await expect(subscription.next()).rejects.toBeInstanceOf(ConnectionLostError);
  });

  test("a message that is decoded when its subscription ends is dropped and counted, in the mode auto", async () => {
    const { broker, client } = await connected();
    const told = statusesOf(client);
    const value = deferred<string>();
    const subscription = await client.subscribe("/queue/a", { codec: { decode: () => value.promise } });
    const next = subscription.next();
    broker.message(subscription.id, "1");
    await settled();
    await subscription.unsubscribe();
    value.resolve("one");
    expect(await next).toEqual({ done: true, value: undefined });
    expect(told).toContainEqual({ type: "message-dropped", subscription: subscription.id, count: 1 });
    expect(client.metrics().messagesDropped).toBe(1);
    await client.disconnect();
  });

  test("disconnect() waits for a handler that works off what came before its subscription failed", async () => {
    const { broker, client } = await connected({ receipts: false }, { buffer: { messages: 1 } });
    client.onStatus(() => undefined);
    const decoding: Deferred<string>[] = [];
    const codec = {
      decode: () => {
        const value = deferred<string>();
        decoding.push(value);
        return value.promise;
      },
    };
    const seen: string[] = [];
    const handler = (message: Message<string>): number => seen.push(message.value);
    const subscription = await client.subscribe("/queue/a", handler, { codec });
    const sending = client.send("/queue/b", "", { receipt: "r" }); // so that the peer is not held back
    for (const text of ["1", "2", "3"]) broker.message(subscription.id, text);
    await settled();
    broker.send("RECEIPT", { "receipt-id": "r" });
    await sending;
    const disconnecting = client.disconnect();
    decoding[0]?.resolve("one");
    await settled();
    expect(broker.of("DISCONNECT")).toEqual([]);
    const bye = broker.frame("DISCONNECT");
    decoding[1]?.resolve("two");
    broker.send("RECEIPT", { "receipt-id": (await bye).headers.get("receipt") });
    await disconnecting;
    expect(seen).toEqual(["one", "two"]);
  });
});
