import { describe, expect, test } from "vitest";
import { Broker } from "../../src/broker/index.js";
import { RawClient, brief } from "./raw-client.js";

describe("a queue", () => {
  test("keeps messages in order until somebody subscribes, and delivers each once", async () => {
    await using broker = new Broker();
    await using sender = await RawClient.connect(broker);
    await sender.send("/queue/a", "1", "2", "3");
    expect(broker.queueDepth("/queue/a")).toBe(3);
    await using one = await RawClient.connect(broker);
    expect(brief(await one.subscribe("/queue/a"))).toEqual(["1", "2", "3"]);
    await using other = await RawClient.connect(broker);
    expect(await other.subscribe("/queue/a")).toEqual([]);
    expect(broker.queueDepth("/queue/a")).toBe(0);
    expect(broker.subscriptions("/queue/a")).toBe(2);
  });

  test("takes any destination that is no topic", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    await client.send("plain", "hello");
    expect(brief(await client.subscribe("plain"))).toEqual(["hello"]);
  });

  test("shares messages out among its subscribers by turns", async () => {
    await using broker = new Broker();
    const consumers = await Promise.all([1, 2, 3].map(() => RawClient.connect(broker)));
    for (const consumer of consumers) await consumer.subscribe("/queue/a");
    await using sender = await RawClient.connect(broker);
    await sender.send("/queue/a", "1", "2", "3", "4", "5", "6", "7");
    const heard = await Promise.all(consumers.map((consumer) => consumer.heard()));
    expect(heard.map(brief)).toEqual([
      ["1", "4", "7"],
      ["2", "5"],
      ["3", "6"],
    ]);
  });

  test("shares out fairly what was there before the second subscriber, by credit", async () => {
    await using broker = new Broker();
    await using one = await RawClient.connect(broker);
    await using other = await RawClient.connect(broker);
    await one.send("/queue/a", "1", "2", "3", "4", "5");
    const limited = { ack: "client-individual", "prefetch-count": "1" };
    const first = await one.subscribe("/queue/a", limited);
    const second = await other.subscribe("/queue/a", limited);
    expect([brief(first), brief(second)]).toEqual([["1"], ["2"]]);
    expect(broker.queueDepth("/queue/a")).toBe(3);
    // Who is quicker gets more.
    const third = await one.settle("ACK", first[0]);
    const fourth = await one.settle("ACK", third[0]);
    expect([brief(third), brief(fourth)]).toEqual([["3"], ["4"]]);
    expect(brief(await other.settle("ACK", second[0]))).toEqual(["5"]);
  });

  test("takes prefetch as ActiveMQ names it, and refuses one that is no number", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    await client.send("/queue/a", "1", "2", "3");
    const heard = await client.subscribe("/queue/a", { ack: "client", "activemq.prefetchSize": "2" });
    expect(brief(heard)).toEqual(["1", "2"]);
    expect(brief(await client.subscribe("/queue/b", { "prefetch-count": "many" }))).toEqual([
      'ERROR prefetch-count "many" is no number',
    ]);
  });

  test("gives back what a lost client did not acknowledge, first and in its old order", async () => {
    await using broker = new Broker();
    await using lost = await RawClient.connect(broker);
    await using client = await RawClient.connect(broker);
    await client.send("/queue/a", "1", "2", "3");
    const heard = await lost.subscribe("/queue/a", { ack: "client-individual" });
    await lost.settle("ACK", heard[1]);
    expect(broker.unacknowledged("/queue/a")).toBe(2);
    await lost.drop();
    expect([broker.queueDepth("/queue/a"), broker.unacknowledged("/queue/a")]).toEqual([2, 0]);
    await client.send("/queue/a", "4");
    expect(brief(await client.subscribe("/queue/a"))).toEqual(["~1", "~3", "4"]);
  });

  test("puts what several clients give back in the order it was sent", async () => {
    await using broker = new Broker();
    await using one = await RawClient.connect(broker);
    await using other = await RawClient.connect(broker);
    for (const client of [one, other]) await client.subscribe("/queue/a", { ack: "client" });
    await one.send("/queue/a", "1", "2", "3", "4", "5");
    expect(brief(await other.tell("UNSUBSCRIBE", { id: "/queue/a" }))).toEqual(["2", "4"]);
    expect(brief(await one.heard())).toEqual(["1", "3", "5", "~2", "~4"]);
    await one.drop();
    expect(brief(await other.subscribe("/queue/a"))).toEqual(["~1", "~2", "~3", "~4", "~5"]);
  });

  test("puts what clients give back one after another in between what waits already", async () => {
    await using broker = new Broker();
    const clients = await Promise.all([1, 2, 3].map(() => RawClient.connect(broker)));
    for (const client of clients) await client.subscribe("/queue/a", { ack: "client" });
    await using last = await RawClient.connect(broker);
    await last.send("/queue/a", "1", "2", "3", "4", "5", "6", "7");
    for (const index of [1, 0, 2]) await clients[index]?.drop();
    expect(brief(await last.subscribe("/queue/a"))).toEqual(["~1", "~2", "~3", "~4", "~5", "~6", "~7"]);
  });

  test("gives what an unsubscribed subscription left to the others at once", async () => {
    await using broker = new Broker();
    await using one = await RawClient.connect(broker);
    await using other = await RawClient.connect(broker);
    await one.subscribe("/queue/a", { ack: "client" });
    await one.send("/queue/a", "1", "2");
    await other.subscribe("/queue/a");
    expect(brief(await one.tell("UNSUBSCRIBE", { id: "/queue/a", receipt: "u" }))).toEqual(["1", "2", "RECEIPT u"]);
    expect(brief(await other.heard())).toEqual(["~1", "~2"]);
  });

  test("is forgotten when nothing is left in it and nobody subscribes to it", async () => {
    await using broker = new Broker({ store: { messages: 1 } });
    await using client = await RawClient.connect(broker);
    await client.send("/queue/a", "1");
    await client.subscribe("/queue/a");
    await client.tell("UNSUBSCRIBE", { id: "/queue/a" });
    expect([broker.queueDepth("/queue/a"), broker.subscriptions("/queue/a")]).toEqual([0, 0]);
  });
});

describe("the bounds of what is kept", () => {
  test("refuse a SEND that a queue has no room for, and the receipt is named", async () => {
    await using broker = new Broker({ store: { messages: 2 }, dialect: "activemq" });
    await using client = await RawClient.connect(broker);
    await client.send("/queue/a", "1", "2");
    const heard = await client.tell("SEND", { destination: "/queue/a", receipt: "r" }, "3");
    expect(brief(heard)).toEqual(['ERROR queue "/queue/a" is full: limits are 2 messages, 268435456 bytes']);
    expect(heard[0]?.headers.get("receipt-id")).toBe("r");
    expect(broker.queueDepth("/queue/a")).toBe(2);
  });

  test("count what was sent to a client and is not acknowledged", async () => {
    await using broker = new Broker({ store: { messages: 1 }, dialect: "activemq" });
    await using client = await RawClient.connect(broker);
    await client.subscribe("/queue/a", { ack: "client" });
    await client.send("/queue/a", "1");
    const [message] = await client.heard();
    expect(brief(await client.tell("SEND", { destination: "/queue/a" }, "2"))[0]).toMatch(/^ERROR queue .* is full/);
    await client.settle("ACK", message);
    expect(brief(await client.tell("SEND", { destination: "/queue/a" }, "3"))).toEqual(["3"]);
  });

  test("count octets, of a queue and of all queues together", async () => {
    await using broker = new Broker({ store: { bytes: 1000, totalBytes: 1600 }, dialect: "activemq" });
    await using client = await RawClient.connect(broker);
    const refused = async (destination: string): Promise<string[]> =>
      brief(await client.tell("SEND", { destination }, "x".repeat(500)));
    expect(await refused("/queue/a")).toEqual([]);
    expect(await refused("/queue/a")).toEqual([
      'ERROR queue "/queue/a" is full: limits are 100000 messages, 1000 bytes',
    ]);
    expect(await refused("/queue/b")).toEqual([]);
    expect(await refused("/queue/c")).toEqual(["ERROR the broker is full: it holds 1512 bytes, limit is 1600"]);
    await client.subscribe("/queue/a");
    expect(await refused("/queue/c")).toEqual([]);
  });
});
