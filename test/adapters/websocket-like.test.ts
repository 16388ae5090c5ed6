import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Transport } from "../../src/transport.js";
import { never } from "../support/dialling.js";
import { octetsOf, RecordingSink } from "../support/recording-sink.js";
import {
  dialFake,
  type FakeOptions,
  fakeSockJs,
  FakeWebSocket,
  TerminableWebSocket,
} from "../support/web-socket-fake.js";

async function opened<Socket extends FakeWebSocket>(
  socket: Socket,
): Promise<{ socket: Socket; transport: Transport; sink: RecordingSink }> {
  const dialling = dialFake(socket);
  socket.fire("open");
  const transport = await dialling;
  const sink = new RecordingSink();
  transport.start(sink);
  return { socket, transport, sink };
}

const BROKEN_OFF = "the WebSocket broke off";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** What each platform fires when the server resets the connection. */
const RESETS: readonly (readonly [string, (socket: FakeWebSocket) => void, string])[] = [
  ["Chromium, ws, Bun and Node 22", (socket) => socket.fire("close", { code: 1006 }), `${BROKEN_OFF} (code 1006)`],
  [
    "Firefox, WebKit and Node 24, after an error",
    (socket) => (socket.fire("error", {}), socket.fire("close", { code: 1006 })),
    `${BROKEN_OFF} (code 1006)`,
  ],
  [
    "Deno, with close code 0",
    (socket) => (socket.fire("error", {}), socket.fire("close", { code: 0 })),
    `${BROKEN_OFF} (code 0)`,
  ],
  ["one whose close event is missing", (socket) => socket.fire("close"), `${BROKEN_OFF} (code 0)`],
  [
    "one that closes twice, and differently",
    (socket) => (socket.fire("close", { code: 1011 }), socket.fire("close", { code: 1000 })),
    "the WebSocket was closed with code 1011 (internal error)",
  ],
];

describe("an open WebSocket", () => {
  test("asks for ArrayBuffer before anything can arrive", () => {
    const socket = new FakeWebSocket();
    void dialFake(socket);
    expect(socket.binaryType).toBe("arraybuffer");
  });

  test("may have been open when it was made", async () => {
    const socket = new FakeWebSocket({ readyState: 1 });
    const transport = await dialFake(socket);
    transport.send("a");
    expect(socket.sent).toEqual(["a"]);
  });

  test.each(RESETS)("reports once that the server reset it, as %s fires it", async (_, script, message) => {
    const { socket, transport, sink } = await opened(new FakeWebSocket());
    script(socket);
    await transport.close();
    expect(sink.ends).toEqual([new Error(message)]);
    expect(socket.isForgotten).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("is given up after an error that no close follows", async () => {
    const { socket, sink } = await opened(new FakeWebSocket());
    socket.fire("error", {});
    await vi.advanceTimersByTimeAsync(1999);
    expect(sink.ends).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(sink.ends).toEqual([new Error("the WebSocket broke, the platform gives no reason")]);
    expect(socket.closes).toEqual([undefined]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("takes octets as an ArrayBuffer and as a view of one", async () => {
    const { socket, sink } = await opened(new FakeWebSocket());
    socket.fire("message", { data: octetsOf("ab").slice().buffer });
    socket.fire("message", { data: octetsOf("xcdx").subarray(1, 3) });
    socket.fire("message", { data: "e" });
    expect(sink.text).toBe("abcde");
  });

  test("ends, and is dropped, when it delivers what is neither", async () => {
    const { socket, transport, sink } = await opened(new FakeWebSocket());
    socket.fire("message", { data: new Blob(["a"]) });
    expect(sink.ends).toEqual([new Error("binary messages have an unknown type")]);
    expect(socket.closes).toEqual([undefined]);
    await transport.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("drops what a platform refuses to send once it closes, as workerd does", async () => {
    const { transport, sink } = await opened(
      new FakeWebSocket({
        onSend: () => {
          throw new TypeError("Can't call WebSocket send() after close().");
        },
      }),
    );
    transport.send("a");
    expect(sink.ends).toEqual([]);
  });

  test("takes nothing more once the other side closes it, and is given up if its end does not come", async () => {
    const { socket, transport, sink } = await opened(new FakeWebSocket());
    expect(transport.isClosing).toBe(false);
    socket.readyState = 2;
    expect(transport.isClosing).toBe(true);
    transport.send("a");
    expect(socket.sent).toEqual([]);
    await vi.advanceTimersByTimeAsync(1999);
    expect(sink.ends).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(sink.ends).toEqual([new Error("the WebSocket broke, the platform gives no reason")]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("tells the code of a close that it noticed before", async () => {
    const { socket, transport, sink } = await opened(new FakeWebSocket());
    socket.readyState = 2;
    transport.send("a");
    socket.fire("close", { code: 4401, reason: "token expired" });
    expect(sink.ends).toEqual([new Error("the WebSocket was closed with code 4401: token expired")]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("is noticed to be closing while somebody waits for it to drain", async () => {
    const { socket, transport, sink } = await opened(new FakeWebSocket());
    socket.bufferedAmount = 100_000;
    const draining = transport.drained();
    socket.readyState = 2;
    await vi.advanceTimersByTimeAsync(2020);
    await draining;
    expect(sink.ends).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("does not take a close of its own for one of the other side", async () => {
    const { socket, transport, sink } = await opened(new FakeWebSocket());
    socket.bufferedAmount = 100_000;
    let drained = false;
    const draining = transport.drained().then(() => (drained = true));
    void transport.close();
    socket.readyState = 2;
    expect(transport.isClosing).toBe(false);
    await vi.advanceTimersByTimeAsync(1990);
    expect(drained).toBe(false);
    await vi.advanceTimersByTimeAsync(10);
    await draining;
    expect(sink.ends).toEqual([new Error("the peer did not take the last 100000 bytes within 2000 ms")]);
  });

  test("is drained once little is buffered, or at once if it ends", async () => {
    const { socket, transport } = await opened(new FakeWebSocket());
    socket.bufferedAmount = 65_536;
    await transport.drained();
    socket.bufferedAmount = 65_537;
    let drained = 0;
    const draining = [transport.drained(), transport.drained()].map((one) => one.then(() => (drained += 1)));
    await vi.advanceTimersByTimeAsync(50);
    socket.bufferedAmount = 16_385;
    await vi.advanceTimersByTimeAsync(50);
    expect(drained).toBe(0);
    socket.bufferedAmount = 16_384;
    await vi.advanceTimersByTimeAsync(10);
    expect(drained).toBe(2);
    await Promise.all(draining);
    socket.bufferedAmount = 65_537;
    const ending = transport.drained();
    socket.fire("close", { code: 1000 });
    await ending;
    expect(transport.buffered).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("closing a WebSocket", () => {
  const answering: FakeOptions = { onClose: (socket, code) => socket.fire("close", { code: code ?? 1005 }) };

  test("asks for code 1000, which all platforms allow, and ends in an orderly way", async () => {
    const { socket, transport, sink } = await opened(new FakeWebSocket(answering));
    await transport.close();
    expect(socket.closes).toEqual([1000]);
    expect(sink.ends).toEqual([undefined]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each([
    ["terminates it where it can", new TerminableWebSocket(), [1000]],
    ["gives it up where it cannot", new FakeWebSocket(), [1000, undefined]],
  ])("waits two seconds for the peer, then %s", async (_, fake, closes) => {
    const { socket, transport, sink } = await opened(fake);
    let closed = false;
    const closing = transport.close().then(() => (closed = true));
    await vi.advanceTimersByTimeAsync(1999);
    expect(closed).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await closing;
    expect(sink.ends).toEqual([undefined]);
    expect(socket.closes).toEqual(closes);
    if (socket instanceof TerminableWebSocket) expect(socket.terminations).toBe(1);
    socket.fire("close", { code: 1006 });
    expect(sink.ends).toEqual([undefined]);
  });

  test("tells what the peer did not take in that time", async () => {
    const { socket, transport, sink } = await opened(new FakeWebSocket());
    socket.bufferedAmount = 7;
    const closing = transport.close();
    await vi.advanceTimersByTimeAsync(2000);
    await closing;
    expect(sink.ends).toEqual([new Error("the peer did not take the last 7 bytes within 2000 ms")]);
  });

  test("waits as long as it is told", async () => {
    const socket = new FakeWebSocket({ readyState: 1 });
    const transport = await dialFake(socket, never, { closeTimeout: 5 });
    const closing = transport.close();
    await vi.advanceTimersByTimeAsync(5);
    await closing;
  });

  test("drops a socket that refuses to be closed", async () => {
    const { transport, sink } = await opened(
      new FakeWebSocket({
        onClose: () => {
          throw new Error("InvalidAccessError");
        },
      }),
    );
    await transport.close();
    expect(sink.ends).toEqual([undefined]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a SockJS object", () => {
  test("is not given a binaryType", async () => {
    const { socket } = await opened(fakeSockJs());
    expect("binaryType" in socket).toBe(false);
  });

  test("is given octets as text, since it carries nothing else", async () => {
    const { socket, transport } = await opened(fakeSockJs());
    transport.send("text");
    transport.send(octetsOf("\uFEFFgrößer\0"));
    expect(socket.sent).toEqual(["text", "\uFEFFgrößer\0"]);
  });

  test("ends when it is given octets that are no text", async () => {
    const { socket, transport, sink } = await opened(fakeSockJs());
    transport.send(new Uint8Array([0xff, 0xfe]));
    expect(sink.ends).toEqual([new Error("the body is not UTF-8, and this transport carries text only")]);
    expect(socket.sent).toEqual([]);
    await transport.close();
  });
});
