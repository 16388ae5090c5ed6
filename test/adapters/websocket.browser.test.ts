import { afterEach, describe, expect, inject, test, vi } from "vitest";
import { tcp } from "#tcp";
import { webSocket, type WebSocketOptions } from "../../src/adapters/websocket.js";
import { ConnectError } from "../../src/errors.js";
import type { Dial, Transport } from "../../src/transport.js";
import { never, refusal } from "../support/dialling.js";
import { RecordingSink } from "../support/recording-sink.js";
import { type Answer, type WebSocketPeer, webSocketPeer } from "../support/web-socket-peer.js";
import { type Connection, contract } from "./contract.js";

const { url: server, secureUrl, deadUrl } = inject("webSocketPeer");

async function open(dialling: (url: string) => Dial): Promise<Connection> {
  const peer = await webSocketPeer(server);
  const [transport] = await Promise.all([dialling(peer.url)(never), peer.until("opened")]);
  return {
    transport,
    peer,
    [Symbol.asyncDispose]: async () => {
      transport.abort(new Error("the test is over"));
      await transport.close();
      await peer[Symbol.asyncDispose]();
    },
  };
}

contract("a browser's WebSocket", { kind: "messages", pauses: false, open: () => open((url) => webSocket(url)) });

contract("a browser's WebSocket that a factory made", {
  kind: "messages",
  pauses: false,
  open: () =>
    open((url) => webSocket(url, { factory: (address, protocols) => new WebSocket(address, [...protocols]) })),
});

async function started(peer: WebSocketPeer): Promise<{ transport: Transport; sink: RecordingSink }> {
  const [transport] = await Promise.all([webSocket(peer.url)(never), peer.until("opened")]);
  const sink = new RecordingSink();
  transport.start(sink);
  return { transport, sink };
}

describe("webSocket in a browser", () => {
  test.each([
    [1002, "bad frame", "the WebSocket was closed with code 1002 (protocol error): bad frame"],
    [1009, "64 KiB", "the WebSocket was closed with code 1009 (message too large): 64 KiB"],
    [1011, "crash", "the WebSocket was closed with code 1011 (internal error): crash"],
    [4001, "bye", "the WebSocket was closed with code 4001: bye"],
    [undefined, undefined, "the WebSocket was closed with code 1005 (no code given)"],
  ])("reports close code %s", async (code, reason, message) => {
    await using peer = await webSocketPeer(server);
    const { sink } = await started(peer);
    await peer.close(code, reason);
    expect(await sink.end()).toEqual(new Error(message));
  });

  test("reports a connection that breaks off without a closing handshake", async () => {
    await using peer = await webSocketPeer(server);
    const { sink } = await started(peer);
    await peer.drop();
    expect(await sink.end()).toEqual(new Error("the WebSocket broke off (code 1006)"));
  });

  test("keeps the query out of its name", async () => {
    await using peer = await webSocketPeer(server);
    const { transport } = await started(peer);
    expect(transport.peer).toBe(`${server}/ws`);
    await transport.close();
  });
});

const ADVICE =
  "the platform gives no reason (a browser's console may); is the broker running, is this its WebSocket port and path (RabbitMQ: /ws), and may this origin connect";

describe("a dial over WebSocket that fails, in a browser,", () => {
  test("tells what to look for when nobody listens, without the secrets of its URL", async () => {
    const error = await refusal(webSocket(`${deadUrl}/ws?token=secret`)(never));
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({
      code: "connect",
      stage: "dial",
      message: `could not connect to ${deadUrl}/ws: ${ADVICE}?`,
    });
  });

  test.each<Answer>(["401", "403", "404", "302", "502", "200", "hang-up", "garbage", "none", "mqtt"])(
    "tells what to look for when the server's answer is %s, and lets it go",
    async (answer) => {
      await using peer = await webSocketPeer(server, answer);
      const error = await refusal(webSocket(peer.url)(never));
      expect(error).toMatchObject({ message: `could not connect to ${server}/ws: ${ADVICE}?` });
      await peer.until("gone");
    },
  );

  test("tells to look at the certificate too when there is TLS", async () => {
    for (const url of [secureUrl, server.replace("ws:", "wss:")]) {
      const error = await refusal(webSocket(`${url}/ws`)(never));
      expect(error).toMatchObject({
        message: `could not connect to ${url}/ws: ${ADVICE}, is its certificate trusted?`,
      });
    }
  });

  test("rejects with the reason when it is aborted while the server does not answer, and lets that go", async () => {
    await using peer = await webSocketPeer(server, "silent");
    const controller = new AbortController();
    const refused = refusal(webSocket(peer.url)(controller.signal));
    await peer.until("asked");
    const reason = { why: "not even an error" };
    controller.abort(reason);
    expect(await refused).toBe(reason);
    await peer.until("gone");
  });
});

describe("the platform's WebSocket", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  test("is looked up when a connection is opened, so that a later one counts", async () => {
    const dial = webSocket("ws://broker.example/ws");
    vi.stubGlobal("WebSocket", undefined);
    expect(await refusal(dial(never))).toMatchObject({
      message: "could not connect to ws://broker.example/ws: this platform has no WebSocket; give the option factory",
    });
  });

  test.each([
    ["SecurityError", "SecurityError; a page served over https may only use wss:"],
    ["SyntaxError", "the platform refuses to"],
  ])("may throw a %s at once, which names the URL and is not repeated", async (name, told) => {
    const cause = new DOMException("ws://broker.example/ws?token=secret", name);
    vi.stubGlobal("WebSocket", function refusing() {
      throw cause;
    });
    expect(await refusal(webSocket("ws://broker.example/ws?token=secret")(never))).toMatchObject({
      message: `could not connect to ws://broker.example/ws: ${told}`,
      cause,
    });
  });
});

describe("an option that browsers do not have", () => {
  const told = "is not for browsers: use headers of CONNECT, the query of the URL, or cookies";

  test.each<[string, WebSocketOptions]>([
    ["headers", { headers: { Authorization: "Bearer secret" } }],
    ["agent", { agent: {} }],
    ["tls", { tls: { ca: "…" } }],
  ])("is refused at once: %s", (name, options) => {
    expect(() => webSocket("wss://broker.example/ws", options)).toThrow(new TypeError(`${name} ${told}`));
  });

  test("is no matter where a factory makes the socket", () => {
    const factory = (url: string): WebSocket => new WebSocket(url);
    expect(() => webSocket("ws://broker.example/ws", { headers: { a: "b" }, factory })).not.toThrow();
  });

  test("is TCP", () => {
    expect(() => tcp("stomp://broker.example")).toThrow(
      new TypeError("this platform has no TCP; use a ws: or wss: URL"),
    );
  });
});
