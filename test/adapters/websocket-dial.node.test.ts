import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import { beforeAll, describe, expect, test } from "vitest";
import { webSocket } from "../../src/adapters/websocket.js";
import { ConnectError } from "../../src/errors.js";
import { type Certificate, certificate } from "../support/certificates.js";
import { never, refusal } from "../support/dialling.js";
import { openConnections, untilClosed } from "../support/handles.js";
import { freePort, rawServer } from "../support/raw-server.js";
import { webSocketServer } from "../support/web-socket-server.js";

let trusted: Certificate;

beforeAll(async () => {
  trusted = await certificate();
});

describe("a dial over WebSocket that fails, in Node,", () => {
  test("tells that nobody listens, without the secrets of its URL", async () => {
    const port = await freePort();
    const error = await refusal(webSocket(`ws://user:pass@127.0.0.1:${port}/ws?token=secret`)(never));
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
    expect(await refusal(webSocket(url)(never))).toMatchObject({
      message: `could not connect to ${url}: the server answered ${status} instead of opening a WebSocket; ${advice}`,
      cause: new Error(`Unexpected server response: ${status.slice(0, 3)}`),
    });
    await peer;
  });

  test("tells that the server chose a subprotocol that was not offered", async () => {
    await using server = await webSocketServer({ choose: () => "mqtt" });
    expect(await refusal(webSocket(server.url)(never))).toMatchObject({
      message: `could not connect to ${server.url}: the server chose the subprotocol mqtt, offered: v12.stomp, v11.stomp, v10.stomp; if that is STOMP, add it to protocols`,
    });
  });

  test("tells that the server chose a subprotocol though none was offered", async () => {
    await using server = await rawServer();
    void server
      .accept()
      .then((socket) => socket.once("data", (head: Buffer) => socket.write(accepting(head, "stomp"))));
    const url = `ws://127.0.0.1:${server.port}/`;
    expect(await refusal(webSocket(url, { protocols: [] })(never))).toMatchObject({
      message: `could not connect to ${url}: the server chose the subprotocol stomp, offered: none; if that is STOMP, add it to protocols`,
    });
  });

  test("tells that the server chose none of the subprotocols", async () => {
    await using server = await webSocketServer({ choose: () => false });
    expect(await refusal(webSocket(server.url)(never))).toMatchObject({
      message: `could not connect to ${server.url}: the server chose none of the subprotocols v12.stomp, v11.stomp, v10.stomp; if it speaks STOMP all the same, pass protocols: []`,
    });
  });

  test("tells that the peer does not speak HTTP", async () => {
    await using server = await rawServer();
    void server.accept().then((socket) => socket.write("ERROR\nmessage:what is that\n\n\0"));
    const url = `ws://127.0.0.1:${server.port}/ws`;
    expect(await refusal(webSocket(url)(never))).toMatchObject({
      message: `could not connect to ${url}: it does not answer in HTTP there (HPE_INVALID_CONSTANT); is this its WebSocket port, and does that want TLS?`,
    });
  });

  test("tells that the peer hung up", async () => {
    await using server = await rawServer();
    void server.accept().then((socket) => socket.end());
    const url = `ws://127.0.0.1:${server.port}/ws`;
    expect(await refusal(webSocket(url)(never))).toMatchObject({
      message: `could not connect to ${url}: the peer ended the connection before it was open (ECONNRESET); is this its WebSocket port, with TLS or without?`,
    });
  });

  test("tells that a certificate is not trusted, or the peer does not speak TLS", async () => {
    await using server = await webSocketServer({ tls: trusted });
    expect(await refusal(webSocket(server.url)(never))).toMatchObject({
      message: `could not connect to ${server.url}: its certificate is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT); pass the authority that signed it as tls.ca`,
    });
    await using plain = await webSocketServer();
    const url = plain.url.replace("ws:", "wss:");
    expect(await refusal(webSocket(url)(never))).toMatchObject({
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
    const refused = refusal(webSocket(url)(controller.signal));
    controller.abort(reason);
    expect(await refused).toBe(reason);
    await untilClosed(before);
  });

  test.each(["ws", "wss"])("rejects with the reason in the handshake of %s:, and lets the peer go", async (scheme) => {
    await using server = await rawServer();
    const controller = new AbortController();
    const refused = refusal(webSocket(`${scheme}://127.0.0.1:${server.port}/ws`)(controller.signal));
    const socket = await server.accept();
    await new Promise((resolve) => socket.once("data", resolve));
    controller.abort(reason);
    expect(await refused).toBe(reason);
    await gone(socket);
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
