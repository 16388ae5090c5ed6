import { describe, expect, test } from "vitest";
import { Broker } from "../../src/broker/index.js";
import { readOneFrame } from "../../src/broker/one-frame.js";
import { RawClient, brief } from "./raw-client.js";

describe("a message over WebSocket, as ActiveMQ reads it", () => {
  test.each([
    ["SEND\nx:1\n\nbody\0", "SEND\nx:1\n\nbody\0"],
    ["SEND\nx:1\n\nbody\0\n", "SEND\nx:1\n\nbody\0"],
    ["SEND\r\nx:1\r\n\r\nbody\0SEND\n\n\0", "SEND\r\nx:1\r\n\r\nbody\0"],
    ["SEND\ncontent-length:3\n\na\0b\0SEND\n\n\0", "SEND\ncontent-length:3\n\na\0b\0"],
    ["SEND\ncontent-length:5\n\né\0€", undefined],
    ["SEND\ncontent-length:6\n\né\0€\0SEND\n\n\0", "SEND\ncontent-length:6\n\né\0€\0"],
    ["SEND\ncontent-length:99999999999\n\na\0", undefined],
    ["SEND\n\ncontent-length:9\n\0", "SEND\n\ncontent-length:9\n\0"],
    ["\nSEND\n\n\0", "\nSEND\n\n\0"],
    ["\n", "\n"],
    ["\r\n", "\r\n"],
    ["\n\n", undefined],
    ["", undefined],
    ["SEND\nx:1\n", undefined],
    ["SEND\nx:1\n\nbody", undefined],
  ])("%j is %j", (message, read) => {
    expect(readOneFrame(message)).toBe(read);
  });

  test("is nothing when it is binary", () => {
    expect(readOneFrame(new Uint8Array([10]))).toBe("");
  });
});

describe("over WebSocket ActiveMQ", () => {
  const connect = (broker: Broker): Promise<RawClient> => RawClient.connect(broker, { memory: { kind: "messages" } });
  const send = (receipt: string): string => `SEND\ndestination:/queue/a\nreceipt:${receipt}\n\n\0`;

  test("drops the second frame of a message without a word", async () => {
    await using broker = new Broker({ dialect: "activemq" });
    await using client = await connect(broker);
    client.sayRaw(`${send("1")}${send("2")}`);
    client.sayRaw("\n");
    client.sayRaw(send("3"));
    expect(brief(await client.heard())).toEqual(["RECEIPT 1", "RECEIPT 3"]);
    expect(client.ended).toBeUndefined();
    expect(broker.queueDepth("/queue/a")).toBe(2);
  });

  test("ignores binary messages", async () => {
    await using broker = new Broker({ dialect: "activemq" });
    await using client = await connect(broker);
    client.transport.send(new TextEncoder().encode(send("1")));
    client.sayRaw(send("2"));
    expect(brief(await client.heard())).toEqual(["RECEIPT 2"]);
  });

  test.each([
    ["two line feeds", "\n\n"],
    ["a part of a frame", "SEND\ndestination:/queue/a\n\nhel"],
  ])("closes without a word after %s", async (_what, text) => {
    await using broker = new Broker({ dialect: "activemq" });
    await using client = await connect(broker);
    client.sayRaw(text);
    expect(await client.heard()).toEqual([]);
    expect(client.ended).toEqual({ reason: undefined });
  });

  test.each(["rabbitmq", "strict"] as const)("is not %s, which takes frames however they come", async (dialect) => {
    await using broker = new Broker({ dialect });
    await using client = await connect(broker);
    client.sayRaw(`${send("1")}${send("2").slice(0, 20)}`);
    client.transport.send(new TextEncoder().encode(send("2").slice(20)));
    client.sayRaw("\n\n");
    expect(brief(await client.heard())).toEqual(["RECEIPT 1", "RECEIPT 2"]);
  });

  test("reads over TCP what it gets", async () => {
    await using broker = new Broker({ dialect: "activemq" });
    await using client = await RawClient.connect(broker);
    client.sayRaw(`\n\n${send("1")}${send("2")}`);
    expect(brief(await client.heard())).toEqual(["RECEIPT 1", "RECEIPT 2"]);
  });
});
