import { afterEach, describe, expect, test, vi } from "vitest";
import { Broker } from "../../src/broker/index.js";
import { RawClient, brief, settled } from "./raw-client.js";

const SEND = { destination: "/queue/a", receipt: "r" };

describe("a script", () => {
  test("holds receipts back until they are released, in part or all, the oldest first", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    const script = broker.script({ command: "SEND", answer: "hold-receipt" });
    for (const receipt of ["1", "2", "3"]) await client.tell("SEND", { destination: "/queue/a", receipt });
    expect(await client.heard()).toEqual([]);
    expect([script.held, script.matched, broker.queueDepth("/queue/a")]).toEqual([3, 3, 3]);
    script.release(1);
    expect(brief(await client.heard())).toEqual(["RECEIPT 1"]);
    script.remove();
    script.release();
    expect(brief(await client.heard())).toEqual(["RECEIPT 2", "RECEIPT 3"]);
    expect(brief(await client.tell("SEND", SEND))).toEqual(["RECEIPT r"]);
  });

  test("holds the receipt of DISCONNECT back, and with it the end", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    const script = broker.script({ command: "DISCONNECT", answer: "hold-receipt" });
    expect(await client.tell("DISCONNECT", { receipt: "bye" })).toEqual([]);
    expect(client.ended).toBeUndefined();
    script.release();
    expect(brief(await client.heard())).toEqual(["RECEIPT bye"]);
    expect(client.ended).toEqual({ reason: undefined });
  });

  test("releases nothing to who is gone", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    const script = broker.script({ answer: "hold-receipt" });
    await client.tell("SEND", SEND);
    await client.drop();
    script.release();
    expect(await client.heard()).toEqual([]);
  });

  test("drops receipts: the frame is handled all the same", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    broker.script({ command: "SEND", times: 1, answer: "drop-receipt" });
    expect(await client.tell("SEND", SEND)).toEqual([]);
    expect(broker.queueDepth("/queue/a")).toBe(1);
    expect(brief(await client.tell("SEND", SEND))).toEqual(["RECEIPT r"]);
  });

  test("ignores frames of clients, and keeps those of its own to itself", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    await client.subscribe("/queue/a");
    using _ignored = broker.script({ command: "SEND", times: 1, answer: "ignore" });
    expect(await client.tell("SEND", SEND)).toEqual([]);
    broker.script({ command: "MESSAGE", times: 1, answer: "ignore" });
    expect(brief(await client.tell("SEND", SEND, "1"))).toEqual(["RECEIPT r"]);
    expect(brief(await client.tell("SEND", SEND, "2"))).toEqual(["RECEIPT r", "2"]);
  });

  test("answers by an ERROR", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    const error = { message: "no", body: "because\n", headers: { "x-code": 7 }, close: false };
    broker.script({ command: "SEND", times: 1, answer: { type: "error", error } });
    broker.script({ command: "SEND", times: 1, answer: { type: "error", error: { ...error, receiptId: false } } });
    const [first] = await client.tell("SEND", SEND);
    expect(Object.fromEntries(first?.headers ?? [])).toMatchObject({ message: "no", "x-code": "7", "receipt-id": "r" });
    expect(first?.text()).toBe("because\n");
    const [second] = await client.tell("SEND", SEND);
    expect(second?.headers.has("receipt-id")).toBe(false);
    expect(broker.queueDepth("/queue/a")).toBe(0);
    expect(brief(await client.tell("SEND", SEND))).toEqual(["RECEIPT r"]);
  });

  test("refuses a CONNECT, and lets the next one in", async () => {
    await using broker = new Broker();
    broker.script({ command: "CONNECT", times: 1, answer: { type: "error", error: { message: "Bad CONNECT" } } });
    await using refused = await RawClient.connect(broker);
    expect(brief(refused.frames)).toEqual(["ERROR Bad CONNECT"]);
    expect(refused.ended).toEqual({ reason: undefined });
    await using client = await RawClient.connect(broker);
    expect(brief(client.frames)).toEqual(["CONNECTED"]);
  });
});

describe("a script that ends the connection", () => {
  test.each([
    ["before", [], 0],
    ["handled", [], 1],
    ["answered", ["RECEIPT r"], 1],
  ] as const)("in order, when the frame is %s", async (when, heard, depth) => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    broker.script({ command: "SEND", answer: { type: "close", when } });
    expect(brief(await client.tell("SEND", SEND))).toEqual(heard);
    expect(client.ended).toEqual({ reason: undefined });
    expect(broker.queueDepth("/queue/a")).toBe(depth);
  });

  test.each([
    ["before", 0],
    ["handled", 1],
    ["answered", 1],
  ] as const)("by a cut, when the frame is %s", async (when, depth) => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    broker.script({ command: "SEND", answer: when === "before" ? "cut" : { type: "cut", when } });
    await client.tell("SEND", SEND);
    expect(client.ended?.reason?.message).toBe("the peer dropped the connection");
    expect(broker.queueDepth("/queue/a")).toBe(depth);
    expect(broker.connections).toEqual([]);
  });

  test("at a frame of its own, before it or after it", async () => {
    for (const [answer, heard] of [
      ["close", []],
      [{ type: "close", when: "answered" }, ["RECEIPT r"]],
    ] as const) {
      await using broker = new Broker();
      await using client = await RawClient.connect(broker);
      broker.script({ command: "RECEIPT", answer });
      expect(brief(await client.tell("SEND", SEND))).toEqual(heard);
      expect(client.ended).toEqual({ reason: undefined });
    }
  });

  test("after so many octets of a stream, in the middle of a frame; the frame that it was about is handled", async () => {
    for (const [octets, text] of [
      [0, ""],
      [12, "RECEIPT\nrece"],
      [23, "RECEIPT\nreceipt-id:r\n\n\0"],
    ] as const) {
      await using broker = new Broker();
      await using client = await RawClient.connect(broker);
      client.chunks.length = 0;
      broker.script({ command: "SEND", answer: { type: "close-after", octets } });
      await client.tell("SEND", SEND);
      expect(client.text).toBe(text);
      expect(client.ended).toEqual({ reason: undefined });
      expect(broker.queueDepth("/queue/a")).toBe(1);
    }
  });

  test("after so many octets from a frame of its own", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    client.chunks.length = 0;
    broker.script({ command: "RECEIPT", answer: { type: "close-after", octets: 7 } });
    await client.tell("SEND", SEND);
    expect([client.text, client.ended]).toEqual(["RECEIPT", { reason: undefined }]);
  });

  test("after so many octets of messages, none of which is cut in two", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker, { memory: { kind: "messages" } });
    broker.script({ command: "SEND", times: 1, answer: { type: "close-after", octets: 40 } });
    expect(brief(await client.tell("SEND", SEND))).toEqual(["RECEIPT r"]);
    expect(await client.tell("SEND", SEND)).toEqual([]);
    expect(client.ended).toEqual({ reason: undefined });
  });

  test("leaves no subscription behind", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    broker.script({ command: "SUBSCRIBE", answer: { type: "close-after", octets: 0 } });
    await client.subscribe("/queue/a");
    expect(client.ended).toBeDefined();
    expect([broker.subscriptions("/queue/a"), broker.connections.length]).toEqual([0, 0]);
  });
});

describe("a script of silence", () => {
  test("handles frames and answers none, until it is over", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    await client.subscribe("/queue/b");
    broker.script({ command: "SEND", times: 1, answer: "silence" });
    expect(await client.tell("SEND", SEND)).toEqual([]);
    expect(await client.tell("SEND", { destination: "/queue/b" }, "1")).toEqual([]);
    expect([broker.queueDepth("/queue/a"), broker.queueDepth("/queue/b")]).toEqual([1, 1]);
    const resume = broker.connections[0]?.silence();
    resume?.();
    expect(brief(await client.heard())).toEqual(["RECEIPT r", "1"]);
  });

  test("begins with a frame of its own, which is kept too", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    broker.script({ command: "RECEIPT", times: 1, answer: "silence" });
    expect(await client.tell("SEND", SEND)).toEqual([]);
    broker.connections[0]?.silence()();
    expect(brief(await client.heard())).toEqual(["RECEIPT r"]);
  });

  test("keeps even the end to itself", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    broker.script({ command: "DISCONNECT", answer: "silence" });
    expect(await client.tell("DISCONNECT", { receipt: "bye" })).toEqual([]);
    expect(client.ended).toBeUndefined();
    expect(broker.connections).toHaveLength(1);
  });
});

describe("a script of delay", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test("lets a frame wait, and all that comes after it on the connection", async () => {
    vi.useFakeTimers();
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    await using other = await RawClient.connect(broker);
    broker.script({ command: "SEND", times: 1, answer: { type: "delay", ms: 500 } });
    await client.tell("SEND", SEND);
    expect(await client.tell("SUBSCRIBE", { id: "1", destination: "/queue/b", receipt: "s" })).toEqual([]);
    expect(brief(await other.tell("SEND", { ...SEND, receipt: "other" }))).toEqual(["RECEIPT other"]);
    await vi.advanceTimersByTimeAsync(499);
    expect(await client.heard()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(brief(await client.heard())).toEqual(["RECEIPT r", "RECEIPT s"]);
  });

  test("lets what came in the same chunk wait too", async () => {
    vi.useFakeTimers();
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    broker.script({ command: "SEND", times: 1, answer: { type: "delay", ms: 500 } });
    client.sayRaw("SEND\ndestination:a\nreceipt:1\n\n\0SEND\ndestination:a\nreceipt:2\n\n\0");
    expect(await client.heard()).toEqual([]);
    await vi.advanceTimersByTimeAsync(500);
    expect(brief(await client.heard())).toEqual(["RECEIPT 1", "RECEIPT 2"]);
  });

  test("is over with its connection", async () => {
    vi.useFakeTimers();
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    broker.script({ command: "SEND", answer: { type: "delay", ms: 500 } });
    await client.tell("SEND", SEND);
    broker.connections[0]?.cut();
    await settled();
    await vi.advanceTimersByTimeAsync(1000);
    expect(broker.queueDepth("/queue/a")).toBe(0);
  });
});
