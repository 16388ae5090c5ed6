import { describe, expect, test } from "vitest";
import { Broker } from "../../src/broker/index.js";
import { RawClient, brief } from "./raw-client.js";

describe("a topic", () => {
  test("goes to all who subscribe to it, and to nobody who comes later", async () => {
    await using broker = new Broker();
    await using one = await RawClient.connect(broker);
    await using other = await RawClient.connect(broker);
    await one.subscribe("/topic/a");
    await other.subscribe("/topic/a");
    await other.subscribe("/topic/a", { id: "again" });
    expect(broker.subscriptions("/topic/a")).toBe(3);
    await one.send("/topic/a", "1");
    expect(brief(await one.heard())).toEqual(["1"]);
    const heard = await other.heard();
    expect(heard.map(({ headers }) => headers.get("subscription"))).toEqual(["/topic/a", "again"]);
    await using late = await RawClient.connect(broker);
    expect(await late.subscribe("/topic/a")).toEqual([]);
    expect(broker.queueDepth("/topic/a")).toBe(0);
  });

  test("goes on without who has unsubscribed or is gone", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    await using lost = await RawClient.connect(broker);
    await lost.subscribe("/topic/a");
    await client.subscribe("/topic/a");
    await client.subscribe("/topic/a", { id: "other" });
    await lost.drop();
    await client.tell("UNSUBSCRIBE", { id: "other" });
    expect(broker.subscriptions("/topic/a")).toBe(1);
    await client.send("/topic/a", "1");
    expect(brief(await client.heard())).toEqual(["1"]);
  });

  test("keeps for each subscription what it has not acknowledged, and forgets that with it", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    await client.subscribe("/topic/a", { ack: "client-individual", "prefetch-count": "1" });
    await client.send("/topic/a", "1", "2");
    const [first] = await client.heard();
    expect(client.frames).toHaveLength(2);
    const refused = await client.settle("NACK", first);
    expect(brief(refused)).toEqual(["~1"]);
    expect(brief(await client.settle("ACK", refused[0]))).toEqual(["2"]);
    await client.tell("UNSUBSCRIBE", { id: "/topic/a" });
    expect(await client.subscribe("/topic/a")).toEqual([]);
  });

  test.each([
    ["/topic/a.*", ["/topic/a.b"]],
    ["/topic/a.#", ["/topic/a", "/topic/a.b", "/topic/a.b.c"]],
    ["/topic/a.>", ["/topic/a", "/topic/a.b", "/topic/a.b.c"]],
    ["/topic/*.b", ["/topic/a.b", "/topic/c.b"]],
    ["/topic/#.c", ["/topic/a.b.c", "/topic/c"]],
    ["/topic/#.b.#.c", ["/topic/a.b.c"]],
    ["/topic/*", ["/topic/a", "/topic/c"]],
    ["/topic/>", ["/topic/a", "/topic/a.b", "/topic/a.b.c", "/topic/c", "/topic/c.b"]],
    ["/topic/a*", []],
    ["/topic/a", ["/topic/a"]],
  ])("is meant by the pattern %s if it is one of %j", async (pattern, topics) => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    await client.subscribe(pattern, { id: "pattern" });
    for (const topic of ["/topic/a", "/topic/a.b", "/topic/a.b.c", "/topic/c", "/topic/c.b", "/queue/a.b"]) {
      await client.send(topic, topic);
    }
    expect(brief(await client.heard())).toEqual(topics);
  });

  test("is matched again when patterns come and go", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    await client.send("/topic/a.b", "nobody hears it");
    await client.subscribe("/topic/a.*", { id: "pattern" });
    await client.subscribe("/topic/a.b", { id: "exact" });
    await client.send("/topic/a.b", "1");
    const subscriptions = (await client.heard()).map(({ headers }) => headers.get("subscription"));
    expect(subscriptions).toEqual(["exact", "pattern"]);
    await client.tell("UNSUBSCRIBE", { id: "pattern" });
    await client.send("/topic/a.b", "2");
    expect(brief(await client.heard())).toEqual(["2"]);
    expect(broker.subscriptions("/topic/a.b")).toBe(1);
  });

  test("ends the subscription of who is too slow for it, by an ERROR that names it, and goes on for the rest", async () => {
    await using broker = new Broker({ store: { messages: 2 }, dialect: "rabbitmq" });
    await using slow = await RawClient.connect(broker);
    await using quick = await RawClient.connect(broker);
    await slow.subscribe("/topic/a", { ack: "client" });
    await quick.subscribe("/topic/a");
    for (const text of ["1", "2", "3"]) await quick.send("/topic/a", text);
    const heard = await slow.heard();
    expect(brief(heard)).toEqual(["1", "2", 'ERROR subscription to "/topic/a" is too slow: its queue is full']);
    expect(heard[2]?.headers.get("subscription")).toBe("/topic/a");
    expect(brief(await quick.heard())).toEqual(["1", "2", "3"]);
    expect(broker.subscriptions("/topic/a")).toBe(1);
    expect(slow.ended).toBeUndefined();
    expect(await slow.settle("ACK", heard[1])).toMatchObject([{ command: "ERROR" }]);
  });

  test("ends the connection of who is too slow, where every ERROR does", async () => {
    await using broker = new Broker({ store: { messages: 1 } });
    await using slow = await RawClient.connect(broker);
    await using sender = await RawClient.connect(broker);
    await slow.subscribe("/topic/a", { ack: "client" });
    await sender.send("/topic/a", "1", "2");
    expect(brief(await slow.heard())).toEqual(["1", 'ERROR subscription to "/topic/a" is too slow: its queue is full']);
    expect(slow.ended).toEqual({ reason: undefined });
    expect(broker.connections).toHaveLength(1);
  });
});
