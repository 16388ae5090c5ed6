import { createHash } from "node:crypto";
import { Agent } from "node:http";
import type { Socket } from "node:net";
import { beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { webSocket, type WebSocketOptions } from "../../src/adapters/websocket.js";
import { ConnectError } from "../../src/errors.js";
import type { Dial, Transport } from "../../src/transport.js";
import { type Certificate, certificate } from "../support/certificates.js";
import { openConnections, untilClosed } from "../support/handles.js";
import { freePort, rawServer } from "../support/raw-server.js";
import { RecordingSink } from "../support/recording-sink.js";
import { peerOf, webSocketServer, type WebSocketServerOptions } from "../support/web-socket-server.js";
import { type Connection, contract, type Harness } from "./contract.js";

const never = new AbortController().signal;
let trusted: Certificate;

beforeAll(async () => {
  trusted = await certificate();
});

/** Serve WebSockets, and dial them. */
async function open(options: WebSocketServerOptions, dialling: (url: string) => Dial): Promise<Connection> {
  const server = await webSocketServer(options);
  const [transport, socket] = await Promise.all([dialling(server.url)(never), server.accept()]);
  return {
    transport,
    peer: peerOf(socket),
    [Symbol.asyncDispose]: async () => {
      transport.abort(new Error("the test is over"));
      await transport.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

const inNode: Omit<Harness, "open"> = { kind: "messages", pauses: true };

contract("WebSocket", { ...inNode, open: () => open({}, (url) => webSocket(url)) });

contract("WebSocket over TLS", {
  ...inNode,
  open: () => open({ tls: trusted }, (url) => webSocket(url, { tls: { ca: trusted.cert } })),
});

contract("a compressed WebSocket", {
  ...inNode,
  open: () => open({ perMessageDeflate: true }, (url) => webSocket(url, { perMessageDeflate: true })),
});

contract("a WebSocket that a factory made", {
  ...inNode,
  pauses: false,
  open: () =>
    open({}, (url) => webSocket(url, { factory: (address, protocols) => new WebSocket(address, [...protocols]) })),
});

async function started(dial: Dial): Promise<{ transport: Transport; sink: RecordingSink }> {
  const transport = await dial(never);
  const sink = new RecordingSink();
  transport.start(sink);
  return { transport, sink };
}

/** Dial in vain; gives the error. */
async function refusal(dial: Dial, signal: AbortSignal = never): Promise<unknown> {
  return dial(signal).then(
    (transport) => {
      transport.abort(new Error("it was not to open"));
      throw new Error("it opened");
    },
    (error: unknown) => error,
  );
}

describe("webSocket in Node", () => {
  test("offers the subprotocols of all versions, the newest first, and no compression", async () => {
    await using server = await webSocketServer();
    const { transport } = await started(webSocket(server.url));
    const { headers } = server.requests[0]!;
    expect(headers["sec-websocket-protocol"]).toBe("v12.stomp,v11.stomp,v10.stomp");
    expect(headers["sec-websocket-extensions"]).toBeUndefined();
    await transport.close();
  });

  test("offers no subprotocol where told so", async () => {
    await using server = await webSocketServer();
    const { transport } = await started(webSocket(server.url, { protocols: [] }));
    expect(server.requests[0]!.headers["sec-websocket-protocol"]).toBeUndefined();
    await transport.close();
  });

  test("sends headers, credentials and query of the handshake, and keeps them out of its name", async () => {
    await using server = await webSocketServer();
    const url = server.url.replace("ws://", "ws://user:pass@") + "?token=secret";
    const { transport } = await started(webSocket(url, { headers: { "X-Trace": "7" } }));
    const request = server.requests[0]!;
    expect(request.headers).toMatchObject({ "x-trace": "7", authorization: "Basic dXNlcjpwYXNz" });
    expect(request.url).toBe("/ws?token=secret");
    expect(transport.peer).toBe(server.url);
    await transport.close();
  });

  test("goes through the agent it is given", async () => {
    await using server = await webSocketServer();
    const agent = new Agent({ localAddress: "127.0.0.2" });
    const { transport } = await started(webSocket(server.url, { agent }));
    expect(server.requests[0]!.socket.remoteAddress).toBe("127.0.0.2");
    await transport.close();
    agent.destroy();
  });

  test("delivers text messages as octets, even those that are not UTF-8", async () => {
    await using server = await webSocketServer();
    const { transport, sink } = await started(webSocket(server.url));
    (await server.accept()).send(Buffer.from([0x61, 0xff, 0x00]), { binary: false });
    await sink.received(3);
    expect([...(sink.chunks[0] as Uint8Array)]).toEqual([0x61, 0xff, 0x00]);
    await transport.close();
  });

  test("writes the messages of one turn at once, and a lone one before the next turn", async () => {
    await using server = await webSocketServer();
    const { transport } = await started(webSocket(server.url));
    const peer = peerOf(await server.accept());
    const octets: number[] = [];
    server.requests[0]!.socket.prependListener("data", (chunk: Buffer) => octets.push(chunk.length));
    for (const chunk of ["a", "b", "c"]) transport.send(chunk);
    await new Promise((resolve) => process.nextTick(resolve));
    expect(transport.buffered).toBe(0);
    expect(await peer.received(3)).toEqual(["a", "b", "c"]);
    expect(octets).toEqual([3 * (2 + 4 + 1)]);
    await transport.close();
  });

  test.each([
    [1002, "bad frame", "the WebSocket was closed with code 1002 (protocol error): bad frame"],
    [1007, "", "the WebSocket was closed with code 1007 (invalid data)"],
    [1009, "64 KiB", "the WebSocket was closed with code 1009 (a message was too large): 64 KiB"],
    [1011, "crash", "the WebSocket was closed with code 1011 (internal error of the peer): crash"],
    [4001, "bye", "the WebSocket was closed with code 4001: bye"],
    [undefined, "", "the WebSocket was closed with code 1005 (no code given)"],
  ])("reports close code %s", async (code, reason, message) => {
    await using server = await webSocketServer();
    const { sink } = await started(webSocket(server.url));
    (await server.accept()).close(code, reason);
    expect(await sink.end()).toEqual(new Error(message));
  });

  test("reports a connection that breaks off without a closing handshake", async () => {
    await using server = await webSocketServer();
    const { sink } = await started(webSocket(server.url));
    (await server.accept()).terminate();
    expect(await sink.end()).toEqual(new Error("the WebSocket broke off without a closing handshake (code 1006)"));
  });

  test("reports a message that is larger than allowed, and ends", async () => {
    await using server = await webSocketServer();
    const { transport, sink } = await started(webSocket(server.url, { maxMessageSize: 10 }));
    const socket = await server.accept();
    socket.send("0123456789");
    socket.send("0123456789a");
    expect(await sink.end()).toEqual(new Error("a message was too large: maxMessageSize is 10"));
    expect(sink.text).toBe("0123456789");
    await transport.close();
  });

  test("leaves nothing behind after a close, an abort, and the peer's end", async () => {
    await using server = await webSocketServer();
    const before = openConnections();
    for (let round = 0; round < 3; round += 1) {
      const [closed, aborted, ended] = [
        await webSocket(server.url)(never),
        await webSocket(server.url)(never),
        await webSocket(server.url)(never),
      ];
      await closed.close();
      aborted.abort(new Error("enough"));
      const sink = new RecordingSink();
      ended.start(sink);
      await server.accept();
      await server.accept();
      (await server.accept()).close(1000);
      expect(await sink.end()).toBeUndefined();
      await Promise.all([aborted.close(), ended.close()]);
    }
    await untilClosed(before);
  });
});

describe("a dial over WebSocket that fails, in Node,", () => {
  test("tells that nobody listens, without the secrets of its URL", async () => {
    const port = await freePort();
    const error = await refusal(webSocket(`ws://user:pass@127.0.0.1:${port}/ws?token=secret`));
    expect(error).toEqual(
      new ConnectError(
        "dial",
        `could not connect to ws://127.0.0.1:${port}/ws: nobody listens there (ECONNREFUSED); is the broker running, and is this its WebSocket port?`,
      ),
    );
    expect(error).toMatchObject({ code: "connect", stage: "dial", cause: { code: "ECONNREFUSED" } });
  });

  test.each([
    ["401 Unauthorized", "it wants credentials in the handshake: pass them in headers, or to the agent of a proxy"],
    ["403 Forbidden", "does it allow this origin, and these credentials?"],
    ["404 Not Found", "is the path right? RabbitMQ has /ws"],
    ["302 Found", "it redirects, which is not followed: use the address that it redirects to"],
    ["200 OK", "does it speak WebSocket at this port and path?"],
    ["502 Bad Gateway", "is the broker behind it running?"],
  ])("tells that the server answered %s, and lets it go", async (status, advice) => {
    await using server = await rawServer();
    const peer = server.accept().then(async (socket) => {
      // A body that never ends: the answer is known by its head.
      socket.write(`HTTP/1.1 ${status}\r\nlocation: /elsewhere\r\ncontent-length: 1000\r\n\r\nno`);
      await gone(socket);
    });
    const url = `ws://127.0.0.1:${server.port}/ws`;
    expect(await refusal(webSocket(url))).toMatchObject({
      message: `could not connect to ${url}: the server answered ${status} instead of opening a WebSocket; ${advice}`,
      cause: new Error(`Unexpected server response: ${status.slice(0, 3)}`),
    });
    await peer;
  });

  test("tells that the server chose a subprotocol that was not offered", async () => {
    await using server = await webSocketServer({ choose: () => "mqtt" });
    expect(await refusal(webSocket(server.url))).toMatchObject({
      message: `could not connect to ${server.url}: the server chose the subprotocol mqtt, and offered were v12.stomp, v11.stomp, v10.stomp; is this a STOMP port? If so, add it to protocols`,
    });
  });

  test("tells that the server chose a subprotocol though none was offered", async () => {
    await using server = await rawServer();
    void server
      .accept()
      .then((socket) => socket.once("data", (head: Buffer) => socket.write(accepting(head, "stomp"))));
    const url = `ws://127.0.0.1:${server.port}/`;
    expect(await refusal(webSocket(url, { protocols: [] }))).toMatchObject({
      message: `could not connect to ${url}: the server chose the subprotocol stomp, and none was offered; is this a STOMP port? If so, add it to protocols`,
    });
  });

  test("tells that the server chose none of the subprotocols", async () => {
    await using server = await webSocketServer({ choose: () => false });
    expect(await refusal(webSocket(server.url))).toMatchObject({
      message: `could not connect to ${server.url}: the server chose none of the subprotocols v12.stomp, v11.stomp, v10.stomp; if it speaks STOMP all the same, pass protocols: []`,
    });
  });

  test("tells that the peer does not speak HTTP", async () => {
    await using server = await rawServer();
    void server.accept().then((socket) => socket.write("ERROR\nmessage:what is that\n\n\0"));
    const url = `ws://127.0.0.1:${server.port}/ws`;
    expect(await refusal(webSocket(url))).toMatchObject({
      message: `could not connect to ${url}: it does not answer in HTTP there (HPE_INVALID_CONSTANT); is this its WebSocket port, and does that want TLS?`,
    });
  });

  test("tells that the peer hung up", async () => {
    await using server = await rawServer();
    void server.accept().then((socket) => socket.end());
    const url = `ws://127.0.0.1:${server.port}/ws`;
    expect(await refusal(webSocket(url))).toMatchObject({
      message: `could not connect to ${url}: the peer ended the connection before it was open (ECONNRESET); is this its WebSocket port, with TLS or without?`,
    });
  });

  test("tells that a certificate is not trusted, or the peer does not speak TLS", async () => {
    await using server = await webSocketServer({ tls: trusted });
    expect(await refusal(webSocket(server.url))).toMatchObject({
      message: `could not connect to ${server.url}: its certificate is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT); pass the authority that signed it as tls.ca`,
    });
    await using plain = await webSocketServer();
    const url = plain.url.replace("ws:", "wss:");
    expect(await refusal(webSocket(url))).toMatchObject({
      // Which of the two it is depends on whether the socket was read or written first.
      message: expect.stringMatching(
        /: it does not speak TLS there \((EPROTO|ERR_SSL_WRONG_VERSION_NUMBER)\); is this its port for TLS\?$/,
      ),
    });
  });
});

describe("a dial over WebSocket that is aborted, in Node,", () => {
  const reason = { why: "not even an error" };

  test.each([
    ["while the name is looked up", "ws://broker.invalid/ws"],
    ["while it connects", "ws://127.0.0.1:15674/ws"],
  ])("rejects with the reason %s", async (_, url) => {
    const before = openConnections();
    const controller = new AbortController();
    const refused = refusal(webSocket(url), controller.signal);
    controller.abort(reason);
    expect(await refused).toBe(reason);
    await untilClosed(before);
  });

  test.each(["ws", "wss"])("rejects with the reason in the handshake of %s:, and lets the peer go", async (scheme) => {
    await using server = await rawServer();
    const controller = new AbortController();
    const refused = refusal(webSocket(`${scheme}://127.0.0.1:${server.port}/ws`), controller.signal);
    const socket = await server.accept();
    await new Promise((resolve) => socket.once("data", resolve));
    controller.abort(reason);
    expect(await refused).toBe(reason);
    await gone(socket);
  });
});

describe("an option of webSocket in Node", () => {
  test("may be a certificate only if it can be read", () => {
    const options: WebSocketOptions = { tls: { cert: "nonsense", key: "nonsense" } };
    expect(() => webSocket("wss://host", options)).toThrow(
      /^tls cannot be used: .*; are ca, cert and key PEM, and is the passphrase right\?$/,
    );
  });
});

/** Accept a handshake, with a subprotocol that nobody asked for. */
function accepting(head: Buffer, protocol: string): string {
  const key = /sec-websocket-key: (\S+)/i.exec(head.toString())?.[1] ?? "";
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  return [
    "HTTP/1.1 101 Switching Protocols",
    "upgrade: websocket",
    "connection: upgrade",
    `sec-websocket-accept: ${accept}`,
    `sec-websocket-protocol: ${protocol}`,
    "\r\n",
  ].join("\r\n");
}

/** Wait until a socket of the server is closed. */
async function gone(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
}
