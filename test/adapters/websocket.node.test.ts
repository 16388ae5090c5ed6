import { Agent } from "node:http";
import { beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { webSocket, type WebSocketOptions } from "../../src/adapters/websocket.js";
import type { Dial, Transport } from "../../src/transport.js";
import { type Certificate, certificate } from "../support/certificates.js";
import { never } from "../support/dialling.js";
import { openConnections, untilClosed } from "../support/handles.js";
import { RecordingSink } from "../support/recording-sink.js";
import { peerOf, webSocketServer, type WebSocketServerOptions } from "../support/web-socket-server.js";
import { type Connection, contract, type Harness } from "./contract.js";

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
    [1009, "64 KiB", "the WebSocket was closed with code 1009 (message too large): 64 KiB"],
    [1011, "crash", "the WebSocket was closed with code 1011 (internal error): crash"],
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
    expect(await sink.end()).toEqual(new Error("the WebSocket broke off (code 1006)"));
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

describe("an option of webSocket in Node", () => {
  test("may be a certificate only if it can be read", () => {
    const options: WebSocketOptions = { tls: { cert: "nonsense", key: "nonsense" } };
    expect(() => webSocket("wss://host", options)).toThrow(
      /^tls cannot be used: .*; are ca, cert and key PEM, and is the passphrase right\?$/,
    );
  });

  test.each([
    [{ "a b": "c" }, 'Header name must be a valid HTTP token ["a b"]'],
    [{ Authorization: "secret\r\nX: y" }, 'Invalid character in header content ["Authorization"]'],
  ])("may be headers only if they can be sent, and their values are not shown: %j", (headers, told) => {
    expect(() => webSocket("ws://host", { headers })).toThrow(new TypeError(`headers cannot be sent: ${told}`));
  });

  test.each([
    [{ headers: "a: b" }, new TypeError("headers must be an object of names and values")],
    [{ headers: null }, new TypeError("headers must be an object of names and values")],
    [{ maxMessageSize: 0 }, new RangeError("maxMessageSize must be a positive integer, not 0")],
    [{ maxMessageSize: 1.5 }, new RangeError("maxMessageSize must be a positive integer, not 1.5")],
    [{ maxMessageSize: "1" }, new RangeError("maxMessageSize must be a positive integer, not 1")],
  ] as unknown as [WebSocketOptions, Error][])("is refused before anything is opened: %j", (options, error) => {
    expect(() => webSocket("ws://host", options)).toThrow(error);
  });
});
