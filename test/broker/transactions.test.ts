import { describe, expect, test } from "vitest";
import { Broker } from "../../src/broker/index.js";
import { VERSIONS } from "../../src/protocol/index.js";
import { RawClient, brief } from "./raw-client.js";

describe.each(VERSIONS)("a transaction in STOMP %s", (version) => {
  test("sends when it is committed, all at once and in order", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker, { versions: [version] });
    await client.subscribe("/queue/a");
    await client.tell("BEGIN", { transaction: "t" });
    expect(brief(await client.tell("SEND", { destination: "/queue/a", transaction: "t", receipt: "r" }, "1"))).toEqual([
      "RECEIPT r",
    ]);
    await client.tell("SEND", { destination: "/queue/a" }, "outside");
    await client.tell("SEND", { destination: "/queue/a", transaction: "t" }, "2");
    expect(brief(await client.heard())).toEqual([]);
    expect(brief(client.frames)).toContain("outside");
    expect(brief(await client.tell("COMMIT", { transaction: "t", receipt: "c" }))).toEqual(["RECEIPT c", "1", "2"]);
  });

  test("leaves everything when it is aborted", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker, { versions: [version] });
    await client.tell("BEGIN", { transaction: "t" });
    await client.tell("SEND", { destination: "/queue/a", transaction: "t" }, "1");
    expect(brief(await client.tell("ABORT", { transaction: "t", receipt: "a" }))).toEqual(["RECEIPT a"]);
    expect(broker.queueDepth("/queue/a")).toBe(0);
    expect(brief(await client.tell("COMMIT", { transaction: "t" }))).toEqual(['ERROR there is no transaction "t"']);
  });

  test("acknowledges when it is committed", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker, { versions: [version] });
    await client.send("/queue/a", "1", "2");
    const heard = await client.subscribe("/queue/a", { ack: "client" });
    await client.tell("BEGIN", { transaction: "t" });
    await client.settle("ACK", heard[1], { transaction: "t" });
    expect(broker.unacknowledged("/queue/a")).toBe(2);
    await client.tell("COMMIT", { transaction: "t" });
    expect(broker.unacknowledged("/queue/a")).toBe(0);
  });

  test("gives back when it is aborted what was acknowledged in it: that can be acknowledged again", async () => {
    await using broker = new Broker({ dialect: "rabbitmq" });
    await using client = await RawClient.connect(broker, { versions: [version] });
    await client.send("/queue/a", "1");
    const [message] = await client.subscribe("/queue/a", { ack: "client-individual" });
    await client.tell("BEGIN", { transaction: "t" });
    await client.settle("ACK", message, { transaction: "t" });
    const again = await client.settle("ACK", message);
    expect(again).toMatchObject([{ command: "ERROR" }]);
    await client.tell("ABORT", { transaction: "t" });
    expect(broker.unacknowledged("/queue/a")).toBe(1);
    expect(await client.settle("ACK", message)).toEqual([]);
    expect(broker.unacknowledged("/queue/a")).toBe(0);
  });

  test("is aborted with its connection", async () => {
    await using broker = new Broker();
    await using lost = await RawClient.connect(broker, { versions: [version] });
    await using client = await RawClient.connect(broker);
    await lost.send("/queue/a", "1");
    const [message] = await lost.subscribe("/queue/a", { ack: "client" });
    await lost.tell("BEGIN", { transaction: "t" });
    await lost.tell("SEND", { destination: "/queue/b", transaction: "t" }, "2");
    await lost.settle("ACK", message, { transaction: "t" });
    await lost.drop();
    expect(broker.queueDepth("/queue/b")).toBe(0);
    expect(brief(await client.subscribe("/queue/a"))).toEqual(["~1"]);
  });
});

describe("transactions", () => {
  test("refuse messages when they are committed", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    await client.send("/queue/a", "1");
    const [message] = await client.subscribe("/queue/a", { ack: "client-individual" });
    await client.tell("BEGIN", { transaction: "t" });
    expect(await client.settle("NACK", message, { transaction: "t" })).toEqual([]);
    expect(brief(await client.tell("COMMIT", { transaction: "t" }))).toEqual(["~1"]);
  });

  test("pass over an ACK whose subscription is gone by the time of the COMMIT", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    await client.send("/queue/a", "1");
    const [message] = await client.subscribe("/queue/a", { ack: "client" });
    await client.tell("BEGIN", { transaction: "t" });
    await client.settle("ACK", message, { transaction: "t" });
    await client.tell("UNSUBSCRIBE", { id: "/queue/a" });
    expect(brief(await client.tell("COMMIT", { transaction: "t", receipt: "c" }))).toEqual(["RECEIPT c"]);
    expect(broker.queueDepth("/queue/a")).toBe(1);
  });

  test("are known to one connection only, and several may be open", async () => {
    await using broker = new Broker();
    await using one = await RawClient.connect(broker);
    await using other = await RawClient.connect(broker);
    for (const client of [one, other]) await client.tell("BEGIN", { transaction: "t" });
    await one.tell("BEGIN", { transaction: "u" });
    await one.tell("SEND", { destination: "/queue/a", transaction: "u" }, "1");
    await one.tell("SEND", { destination: "/queue/a", transaction: "t" }, "2");
    await other.tell("COMMIT", { transaction: "t" });
    expect(broker.queueDepth("/queue/a")).toBe(0);
    await one.tell("COMMIT", { transaction: "t" });
    await one.tell("COMMIT", { transaction: "u" });
    expect(brief(await other.subscribe("/queue/a"))).toEqual(["2", "1"]);
  });

  test.each([
    ["BEGIN", { transaction: "open" }, 'ERROR transaction "open" has begun already'],
    ["COMMIT", { transaction: "none" }, 'ERROR there is no transaction "none"'],
    ["ABORT", { transaction: "none" }, 'ERROR there is no transaction "none"'],
    ["SEND", { destination: "/queue/a", transaction: "none" }, 'ERROR there is no transaction "none"'],
  ] as const)("are refused where there is none, or one already: %s %j", async (command, headers, error) => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    await client.tell("BEGIN", { transaction: "open" });
    expect(brief(await client.tell(command, headers))).toEqual([error]);
    expect(client.ended).toBeDefined();
  });

  test("are bounded as a queue is", async () => {
    await using broker = new Broker({ store: { messages: 1, bytes: 1000 }, dialect: "activemq" });
    await using client = await RawClient.connect(broker);
    await client.tell("BEGIN", { transaction: "t" });
    const headers = { destination: "/queue/a", transaction: "t" };
    const full = 'ERROR transaction "t" is full: limits are 1 frames, 1000 bytes';
    expect(brief(await client.tell("SEND", headers, "x".repeat(1000)))).toEqual([full]);
    expect(await client.tell("SEND", headers, "x")).toEqual([]);
    expect(brief(await client.tell("SEND", headers, "x"))).toEqual([full]);
  });

  test("are done whole or not at all: without room for all that they send, they are aborted", async () => {
    await using broker = new Broker({ store: { messages: 2 }, dialect: "activemq" });
    await using client = await RawClient.connect(broker);
    await client.send("/queue/b", "there");
    await client.tell("BEGIN", { transaction: "t" });
    for (const destination of ["/queue/a", "/queue/b"]) {
      await client.tell("SEND", { destination, transaction: "t" }, "1");
    }
    await client.send("/queue/b", "too");
    expect(brief(await client.tell("COMMIT", { transaction: "t" }))[0]).toMatch(/^ERROR queue "\/queue\/b" is full/);
    expect(broker.queueDepth("/queue/a")).toBe(0);
  });
});
