import { describe, expect, it } from "vitest";
import { Broker } from "../../src/broker/index.js";
import { RawClient, brief, settled } from "./raw-client.js";

const dialect = "rabbitmq";

describe("the receipt of a SEND, as RabbitMQ confirms it", () => {
  it("comes after those of later frames, and after MESSAGEs", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker);
    client.say("SEND", { destination: "/queue/a", receipt: "send1" }, "1");
    client.say("SUBSCRIBE", { id: "s", destination: "/queue/a", receipt: "sub" });
    client.say("BEGIN", { transaction: "t", receipt: "begin" });
    client.say("SEND", { destination: "/queue/a", receipt: "send2" }, "2");
    client.say("ABORT", { transaction: "t", receipt: "abort" });
    expect(brief(await client.heard())).toEqual([
      "RECEIPT sub",
      "RECEIPT begin",
      "RECEIPT abort",
      "1",
      "2",
      "RECEIPT send1",
      "RECEIPT send2",
    ]);
  });

  it("is overtaken by those of other queues, and not by those of its own", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker);
    for (const [index, queue] of ["a", "b", "a", "c", "b"].entries())
      client.say("SEND", { destination: `/queue/${queue}`, receipt: `r${index}` });
    const order = ["r1", "r4", "r3", "r0", "r2"].map((id) => `RECEIPT ${id}`);
    expect(brief(await client.heard())).toEqual(order);
    // Who waits gets each at once.
    expect(brief(await client.tell("SEND", { destination: "/queue/a", receipt: "r5" }))).toEqual(["RECEIPT r5"]);
  });

  it("is the same when all came in one chunk", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker);
    const send = (queue: string): string => `SEND\ndestination:/queue/${queue}\nreceipt:${queue}\n\n\0`;
    client.sayRaw(`${send("a")}${send("b")}BEGIN\ntransaction:t\nreceipt:begin\n\n\0`);
    expect(brief(await client.heard())).toEqual(["RECEIPT begin", "RECEIPT b", "RECEIPT a"]);
  });

  it("comes after that of the COMMIT when it is in a transaction", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker);
    await client.tell("BEGIN", { transaction: "t" });
    expect(await client.tell("SEND", { destination: "/queue/a", transaction: "t", receipt: "one" }, "1")).toEqual([]);
    expect(await client.tell("SEND", { destination: "/queue/a", transaction: "t", receipt: "two" }, "2")).toEqual([]);
    expect(brief(await client.tell("COMMIT", { transaction: "t", receipt: "commit" }))).toEqual([
      "RECEIPT commit",
      "RECEIPT one",
      "RECEIPT two",
    ]);
    expect(broker.queueDepth("/queue/a")).toBe(2);
  });

  it("never comes when the transaction is aborted", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker);
    await client.tell("BEGIN", { transaction: "t" });
    await client.tell("SEND", { destination: "/queue/a", transaction: "t", receipt: "r" });
    expect(brief(await client.tell("ABORT", { transaction: "t", receipt: "abort" }))).toEqual(["RECEIPT abort"]);
    await client.tell("BEGIN", { transaction: "t" });
    expect(brief(await client.tell("COMMIT", { transaction: "t", receipt: "commit" }))).toEqual(["RECEIPT commit"]);
  });

  it.each(["stream", "messages"] as const)("never comes after a DISCONNECT sent at once, over a %s", async (kind) => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker, { memory: { kind } });
    for (const receipt of ["r1", "r2"]) client.say("SEND", { destination: "/queue/a", receipt });
    client.say("DISCONNECT", { receipt: "bye" });
    expect(brief(await client.heard())).toEqual(kind === "stream" ? ["RECEIPT bye"] : []);
    expect(client.ended).toEqual({ reason: undefined });
    expect(broker.queueDepth("/queue/a")).toBe(2);
  });

  it("never comes after a DISCONNECT whose own receipt a script holds", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker);
    const held = broker.script({ command: "DISCONNECT", answer: "hold-receipt" });
    client.say("SEND", { destination: "/queue/a", receipt: "r" });
    client.say("DISCONNECT", { receipt: "bye" });
    expect(await client.heard()).toEqual([]);
    held.release();
    expect(brief(await client.heard())).toEqual(["RECEIPT bye"]);
  });

  it("waits for no more than a hundred frames", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker);
    for (let i = 0; i < 150; i++) client.say("SEND", { destination: `/queue/${i % 2}`, receipt: `r${i}` });
    const order = (await client.heard()).map(({ headers }) => headers.get("receipt-id"));
    expect([order[0], order[99], order[100], order.length]).toEqual(["r1", "r98", "r101", 150]);
  });

  it("is what a script says, at once", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker);
    const held = broker.script({ command: "SEND", times: 1, answer: "hold-receipt" });
    broker.script({ command: "SEND", skip: 1, times: 1, answer: { type: "close", when: "answered" } });
    client.say("SEND", { destination: "/queue/a", receipt: "held" });
    await settled();
    expect(held.held).toBe(1);
    await client.tell("SEND", { destination: "/queue/a", receipt: "passed" });
    expect(brief(await client.tell("SEND", { destination: "/queue/a", receipt: "last" }))).toEqual(["RECEIPT last"]);
    expect(client.ended).toEqual({ reason: undefined });
  });
});
