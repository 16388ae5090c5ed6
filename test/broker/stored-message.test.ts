import { describe, expect, test } from "vitest";
import { Broker } from "../../src/broker/index.js";
import { StoredMessage } from "../../src/broker/stored-message.js";
import { frameOf } from "../../src/protocol/index.js";
import { RawClient } from "./raw-client.js";

describe("a message that is kept", () => {
  test("has the sender's headers, the first of repeated ones, and not those that are the broker's or the sender's own", () => {
    const frame = frameOf("SEND", [
      ["destination", "/queue/a"],
      ["x", "1"],
      ["receipt", "r"],
      ["transaction", "t"],
      ["content-length", "5"],
      ["message-id", "forged"],
      ["subscription", "forged"],
      ["ack", "forged"],
      ["redelivered", "true"],
      ["x", "2"],
      ["__proto__", "y"],
      ["reply-to", "/queue/b"],
    ]);
    expect(StoredMessage.of(frame, "/queue/a", undefined, []).headers).toEqual([
      ["x", "1"],
      ["__proto__", "y"],
      ["reply-to", "/queue/b"],
    ]);
    expect(StoredMessage.of(frame, "/queue/a", "/reply-queue/1", ["receipt"]).headers).toEqual([
      ["x", "1"],
      ["receipt", "r"],
      ["__proto__", "y"],
      ["reply-to", "/reply-queue/1"],
    ]);
  });

  test("does not keep the chunk that its body came in", () => {
    const chunk = new Uint8Array([1, 2, 3, 4]);
    const message = StoredMessage.of(frameOf("SEND", {}, chunk.subarray(1, 3)), "/queue/a", undefined, []);
    chunk.fill(9);
    expect(message.body).toEqual(new Uint8Array([2, 3]));
    expect(message.body.buffer.byteLength).toBe(2);
  });

  test("is text if it is valid UTF-8, a byte order mark included", () => {
    const textOf = (...octets: number[]): string | undefined =>
      new StoredMessage("/queue/a", [], new Uint8Array(octets), true).text();
    expect(textOf(0xef, 0xbb, 0xbf, 0x61, 0)).toBe("\uFEFFa\0");
    expect(textOf(0xff)).toBeUndefined();
    expect(textOf()).toBe("");
  });

  test("counts its headers and its body", () => {
    expect(new StoredMessage("/queue/a", [["ab", "cde"]], new Uint8Array(10), true).size).toBe(256 + 5 + 10);
  });
});

describe("over WebSocket a MESSAGE", () => {
  test("is a text message if its body is text, and a binary one if not", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker, { memory: { kind: "messages" } });
    await client.subscribe("/queue/a");
    for (const body of ["grün", new Uint8Array([0x61, 0x62]), new Uint8Array([0xff, 0x00])]) {
      await client.tell("SEND", { destination: "/queue/a" }, body);
    }
    expect(client.chunks.map((chunk) => typeof chunk)).toEqual(["string", "string", "string", "object"]);
    expect(client.frames.at(-1)?.body).toEqual(new Uint8Array([0xff, 0x00]));
  });
});
