import { describe, expect, test } from "vitest";
import { Broker } from "../../src/broker/index.js";
import { VERSIONS } from "../../src/protocol/index.js";
import { RawClient, brief } from "./raw-client.js";

/** A subscription that ends while messages are in flight to it: they arrived in the same turn. */
function sayAll(client: RawClient, ack: string, texts: readonly string[]): void {
  client.say("SUBSCRIBE", { id: "s", destination: "/queue/a", ack });
  for (const text of texts) client.say("SEND", { destination: "/queue/a" }, text);
  client.say("UNSUBSCRIBE", { id: "s", receipt: "r" });
}

describe.each(["stream", "messages"] as const)("UNSUBSCRIBE while messages are in flight over a %s", (kind) => {
  test("gets RabbitMQ to send an ERROR for each, after the RECEIPT; with ack auto they are lost", async () => {
    await using broker = new Broker({ dialect: "rabbitmq" });
    await using client = await RawClient.connect(broker, { memory: { kind } });
    sayAll(client, "auto", ["1", "2"]);
    const heard = await client.heard();
    const error = "ERROR Subscription not found";
    expect(brief(heard)).toEqual(["RECEIPT r", error, error]);
    expect([heard[1]?.headers.has("receipt-id"), heard[1]?.headers.has("subscription")]).toEqual([false, false]);
    expect([broker.queueDepth("/queue/a"), broker.unacknowledged("/queue/a")]).toEqual([0, 0]);
    expect(brief(await client.tell("SEND", { destination: "/queue/b", receipt: "next" }))).toEqual(["RECEIPT next"]);
  });

  test("gets RabbitMQ to keep them with other modes, and what was not acknowledged, until the session ends", async () => {
    await using broker = new Broker({ dialect: "rabbitmq" });
    await using client = await RawClient.connect(broker, { memory: { kind } });
    await using other = await RawClient.connect(broker);
    await client.send("/queue/a", "0");
    await client.subscribe("/queue/a", { id: "s", ack: "client-individual" });
    client.say("SEND", { destination: "/queue/a" }, "1");
    expect(brief(await client.tell("UNSUBSCRIBE", { id: "s", receipt: "r" }))).toEqual([
      "RECEIPT r",
      "ERROR Subscription not found",
    ]);
    expect(await other.subscribe("/queue/a")).toEqual([]);
    expect([broker.queueDepth("/queue/a"), broker.unacknowledged("/queue/a")]).toEqual([0, 2]);
    await client.tell("DISCONNECT");
    expect(brief(await other.heard())).toEqual(["~0", "~1"]);
  });

  test.each(["auto", "client"])(
    "gets ActiveMQ to send them after the RECEIPT, and again to others: ack %s",
    async (ack) => {
      await using broker = new Broker({ dialect: "activemq" });
      await using client = await RawClient.connect(broker, { memory: { kind } });
      await using other = await RawClient.connect(broker);
      sayAll(client, ack, ["1", "2"]);
      const heard = await client.heard();
      expect(brief(heard)).toEqual(["RECEIPT r", "1", "2"]);
      expect(heard[1]?.headers.get("subscription")).toBe("s");
      expect(brief(await other.subscribe("/queue/a"))).toEqual(["~1", "~2"]);
    },
  );

  test("leaves them in the queue in the strict dialect", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker, { memory: { kind } });
    broker.connections[0]?.silence();
    sayAll(client, "auto", ["1", "2"]);
    await client.heard();
    expect(broker.queueDepth("/queue/a")).toBe(2);
  });
});

describe.each(VERSIONS)("what is in flight in STOMP %s", (version) => {
  test("is what waits while the client does not take what it is sent", async () => {
    await using broker = new Broker({ dialect: "rabbitmq" });
    await using client = await RawClient.connect(broker, { versions: [version] });
    await client.subscribe("/queue/a", { id: "s" });
    const resume = broker.connections[0]?.silence();
    await client.send("/queue/a", "1", "2", "3");
    expect(broker.queueDepth("/queue/a")).toBe(3);
    expect(await client.tell("UNSUBSCRIBE", { id: "s", receipt: "r" })).toEqual([]);
    expect(broker.queueDepth("/queue/a")).toBe(0);
    resume?.();
    const error = "ERROR Subscription not found";
    expect(brief(await client.heard())).toEqual(["RECEIPT r", error, error, error]);
  });
});

describe("what is in flight", () => {
  test.each([
    ["rabbitmq", 200],
    ["activemq", 1000],
  ] as const)("is no more than %s sends ahead: %d messages", async (dialect, most) => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker);
    await client.subscribe("/queue/a", { id: "s" });
    const resume = broker.connections[0]?.silence();
    await client.send("/queue/a", ...Array.from({ length: most + 5 }, String));
    await client.tell("UNSUBSCRIBE", { id: "s", receipt: "r" });
    resume?.();
    expect(await client.heard()).toHaveLength(1 + most);
    expect(broker.queueDepth("/queue/a")).toBe(dialect === "rabbitmq" ? 5 : most + 5);
  });

  test("is no more than 512 KiB, and what the prefetch allows, and the share of the subscription", async () => {
    await using broker = new Broker({ dialect: "activemq" });
    await using client = await RawClient.connect(broker);
    await using other = await RawClient.connect(broker);
    await client.subscribe("/queue/a", { id: "s" });
    await client.subscribe("/queue/b", { id: "t", ack: "client", "activemq.prefetchSize": "2" });
    await client.subscribe("/queue/c", { id: "u" });
    const resume = broker.connections[0]?.silence();
    await client.send("/queue/a", ...Array.from({ length: 10 }, () => "x".repeat(100_000)));
    await client.send("/queue/b", "1", "2", "3");
    await other.subscribe("/queue/c", { ack: "client", "activemq.prefetchSize": "1" });
    await client.send("/queue/c", "1", "2", "3");
    for (const id of ["s", "t", "u"]) await client.tell("UNSUBSCRIBE", { id, receipt: id });
    resume?.();
    const seen = brief(await client.heard()).map((text) => text.slice(0, 9));
    const large = Array.from({ length: 6 }, () => "x".repeat(9));
    expect(seen).toEqual(["RECEIPT s", ...large, "RECEIPT t", "1", "2", "RECEIPT u", "2", "3"]);
    expect(brief(await other.heard())).toEqual(["1"]);
  });

  test("goes back when a fault ends the connection in the middle", async () => {
    await using broker = new Broker({ dialect: "activemq" });
    broker.script({ command: "RECEIPT", answer: { type: "cut" } });
    await using client = await RawClient.connect(broker);
    sayAll(client, "auto", ["1", "2"]);
    expect(await client.heard()).toEqual([]);
    expect(broker.queueDepth("/queue/a")).toBe(2);
  });
});
