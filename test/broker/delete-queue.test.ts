import { describe, expect, test } from "vitest";
import { Broker } from "../../src/broker/index.js";
import { VERSIONS } from "../../src/protocol/index.js";
import { RawClient, brief } from "./raw-client.js";

describe.each(VERSIONS)("a queue that is deleted, in STOMP %s", (version) => {
  test.each(["stream", "messages"] as const)(
    "ends its subscriptions, and not the connection, as RabbitMQ has it, over a %s",
    async (kind) => {
      await using broker = new Broker({ dialect: "rabbitmq" });
      await using client = await RawClient.connect(broker, { versions: [version], memory: { kind } });
      await client.send("/queue/a", "1", "2");
      const [message] = await client.subscribe("/queue/a", { id: "mine", ack: "client", "prefetch-count": "1" });
      expect(broker.deleteQueue("/queue/a")).toBe(true);
      const heard = await client.heard();
      expect(brief(heard)).toEqual(["ERROR Server cancelled subscription"]);
      expect(heard[0]?.headers.get("subscription")).toBe("mine");
      expect(heard[0]?.text()).toBe('queue "/queue/a" was deleted');
      expect(brief(await client.tell("UNSUBSCRIBE", { id: "mine", receipt: "r" }))).toEqual([
        "ERROR No subscription found",
      ]);
      expect(brief(await client.settle("ACK", message))).toEqual(["ERROR Subscription not found"]);
      // A queue of that name is another one.
      await client.send("/queue/a", "3");
      expect(brief(await client.subscribe("/queue/a", { id: "mine" }))).toEqual(["3"]);
    },
  );
});

describe("a queue that is deleted", () => {
  test("ends the connections of its subscribers where every ERROR does", async () => {
    await using broker = new Broker();
    await using one = await RawClient.connect(broker);
    await using other = await RawClient.connect(broker);
    for (const client of [one, other]) await client.subscribe("/queue/a", { ack: "client", "prefetch-count": "1" });
    await one.send("/queue/a", "1", "2", "3");
    expect([brief(await one.heard()), brief(await other.heard())]).toEqual([["1"], ["2"]]);
    broker.deleteQueue("/queue/a");
    // What was acknowledged by neither is not given to the other.
    const error = 'ERROR queue "/queue/a" was deleted';
    expect([brief(await one.heard()), brief(await other.heard())]).toEqual([[error], [error]]);
    expect([one.ended, other.ended]).toEqual([{ reason: undefined }, { reason: undefined }]);
    expect([broker.queueDepth("/queue/a"), broker.unacknowledged("/queue/a")]).toEqual([0, 0]);
  });

  test("takes no room any more, with what was in it, out with clients, or kept for an end of a session", async () => {
    const room = { messages: 10, bytes: 3000, totalBytes: 3000 };
    await using broker = new Broker({ dialect: "rabbitmq", store: room });
    await using client = await RawClient.connect(broker);
    await using sender = await RawClient.connect(broker);
    await client.subscribe("/queue/a", { id: "kept", ack: "client", "prefetch-count": "1" });
    await sender.send("/queue/a", ...["1", "2", "3"].map((text) => text.repeat(600)));
    await client.tell("UNSUBSCRIBE", { id: "kept" });
    await client.subscribe("/queue/a", { id: "out", ack: "client", "prefetch-count": "1" });
    expect([broker.queueDepth("/queue/a"), broker.unacknowledged("/queue/a")]).toEqual([1, 2]);
    broker.deleteQueue("/queue/a");
    await client.drop();
    const heard = await sender.tell("SEND", { destination: "/queue/b", receipt: "r" }, "x".repeat(2700));
    expect(brief(heard)).toEqual(["RECEIPT r"]);
  });

  test("ends a connection that has several subscriptions to it once", async () => {
    await using broker = new Broker({ store: { messages: 10, bytes: 3000, totalBytes: 3000 } });
    await using client = await RawClient.connect(broker);
    for (const id of ["1", "2"]) await client.subscribe("/queue/a", { id, ack: "client", "prefetch-count": "1" });
    await client.send("/queue/a", "1", "2");
    await client.heard();
    broker.deleteQueue("/queue/a");
    expect(brief(await client.heard())).toEqual(['ERROR queue "/queue/a" was deleted']);
    await using other = await RawClient.connect(broker);
    const [error] = await other.tell("SEND", { destination: "/queue/b" }, "x".repeat(3000));
    expect(error?.headers.get("message")).toMatch(/it holds 0 bytes/);
  });

  test("is not there to be deleted again, nor a topic", async () => {
    await using broker = new Broker({ dialect: "rabbitmq" });
    await using client = await RawClient.connect(broker);
    await client.send("/queue/a", "1");
    await client.subscribe("/topic/a");
    expect(["/queue/a", "/queue/a", "/topic/a"].map((name) => broker.deleteQueue(name))).toEqual([true, false, false]);
    expect(broker.queueDepth("/queue/a")).toBe(0);
    expect(broker.subscriptions("/topic/a")).toBe(1);
  });
});
