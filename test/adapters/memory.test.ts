import { afterEach, describe, expect, test, vi } from "vitest";
import { memoryPair, type MemoryOptions } from "../../src/adapters/memory.js";
import { joined, octetsOf, RecordingSink } from "../support/recording-sink.js";
import { type Connection, contract } from "./contract.js";

function open(options: MemoryOptions): Promise<Connection> {
  const [transport, other] = memoryPair(options);
  const sink = new RecordingSink();
  other.start(sink);
  return Promise.resolve({
    transport,
    peer: {
      received: async (octets) => {
        await sink.until(() => sink.octets >= octets || sink.ends.length > 0);
        return sink.chunks;
      },
      send: (chunk) => other.send(chunk),
      end: () => void other.close(),
      drop: () => other.abort(new Error("dropped")),
      pause: () => other.pause?.(),
      resume: () => other.resume?.(),
      ended: sink.end().then((reason) => (reason === undefined ? "orderly" : "dropped")),
    },
    [Symbol.asyncDispose]: async () => {
      transport.abort(new Error("the test is over"));
      await transport.close();
      await other.close();
    },
  });
}

contract("a memory stream", { kind: "stream", pauses: true, open: () => open({}) });
contract("a memory stream of odd chunks", {
  kind: "stream",
  pauses: true,
  open: () => open({ chunkSize: [1, 1000, 70_000] }),
});
contract("a memory pair of messages", { kind: "messages", pauses: true, open: () => open({ kind: "messages" }) });

describe("memoryPair", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test("cuts what is sent into chunks of the sizes given, over and over", async () => {
    await using connection = await open({ chunkSize: [1, 3] });
    connection.transport.send("abcdefghij");
    expect((await connection.peer.received(10)).map((chunk) => new TextDecoder().decode(octetsOf(chunk)))).toEqual([
      "a",
      "bcd",
      "e",
      "fgh",
      "i",
      "j",
    ]);
  });

  test("delivers after its latency, in order, and the end behind it", async () => {
    vi.useFakeTimers();
    const [one, other] = memoryPair({ latency: 100 });
    const sink = new RecordingSink();
    other.start(sink);
    one.send("a");
    await vi.advanceTimersByTimeAsync(60);
    one.send("b");
    const closing = one.close();
    await vi.advanceTimersByTimeAsync(39);
    expect(sink.text).toBe("");
    await vi.advanceTimersByTimeAsync(1);
    expect(sink.text).toBe("a");
    await vi.advanceTimersByTimeAsync(60);
    expect(sink.text).toBe("ab");
    expect(sink.ends).toEqual([undefined]);
    await vi.advanceTimersByTimeAsync(100);
    await closing;
    expect(vi.getTimerCount()).toBe(0);
  });

  test("breaks after a number of octets, and both ends learn of it", async () => {
    const [one, other] = memoryPair({ cutAfter: 5 });
    const [ones, others] = [new RecordingSink(), new RecordingSink()];
    one.start(ones);
    other.start(others);
    one.send("abc");
    one.send("def");
    one.send("ghi");
    expect(await others.end()).toEqual(new Error("the connection was cut after 5 octets"));
    expect(others.text).toBe("abcde");
    expect(ones.ends).toEqual([new Error("the connection was cut after 5 octets")]);
  });

  test("loses the message that would pass the cut", async () => {
    const [one, other] = memoryPair({ kind: "messages", cutAfter: 5 });
    const sink = new RecordingSink();
    other.start(sink);
    one.send("abc");
    one.send("def");
    await sink.end();
    expect(sink.chunks).toEqual(["abc"]);
  });

  test("does not keep the sender's memory", async () => {
    const [one, other] = memoryPair();
    const sink = new RecordingSink();
    other.start(sink);
    const octets = octetsOf("abc");
    one.send(octets);
    octets.fill(0);
    expect(await sink.received(3)).toBe("abc");
    expect(joined(sink.chunks)).not.toBe(octets);
    await one.close();
  });

  test.each([
    [{ chunkSize: 0 }, new RangeError("chunkSize must be a positive integer, not 0")],
    [{ chunkSize: [1, 1.5] }, new RangeError("chunkSize must be a positive integer, not 1.5")],
    [{ kind: "messages", chunkSize: 1 }, new TypeError("chunkSize is for a stream: messages stay whole")],
    [{ latency: -1 }, new RangeError("latency must be from 0 to 2147483647 ms, not -1")],
    [{ cutAfter: 0 }, new RangeError("cutAfter must be a positive number of octets, not 0")],
  ] as const)("refuses %o", (options, error) => {
    expect(() => memoryPair(options)).toThrow(error);
  });
});
