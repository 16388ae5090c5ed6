import { describe, expect, test } from "vitest";
import { Broker } from "../../src/broker/index.js";
import { VERSIONS } from "../../src/protocol/index.js";
import { RawClient, brief } from "./raw-client.js";

const dialect = "activemq";

describe.each(VERSIONS)("ActiveMQ in STOMP %s", (version) => {
  test("lets two subscriptions have one id; UNSUBSCRIBE ends the second, and nothing the first", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker, { versions: [version] });
    await client.subscribe("/queue/a", { id: "1" });
    expect(brief(await client.subscribe("/queue/b", { id: "1", ack: "client", receipt: "r" }))).toEqual(["RECEIPT r"]);
    for (const queue of ["a", "b"]) await client.send(`/queue/${queue}`, queue);
    const heard = await client.heard();
    expect(brief(heard)).toEqual(["a", "b"]);
    expect(heard.map(({ headers }) => headers.get("subscription"))).toEqual(["1", "1"]);
    expect(await client.settle("ACK", heard[1])).toEqual([]);
    expect(broker.connections[0]?.subscriptions.map(({ destination }) => destination)).toEqual([
      "/queue/a",
      "/queue/b",
    ]);
    expect(await client.tell("UNSUBSCRIBE", { id: "1" })).toEqual([]);
    expect([broker.subscriptions("/queue/a"), broker.subscriptions("/queue/b")]).toEqual([1, 0]);
    const [error] = await client.tell("UNSUBSCRIBE", { id: "1", receipt: "u" });
    expect([error?.command, error?.headers.get("receipt-id")]).toEqual(["ERROR", "u"]);
    await client.send("/queue/a", "still");
    expect(brief(await client.heard())).toEqual(["still"]);
    broker.deleteQueue("/queue/a");
    expect(broker.connections[0]?.subscriptions).toEqual([]);
    await client.subscribe("/queue/a", { id: "1" });
    await client.subscribe("/queue/a", { id: "1" });
    await client.drop();
    expect(broker.subscriptions("/queue/a")).toBe(0);
  });

  test.each(["stream", "messages"] as const)("counts a body over a %s if its SEND did", async (kind) => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker, { versions: [version], memory: { kind } });
    await client.subscribe("/queue/a", { ack: "client" });
    client.sayRaw("SEND\ndestination:/queue/a\n\nté\0");
    client.sayRaw("SEND\ndestination:/queue/a\ncontent-length:2\n\na\0\0");
    const heard = await client.heard();
    expect(heard.map(({ headers }) => headers.get("content-length"))).toEqual([undefined, "2"]);
    expect(brief(heard)).toEqual(["té", "a\0"]);
  });

  test("takes an ack mode that it does not know as auto", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker, { versions: [version] });
    await client.send("/queue/a", "1");
    const heard = await client.subscribe("/queue/a", { ack: "some", receipt: "r" });
    expect(brief(heard)).toEqual(["RECEIPT r", "1"]);
    expect(broker.connections[0]?.subscriptions[0]?.ack).toBe("auto");
    expect(broker.unacknowledged("/queue/a")).toBe(0);
  });
});
