import { describe, expect, test } from "vitest";
import { Broker, type BrokerOptions } from "../../src/broker/index.js";
import { RawClient, brief } from "./raw-client.js";

/** An ERROR of a frame that asked for a receipt, and what the client can do after it. */
async function afterRefusal(options: BrokerOptions): Promise<{ error: Record<string, string>; then: string[] }> {
  await using broker = new Broker(options);
  await using client = await RawClient.connect(broker);
  const [error] = await client.tell("UNSUBSCRIBE", { id: "none", receipt: "r" });
  const then = brief(await client.tell("SEND", { destination: "/queue/a", receipt: "next" }));
  return { error: Object.fromEntries(error?.headers ?? []), then };
}

describe("the strict dialect", () => {
  test("ends the connection after an ERROR, which names the receipt", async () => {
    const { error, then } = await afterRefusal({});
    expect(error).toEqual({
      message: 'there is no subscription "none"',
      "content-type": "text/plain",
      "receipt-id": "r",
      "content-length": "0",
    });
    expect(then).toEqual([]);
  });

  test("sends the receipt of a SEND before the sender's own MESSAGE", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    await client.subscribe("/queue/a");
    const heard = await client.tell("SEND", { destination: "/queue/a", receipt: "r" }, "1");
    expect(brief(heard)).toEqual(["RECEIPT r", "1"]);
    expect(heard[1]?.headers.has("redelivered")).toBe(false);
    expect(heard[1]?.headers.has("receipt")).toBe(false);
  });

  test("confirms DISCONNECT, then closes, over either kind of transport", async () => {
    for (const kind of ["stream", "messages"] as const) {
      await using broker = new Broker();
      await using client = await RawClient.connect(broker, { memory: { kind } });
      expect(brief(await client.tell("DISCONNECT", { receipt: "bye" }))).toEqual(["RECEIPT bye"]);
      expect(client.ended).toEqual({ reason: undefined });
      expect(broker.connections).toEqual([]);
    }
  });
});

describe("the dialect of RabbitMQ", () => {
  const dialect = "rabbitmq";

  test("goes on after an ERROR, which names no receipt", async () => {
    const { error, then } = await afterRefusal({ dialect });
    expect(error).toEqual({
      message: "No subscription found",
      "content-type": "text/plain",
      version: "1.0,1.1,1.2",
      "content-length": "31",
    });
    expect(then).toEqual(["RECEIPT next"]);
  });

  test("leaves the connection open after it refused a CONNECT, but not after octets that are no frame", async () => {
    await using broker = new Broker({ dialect, users: {} });
    await using client = await RawClient.connect(broker);
    expect(brief(client.frames)).toEqual(["ERROR Bad CONNECT"]);
    expect(client.frames[0]?.text()).toBe("access refused for login (none)");
    expect(client.ended).toBeUndefined();
    await using other = await RawClient.dial(broker);
    other.sayRaw("GET / HTTP/1.1\r\n\r\n\0");
    expect(await other.heard()).toEqual([]);
    expect(other.ended).toEqual({ reason: undefined });
  });

  test("sends the sender's own MESSAGE before the receipt, but no MESSAGE before the receipt of its SUBSCRIBE", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker);
    await client.send("/queue/a", "1");
    expect(brief(await client.subscribe("/queue/a", { receipt: "s" }))).toEqual(["RECEIPT s", "1"]);
    const heard = await client.tell("SEND", { destination: "/queue/a", receipt: "r" }, "2");
    expect(brief(heard)).toEqual(["2", "RECEIPT r"]);
  });

  test("says of every MESSAGE whether it is redelivered, names it in ack, and passes the sender's receipt on", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker);
    await client.subscribe("/queue/a", { ack: "client" });
    const [message] = await client.tell("SEND", { destination: "/queue/a", receipt: "r", x: "1" }, "2");
    expect([...(message?.headers ?? [])]).toEqual([
      ["subscription", "/queue/a"],
      ["destination", "/queue/a"],
      ["message-id", "T_/queue/a@@session-1@@1"],
      ["ack", "T_/queue/a@@session-1@@1"],
      ["redelivered", "false"],
      ["receipt", "r"],
      ["x", "1"],
      ["content-length", "1"],
    ]);
    expect(await client.settle("ACK", message)).toEqual([]);
  });

  test("counts a body unless it is empty", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker);
    await client.subscribe("/queue/a");
    client.sayRaw("SEND\ndestination:/queue/a\n\n\0SEND\ndestination:/queue/a\n\n1\0");
    const heard = await client.heard();
    expect(heard.map(({ headers }) => headers.get("content-length"))).toEqual([undefined, "1"]);
  });

  test("writes a line feed after each frame", async () => {
    for (const kind of ["stream", "messages"] as const) {
      await using broker = new Broker({ dialect });
      await using client = await RawClient.connect(broker, { memory: { kind } });
      expect(client.text).toMatch(/^CONNECTED\nversion:1\.2\nheart-beat:0,0\nserver:RabbitMQ\/3\.10\.8\n[^\0]+\0\n$/);
    }
  });

  test("does not confirm DISCONNECT over WebSocket, where the close is the answer", async () => {
    await using broker = new Broker({ dialect });
    await using webSocket = await RawClient.connect(broker, { memory: { kind: "messages" } });
    expect(await webSocket.tell("DISCONNECT", { receipt: "bye" })).toEqual([]);
    expect(webSocket.ended).toEqual({ reason: undefined });
    await using tcp = await RawClient.connect(broker);
    expect(brief(await tcp.tell("DISCONNECT", { receipt: "bye" }))).toEqual(["RECEIPT bye"]);
  });
});

describe("the dialect of ActiveMQ", () => {
  const dialect = "activemq";

  test("goes on after an ERROR, which names the receipt", async () => {
    const { error, then } = await afterRefusal({ dialect });
    expect(error).toEqual({
      message: 'there is no subscription "none"',
      "content-type": "text/plain",
      "receipt-id": "r",
    });
    expect(then).toEqual(["RECEIPT next"]);
  });

  test("counts the octets of an ERROR's body only where that has a NUL", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker);
    broker.connections[0]?.error({ message: "no", body: "because" });
    broker.connections[0]?.error({ message: "no", body: "a\0b" });
    const heard = await client.heard();
    expect(heard.map((frame) => [frame.headers.get("content-length"), frame.text()])).toEqual([
      [undefined, "because"],
      ["3", "a\0b"],
    ]);
  });

  test("ends the connection after it refused a CONNECT", async () => {
    await using broker = new Broker({ dialect, users: {} });
    await using client = await RawClient.connect(broker);
    expect(client.ended).toEqual({ reason: undefined });
  });

  test("sends what is refused by NACK to the dead letters at once", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker);
    await client.send("/queue/a", "1");
    const [message] = await client.subscribe("/queue/a", { ack: "client" });
    await client.settle("NACK", message);
    expect([broker.queueDepth("/queue/a"), broker.queueDepth("/queue/DLQ")]).toEqual([0, 1]);
  });

  test("writes a line feed after each frame on a stream alone", async () => {
    await using broker = new Broker({ dialect });
    await using tcp = await RawClient.connect(broker);
    await using webSocket = await RawClient.connect(broker, { memory: { kind: "messages" } });
    expect([tcp.text.endsWith("\0\n"), webSocket.text.endsWith("\n\n\0")]).toEqual([true, true]);
  });
});

test("an option goes before the dialect", async () => {
  await using broker = new Broker({ dialect: "activemq", server: "mine/1", nack: "requeue" });
  await using client = await RawClient.connect(broker);
  expect(client.frames[0]?.headers.get("server")).toBe("mine/1");
  await client.send("/queue/a", "1");
  const [message] = await client.subscribe("/queue/a", { ack: "client" });
  expect(brief(await client.settle("NACK", message))).toEqual(["~1"]);
});
