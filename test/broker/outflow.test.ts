import { describe, expect, test } from "vitest";
import { Broker } from "../../src/broker/index.js";
import { RawClient, brief } from "./raw-client.js";

const KIB = 1024;

/** Messages that are told apart by their first octets. */
const large = (count: number, size: number): string[] =>
  Array.from({ length: count }, (_, index) => `${index} `.padEnd(size, "x"));

const numbers = (bodies: readonly string[]): number[] => bodies.map((body) => Number(body.split(" ")[0]));

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe("a client that does not read", () => {
  test.each([
    ["/queue/a", "stream"],
    ["/queue/a", "messages"],
    ["/topic/a", "stream"],
  ] as const)("gets only so much of %s over a %s; the rest waits, and comes in order", async (destination, kind) => {
    await using broker = new Broker();
    await using slow = await RawClient.connect(broker, { memory: { kind } });
    await using sender = await RawClient.connect(broker);
    await slow.subscribe(destination);
    slow.transport.pause?.();
    await sender.send(destination, ...large(100, 16 * KIB));
    expect(slow.frames).toHaveLength(1);
    if (destination === "/queue/a") {
      expect(broker.queueDepth(destination)).toBeGreaterThan(70);
      expect(broker.queueDepth(destination)).toBeLessThan(100);
    }
    slow.transport.resume?.();
    expect(numbers(brief(await slow.heard()))).toEqual(upTo(100));
    expect(broker.queueDepth(destination)).toBe(0);
  });

  test("leaves its share of a queue to who does", async () => {
    await using broker = new Broker();
    await using slow = await RawClient.connect(broker);
    await using quick = await RawClient.connect(broker);
    await slow.subscribe("/queue/a");
    await quick.subscribe("/queue/a");
    slow.transport.pause?.();
    for (const text of large(100, 16 * KIB)) await quick.send("/queue/a", text);
    expect(broker.queueDepth("/queue/a")).toBe(0);
    expect((await quick.heard()).length).toBeGreaterThan(70);
    slow.transport.resume?.();
    expect((await slow.heard()).length + quick.frames.length - 1).toBe(100);
  });

  test("loses nothing of a queue when it is gone with what waited for it", async () => {
    await using broker = new Broker();
    await using slow = await RawClient.connect(broker);
    await slow.subscribe("/queue/a", { ack: "client" });
    slow.transport.pause?.();
    await slow.send("/queue/a", ...large(50, 16 * KIB));
    await slow.drop();
    await using client = await RawClient.connect(broker);
    expect(numbers(brief(await client.subscribe("/queue/a")).map((body) => body.replace("~", "")))).toEqual(upTo(50));
  });

  test("is not read any more when what it does not take are receipts, until it takes them", async () => {
    await using broker = new Broker();
    await using slow = await RawClient.connect(broker);
    slow.transport.pause?.();
    const receipts = large(100, 100 * KIB);
    for (const receipt of receipts) slow.say("SEND", { destination: "/queue/a", receipt });
    await slow.heard();
    expect(broker.queueDepth("/queue/a")).toBeGreaterThan(40);
    expect(broker.queueDepth("/queue/a")).toBeLessThan(50);
    slow.transport.resume?.();
    const heard = await slow.heard();
    expect(heard.map(({ headers }) => headers.get("receipt-id"))).toEqual(receipts);
    expect(broker.queueDepth("/queue/a")).toBe(100);
  });
});

test("what came in one chunk is read on when the client takes its receipts again", async () => {
  await using broker = new Broker();
  await using slow = await RawClient.connect(broker);
  slow.transport.pause?.();
  const receipts = large(60, 100 * KIB);
  slow.sayRaw(receipts.map((receipt) => `SEND\ndestination:/queue/a\nreceipt:${receipt}\n\n\0`).join(""));
  await slow.heard();
  expect(broker.queueDepth("/queue/a")).toBeLessThan(60);
  slow.transport.resume?.();
  expect(await slow.heard()).toHaveLength(60);
});

describe("a connection that is silent", () => {
  test("keeps messages in their queues, and goes on in order when the silence is over", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    await client.subscribe("/queue/a");
    const resume = broker.connections[0]?.silence();
    await client.send("/queue/a", "1", "2");
    await client.tell("SEND", { destination: "/queue/a", receipt: "r" }, "3");
    expect([client.frames.length, broker.queueDepth("/queue/a")]).toEqual([1, 3]);
    resume?.();
    resume?.(); // it is over already
    expect(brief(await client.heard())).toEqual(["RECEIPT r", "1", "2", "3"]);
  });

  test("breaks off when more was kept than is kept", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    const resume = broker.connections[0]?.silence();
    for (const receipt of large(12, 100 * KIB)) client.say("SEND", { destination: "/queue/a", receipt });
    expect(await client.heard()).toEqual([]);
    expect(client.ended).toBeUndefined();
    resume?.();
    expect(await client.heard()).toEqual([]);
    expect(client.ended?.reason?.message).toBe("the peer dropped the connection");
  });

  test("can be closed all the same", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    broker.connections[0]?.silence();
    await broker.connections[0]?.close();
    expect(client.ended).toEqual({ reason: undefined });
  });
});
