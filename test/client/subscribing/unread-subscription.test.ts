import { describe, expect, test } from "vitest";
import { ConnectionLostError, SlowConsumerError } from "../../../src/errors.js";
import { connected, failure } from "../../support/connected.js";
import { settled } from "../../support/scripted-broker.js";
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
        "read faster, ask the broker for fewer at a time (RabbitMQ: prefetch-count, ActiveMQ: activemq.prefetchSize), or allow a larger buffer",
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
});
