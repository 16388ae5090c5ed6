import { describe, expect, test } from "vitest";
import { Broker } from "../../src/broker/index.js";
import { VERSIONS } from "../../src/protocol/index.js";
import { RawClient, brief } from "./raw-client.js";

describe.each(VERSIONS)("in STOMP %s", (version) => {
  test("a subscription with ack auto needs no ACK, and an ACK of it is refused", async () => {
    await using broker = new Broker({ dialect: "activemq" });
    await using client = await RawClient.connect(broker, { versions: [version] });
    await client.subscribe("/queue/a");
    await client.send("/queue/a", "1");
    const [message] = await client.heard();
    expect(message?.headers.has("ack")).toBe(false);
    expect([broker.queueDepth("/queue/a"), broker.unacknowledged("/queue/a")]).toEqual([0, 0]);
    expect(await client.settle("ACK", message)).toMatchObject([{ command: "ERROR" }]);
  });

  test("an ACK with ack client is cumulative, for its subscription alone", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker, { versions: [version] });
    await using other = await RawClient.connect(broker);
    await client.send("/queue/a", "1", "2", "3", "4", "5");
    await client.send("/queue/b", "b");
    await client.subscribe("/queue/b", { ack: "client" });
    const heard = await client.subscribe("/queue/a", { ack: "client" });
    await client.settle("ACK", heard[2]);
    expect([broker.unacknowledged("/queue/a"), broker.unacknowledged("/queue/b")]).toEqual([2, 1]);
    await client.drop();
    expect(brief(await other.subscribe("/queue/a"))).toEqual(["~4", "~5"]);
  });

  test("an ACK with ack client-individual is of one message, in any order", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker, { versions: [version] });
    await using other = await RawClient.connect(broker);
    await client.send("/queue/a", "1", "2", "3");
    const heard = await client.subscribe("/queue/a", { ack: "client-individual" });
    await client.settle("ACK", heard[2]);
    await client.settle("ACK", heard[0]);
    await client.drop();
    expect(brief(await other.subscribe("/queue/a"))).toEqual(["~2"]);
  });

  test("a message that was acknowledged cannot be acknowledged again", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker, { versions: [version] });
    await client.send("/queue/a", "1");
    const [message] = await client.subscribe("/queue/a", { ack: "client" });
    expect(await client.settle("ACK", message, { receipt: "r" })).toMatchObject([{ command: "RECEIPT" }]);
    const [error] = await client.settle("ACK", message);
    const id = message?.headers.get(version === "1.2" ? "ack" : "message-id");
    expect(error?.headers.get("message")).toBe(`there is no message "${id}" to acknowledge`);
  });

  test("MESSAGE has the headers that it must have", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker, { versions: [version] });
    await client.subscribe("/queue/a", { ack: "client" });
    const sent = { destination: "/queue/a", "content-type": "text/plain", x: "1", receipt: "r" };
    const [, message] = await client.tell("SEND", sent, "hello");
    expect([...(message?.headers ?? [])]).toEqual([
      ["subscription", "/queue/a"],
      ["destination", "/queue/a"],
      ["message-id", "session-1-1"],
      ...(version === "1.2" ? [["ack", "ack-1"]] : []),
      ["content-type", "text/plain"],
      ["x", "1"],
      ["content-length", "5"],
    ]);
  });
});

describe.each(["1.1", "1.2"] as const)("a NACK in STOMP %s", (version) => {
  test("puts the message back: it goes out again, before what is new", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker, { versions: [version] });
    await client.send("/queue/a", "1", "2", "3");
    const [first] = await client.subscribe("/queue/a", { ack: "client-individual", "prefetch-count": "1" });
    const [again] = await client.settle("NACK", first);
    expect(brief([again!])).toEqual(["~1"]);
    expect(again?.headers.get("message-id")).not.toBe(first?.headers.get("message-id"));
    expect(brief(await client.settle("ACK", again))).toEqual(["2"]);
  });

  test("is cumulative with ack client", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker, { versions: [version] });
    await client.send("/queue/a", "1", "2", "3");
    const heard = await client.subscribe("/queue/a", { ack: "client" });
    expect(brief(await client.settle("NACK", heard[1]))).toEqual(["~1", "~2"]);
  });

  test("with requeue:false, or where the option says so, sends it to the dead letters", async () => {
    for (const [options, headers] of [
      [{}, { requeue: "false" }],
      [{ nack: "dead-letter" }, {}],
    ] as const) {
      await using broker = new Broker(options);
      await using client = await RawClient.connect(broker, { versions: [version] });
      await client.send("/queue/a", "1");
      const [message] = await client.subscribe("/queue/a", { ack: "client" });
      expect(await client.settle("NACK", message, headers)).toEqual([]);
      const [letter] = await client.subscribe("/queue/DLQ", { ack: "client" });
      expect(letter?.text()).toBe("1");
      expect(letter?.headers.get("original-destination")).toBe("/queue/a");
      // Refused there too, it is gone.
      expect(await client.settle("NACK", letter, headers)).toEqual([]);
      expect([broker.queueDepth("/queue/DLQ"), broker.unacknowledged("/queue/DLQ")]).toEqual([0, 0]);
    }
  });

  test("drops the oldest of the dead letters when there is no room", async () => {
    await using broker = new Broker({ nack: "dead-letter", store: { messages: 2 } });
    await using client = await RawClient.connect(broker, { versions: [version] });
    await client.subscribe("/queue/a", { ack: "client" });
    for (const text of ["1", "2", "3"]) {
      await client.send("/queue/a", text);
      const [message] = await client.heard();
      await client.settle("NACK", message);
    }
    expect(brief(await client.subscribe("/queue/DLQ"))).toEqual(["2", "3"]);
  });
});

describe("what is refused", () => {
  test.each([
    [
      "SUBSCRIBE",
      { id: "1", destination: "/queue/a", ack: "some" },
      'ack mode "some" is unknown: it is auto, client or client-individual',
    ],
    ["SUBSCRIBE", { id: "mine", destination: "/queue/b" }, 'there is a subscription "mine" already'],
    ["SUBSCRIBE", { id: "1", destination: "" }, "the destination is empty"],
    [
      "SUBSCRIBE",
      { id: "1", destination: "/reply-queue/session-1-1" },
      '"/reply-queue/session-1-1" is private to a connection',
    ],
    ["UNSUBSCRIBE", { id: "none" }, 'there is no subscription "none"'],
    ["ACK", { id: "none" }, 'there is no message "none" to acknowledge'],
    ["NACK", { id: "none" }, 'there is no message "none" to acknowledge'],
    ["SEND", { destination: "" }, "the destination is empty"],
  ] as const)("%s %j", async (command, headers, message) => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    await client.subscribe("/queue/a", { id: "mine" });
    const [error] = await client.tell(command, { ...headers, receipt: "r" });
    expect(Object.fromEntries(error?.headers ?? [])).toMatchObject({ message, "receipt-id": "r" });
    expect(client.ended).toEqual({ reason: undefined });
  });

  test("an ACK of 1.1 that names another subscription", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker, { versions: ["1.1"] });
    await client.send("/queue/a", "1");
    const [message] = await client.subscribe("/queue/a", { ack: "client" });
    const id = message?.headers.get("message-id") ?? "";
    const [error] = await client.tell("ACK", { "message-id": id, subscription: "other" });
    expect(error?.headers.get("message")).toBe(`message "${id}" is not of subscription "other"`);
  });
});

describe("in STOMP 1.0 a subscription without an id", () => {
  test("is known by its destination", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker, { versions: ["1.0"] });
    await client.tell("SUBSCRIBE", { destination: "/queue/a", ack: "client" });
    await client.send("/queue/a", "1");
    const [message] = await client.heard();
    expect(message?.headers.has("subscription")).toBe(false);
    expect(await client.tell("ACK", { "message-id": message?.headers.get("message-id") })).toEqual([]);
    expect(await client.tell("UNSUBSCRIBE", { destination: "/queue/a" })).toEqual([]);
    expect(broker.subscriptions("/queue/a")).toBe(0);
  });
});

describe("a reply queue", () => {
  test("is made by sending with it as reply-to, and brings the answers without a SUBSCRIBE", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    await using server = await RawClient.connect(broker);
    await server.subscribe("/queue/rpc");
    await client.tell(
      "SEND",
      { destination: "/queue/rpc", "reply-to": "/temp-queue/x", "correlation-id": "7" },
      "ping",
    );
    const [request] = await server.heard();
    const replyTo = request?.headers.get("reply-to") ?? "";
    expect(replyTo).toBe("/reply-queue/session-1-1");
    await server.tell("SEND", { destination: replyTo, "correlation-id": "7" }, "pong");
    const [reply] = await client.heard();
    expect(reply?.text()).toBe("pong");
    expect(Object.fromEntries(reply?.headers ?? [])).toMatchObject({
      subscription: "/temp-queue/x",
      "correlation-id": "7",
    });
    expect(broker.connections[0]?.subscriptions).toEqual([
      { id: "/temp-queue/x", destination: "/temp-queue/x", ack: "auto", unacknowledged: 0 },
    ]);
  });

  test("is another one for each connection, and its own owner can send to it by its name", async () => {
    await using broker = new Broker();
    await using one = await RawClient.connect(broker);
    await using other = await RawClient.connect(broker);
    await one.tell("SEND", { destination: "/temp-queue/x" }, "mine");
    expect(brief(await one.heard())).toEqual([]);
    expect(brief(one.frames)).toEqual(["CONNECTED", "mine"]);
    expect(await other.heard()).toEqual([]);
  });

  test("is gone with its connection, and late answers with it", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    await using server = await RawClient.connect(broker);
    await client.tell("SEND", { destination: "/queue/rpc", "reply-to": "/temp-queue/x" });
    await client.drop();
    await server.tell("SEND", { destination: "/reply-queue/session-1-1", receipt: "r" });
    expect(broker.queueDepth("/reply-queue/session-1-1")).toBe(0);
    expect(server.ended).toBeUndefined();
  });

  test.each([
    [
      "SUBSCRIBE",
      { id: "1", destination: "/temp-queue/x" },
      '"/temp-queue/x" is subscribed to by sending with it as reply-to',
    ],
    ["UNSUBSCRIBE", { id: "/temp-queue/x" }, 'subscription "/temp-queue/x" lasts as long as the connection'],
  ] as const)("allows no %s", async (command, headers, message) => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    await client.tell("SEND", { destination: "/queue/a", "reply-to": "/temp-queue/x" });
    expect(brief(await client.tell(command, headers))).toEqual([`ERROR ${message}`]);
  });

  test("is subscribed to, as ActiveMQ has it", async () => {
    await using broker = new Broker({ dialect: "activemq" });
    await using client = await RawClient.connect(broker);
    await client.subscribe("/temp-queue/x", { ack: "client" });
    await client.tell("SEND", { destination: "/queue/a", "reply-to": "/temp-queue/x" });
    await using server = await RawClient.connect(broker);
    const [request] = await server.subscribe("/queue/a");
    const replyTo = request?.headers.get("reply-to") ?? "";
    expect(replyTo).toBe("/remote-temp-queue/ID:session-1-1");
    await server.send(replyTo, "pong");
    expect(brief(await client.heard())).toEqual(["pong"]);
    await client.tell("UNSUBSCRIBE", { id: "/temp-queue/x" });
    expect(broker.queueDepth(replyTo)).toBe(1);
  });
});
