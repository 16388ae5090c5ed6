import { describe, expect, test, vi } from "vitest";
import { Broker } from "../../src/broker/index.js";
import { RawClient, brief, settled } from "./raw-client.js";

const dialect = "rabbitmq";

describe("the receipt of a SEND, as RabbitMQ confirms it", () => {
  test("comes after those of later frames, and after MESSAGEs", async () => {
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

  test("is overtaken by those of other queues, and not by those of its own", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker);
    for (const [index, queue] of ["a", "b", "a", "c", "b"].entries())
      client.say("SEND", { destination: `/queue/${queue}`, receipt: `r${index}` });
    const order = ["r1", "r4", "r3", "r0", "r2"].map((id) => `RECEIPT ${id}`);
    expect(brief(await client.heard())).toEqual(order);
    // Who waits gets each at once.
    expect(brief(await client.tell("SEND", { destination: "/queue/a", receipt: "r5" }))).toEqual(["RECEIPT r5"]);
  });

  test("is the same when all came in one chunk", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker);
    const send = (queue: string): string => `SEND\ndestination:/queue/${queue}\nreceipt:${queue}\n\n\0`;
    client.sayRaw(`${send("a")}${send("b")}BEGIN\ntransaction:t\nreceipt:begin\n\n\0`);
    expect(brief(await client.heard())).toEqual(["RECEIPT begin", "RECEIPT b", "RECEIPT a"]);
  });

  test("comes after that of the COMMIT when it is in a transaction", async () => {
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

  test("never comes when the transaction is aborted", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker);
    await client.tell("BEGIN", { transaction: "t" });
    await client.tell("SEND", { destination: "/queue/a", transaction: "t", receipt: "r" });
    expect(brief(await client.tell("ABORT", { transaction: "t", receipt: "abort" }))).toEqual(["RECEIPT abort"]);
    await client.tell("BEGIN", { transaction: "t" });
    expect(brief(await client.tell("COMMIT", { transaction: "t", receipt: "commit" }))).toEqual(["RECEIPT commit"]);
  });

  test.each(["stream", "messages"] as const)("never comes after a DISCONNECT sent at once, over a %s", async (kind) => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker, { memory: { kind } });
    for (const receipt of ["r1", "r2"]) client.say("SEND", { destination: "/queue/a", receipt });
    client.say("DISCONNECT", { receipt: "bye" });
    expect(brief(await client.heard())).toEqual(kind === "stream" ? ["RECEIPT bye"] : []);
    expect(client.ended).toEqual({ reason: undefined });
    expect(broker.queueDepth("/queue/a")).toBe(2);
  });

  test("never comes after a DISCONNECT whose own receipt a script holds", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker);
    const held = broker.script({ command: "DISCONNECT", answer: "hold-receipt" });
    client.say("SEND", { destination: "/queue/a", receipt: "r" });
    client.say("DISCONNECT", { receipt: "bye" });
    expect(await client.heard()).toEqual([]);
    held.release();
    expect(brief(await client.heard())).toEqual(["RECEIPT bye"]);
  });

  test("waits for no more than a hundred frames", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker);
    for (let i = 0; i < 150; i++) client.say("SEND", { destination: `/queue/${i % 2}`, receipt: `r${i}` });
    const order = (await client.heard()).map(({ headers }) => headers.get("receipt-id"));
    expect([order[0], order[99], order[100], order.length]).toEqual(["r1", "r98", "r101", 150]);
  });

  test("is what a script says, at once", async () => {
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

describe("what RabbitMQ does besides", () => {
  test("begins a transaction again, without what was in it", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker);
    await client.send("/queue/b", "b");
    const [message] = await client.subscribe("/queue/b", { ack: "client" });
    expect(brief(await client.tell("BEGIN", { transaction: "t", receipt: "one" }))).toEqual(["RECEIPT one"]);
    await client.tell("SEND", { destination: "/queue/a", transaction: "t", receipt: "gone" }, "1");
    await client.settle("ACK", message, { transaction: "t" });
    expect(brief(await client.tell("BEGIN", { transaction: "t", receipt: "two" }))).toEqual(["RECEIPT two"]);
    await client.settle("ACK", message, { transaction: "t" });
    await client.tell("SEND", { destination: "/queue/a", transaction: "t", receipt: "kept" }, "2");
    const heard = await client.tell("COMMIT", { transaction: "t", receipt: "commit" });
    expect(brief(heard)).toEqual(["RECEIPT commit", "RECEIPT kept"]);
    expect(brief(await client.subscribe("/queue/a"))).toEqual(["2"]);
    expect(broker.unacknowledged("/queue/b")).toBe(0);
  });

  test("subscribes who asks for answers to them, and lets nobody else", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker);
    await using server = await RawClient.connect(broker);
    await server.subscribe("/queue/rpc");
    await client.tell("SEND", { destination: "/queue/rpc", "reply-to": "/temp-queue/x" }, "ping");
    const [request] = await server.heard();
    const replyTo = request?.headers.get("reply-to") ?? "";
    expect(replyTo).toMatch(/^\/reply-queue\//);
    await server.send(replyTo, "pong");
    const [reply] = await client.heard();
    expect([reply?.headers.get("subscription"), reply?.text()]).toEqual(["/temp-queue/x", "pong"]);
    for (const [command, headers] of [
      ["SUBSCRIBE", { id: "1", destination: "/temp-queue/x" }],
      ["UNSUBSCRIBE", { id: "/temp-queue/x" }],
    ] as const) {
      expect(await client.tell(command, { ...headers, receipt: "r" })).toMatchObject([{ command: "ERROR" }]);
    }
    await server.send(replyTo, "again");
    expect(brief(await client.heard())).toEqual(["again"]);
    await client.drop();
    await server.send(replyTo, "late");
    expect([broker.queueDepth(replyTo), server.ended]).toEqual([0, undefined]);
  });

  test.each(["stream", "messages"] as const)(
    "closes after 10 s when it refused the CONNECT over a %s",
    async (kind) => {
      vi.useFakeTimers();
      try {
        await using broker = new Broker({ dialect, users: {} });
        await using client = await RawClient.connect(broker, { memory: { kind } });
        await vi.advanceTimersByTimeAsync(9999);
        expect(client.ended).toBeUndefined();
        await vi.advanceTimersByTimeAsync(1);
        expect(brief(client.frames)).toEqual(["ERROR Bad CONNECT"]);
        expect(client.ended).toEqual({ reason: undefined });
      } finally {
        vi.useRealTimers();
      }
    },
  );
});

describe.each(["stream", "messages"] as const)("an ERROR of RabbitMQ over a %s", (kind) => {
  /** Over WebSocket what ends the connection is not said. */
  const last = (...said: readonly string[]): readonly string[] => (kind === "stream" ? said : []);

  test("of a SUBSCRIBE whose id is in use is followed by the RECEIPT, and the end", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker, { memory: { kind } });
    await client.subscribe("/queue/a", { id: "s" });
    const heard = await client.subscribe("/queue/b", { id: "s", receipt: "r" });
    expect(brief(heard)).toEqual(last("ERROR Duplicated subscription identifier", "RECEIPT r"));
    expect(client.ended).toEqual({ reason: undefined });
  });

  test("of a SUBSCRIBE that is not allowed is too, by a script", async () => {
    await using broker = new Broker({ dialect });
    broker.script({
      command: "SUBSCRIBE",
      answer: { type: "error", error: { message: "access_refused", close: true, receipt: "after" } },
    });
    await using client = await RawClient.connect(broker, { memory: { kind } });
    const heard = await client.subscribe("/queue/a", { receipt: "r" });
    expect(brief(heard)).toEqual(last("ERROR access_refused", "RECEIPT r"));
    expect(client.ended).toEqual({ reason: undefined });
  });

  test.each(["client", "auto"])("of an ACK too many with ack %s follows the RECEIPT, and the end it", async (ack) => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker, { memory: { kind }, versions: ["1.1"] });
    await client.send("/queue/a", "1");
    const [message] = await client.subscribe("/queue/a", { ack });
    if (ack === "client") expect(await client.settle("ACK", message)).toEqual([]);
    const heard = await client.settle("ACK", message, { receipt: "r" });
    expect(brief(heard)).toEqual(["RECEIPT r", ...last("ERROR precondition_failed")]);
    expect(client.ended).toEqual({ reason: undefined });
  });

  test.each([
    ["ACK", { id: "none" }, "Subscription not found"],
    ["NACK", { id: "T_other@@session-1@@1" }, "Subscription not found"],
    ["UNSUBSCRIBE", { id: "none" }, "No subscription found"],
    ["COMMIT", { transaction: "none" }, "Bad transaction"],
    ["SEND", { destination: "/nonsense/x" }, "Unknown destination"],
    ["SUBSCRIBE", { id: "s", destination: "/nonsense/x" }, "Unknown destination"],
    ["SEND", { destination: "" }, "Invalid destination"],
  ] as const)("of %s %j names no receipt, and the connection goes on", async (command, headers, error) => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker, { memory: { kind } });
    const heard = await client.tell(command, { ...headers, receipt: "r" });
    expect(brief(heard)).toEqual([`ERROR ${error}`]);
    expect(heard[0]?.headers.has("receipt-id")).toBe(false);
    expect(brief(await client.tell("SEND", { destination: "plain", receipt: "next" }))).toEqual(["RECEIPT next"]);
  });

  test("of an ACK after the UNSUBSCRIBE is no end", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker, { memory: { kind } });
    await client.send("/queue/a", "1");
    const [message] = await client.subscribe("/queue/a", { ack: "client" });
    await client.tell("UNSUBSCRIBE", { id: "/queue/a" });
    expect(brief(await client.settle("ACK", message))).toEqual(["ERROR Subscription not found"]);
    expect(client.ended).toBeUndefined();
  });

  test("of a CONNECT without a common version leaves the connection open", async () => {
    await using broker = new Broker({ dialect, versions: ["1.2", "1.1"] });
    await using client = await RawClient.connect(broker, { memory: { kind }, versions: ["1.0"] });
    expect(brief(client.frames)).toEqual(["ERROR Version mismatch"]);
    expect(client.frames[0]?.headers.get("version")).toBe("1.1,1.2");
    expect(client.ended).toBeUndefined();
  });

  test("of a CONNECT while the node starts is one that a script gives, so many times", async () => {
    await using broker = new Broker({ dialect });
    const starting = broker.script({
      command: ["CONNECT", "STOMP"],
      times: 2,
      answer: { type: "error", error: { message: "Bad CONNECT" } },
    });
    const seen: string[] = [];
    for (let i = 0; i < 3; i++) {
      await using client = await RawClient.connect(broker, { memory: { kind } });
      seen.push(...brief(client.frames));
      expect(client.ended).toBeUndefined();
    }
    expect(seen).toEqual(["ERROR Bad CONNECT", "ERROR Bad CONNECT", "CONNECTED"]);
    expect(starting.matched).toBe(2);
  });
});
