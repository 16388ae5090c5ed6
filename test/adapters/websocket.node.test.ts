import { createServer } from "node:https";
import type { Socket } from "node:net";
import { beforeAll } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { webSocket } from "../../src/adapters/websocket.js";
import { type Certificate, certificate } from "../support/certificates.js";
import { RecordingSink } from "../support/recording-sink.js";
import { type Connection, contract, type Harness, type Peer } from "./contract.js";

const never = new AbortController().signal;
let trusted: Certificate;

beforeAll(async () => {
  trusted = await certificate();
});

/** The other end of a WebSocket, seen from the server. */
function peerOf(socket: WebSocket): Peer {
  const sink = new RecordingSink();
  let orderly = false;
  socket.on("message", (data: Buffer, isBinary: boolean) => sink.data(isBinary ? data : data.toString()));
  const ended = new Promise<"orderly" | "dropped">((resolve) => {
    socket.on("close", (code) => {
      orderly = code === 1000;
      sink.closed();
      resolve(orderly ? "orderly" : "dropped");
    });
  });
  return {
    received: async (octets) => {
      await sink.until(() => sink.octets >= octets || sink.ends.length > 0);
      return sink.chunks;
    },
    send: (chunk) => new Promise<void>((resolve) => socket.send(chunk, () => resolve())),
    end: () => socket.close(1000),
    drop: () => socket.terminate(),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    ended,
  };
}

/** Serve WebSockets, and dial them. */
async function open(
  tls: Certificate | undefined,
  dialling: (port: number) => ReturnType<typeof webSocket>,
): Promise<Connection> {
  const http = tls === undefined ? undefined : createServer(tls).listen(0, "127.0.0.1");
  const server = new WebSocketServer({
    ...(http === undefined ? { port: 0, host: "127.0.0.1" } : { server: http }),
    maxPayload: 0,
  });
  const listening = http ?? server;
  await new Promise((resolve) => listening.once("listening", resolve));
  const address = listening.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const accepted = new Promise<WebSocket>((resolve) => server.once("connection", resolve));
  const [transport, peer] = await Promise.all([dialling(address.port)(never), accepted.then(peerOf)]);
  return {
    transport,
    peer,
    [Symbol.asyncDispose]: async () => {
      transport.abort(new Error("the test is over"));
      await transport.close();
      for (const client of server.clients) client.terminate();
      await new Promise((resolve) => server.close(resolve));
      if (http !== undefined) await new Promise((resolve) => http.close(resolve));
    },
  };
}

const inNode: Omit<Harness, "open"> = { kind: "messages", pauses: true };

contract("WebSocket", { ...inNode, open: () => open(undefined, (port) => webSocket(`ws://127.0.0.1:${port}/ws`)) });

contract("WebSocket over TLS", {
  ...inNode,
  open: () => open(trusted, (port) => webSocket(`wss://127.0.0.1:${port}/ws`, { tls: { ca: trusted.cert } })),
});

contract("a compressed WebSocket", {
  ...inNode,
  open: () => open(undefined, (port) => webSocket(`ws://127.0.0.1:${port}/ws`, { perMessageDeflate: true })),
});

contract("a WebSocket that a factory made", {
  ...inNode,
  pauses: false,
  open: () =>
    open(undefined, (port) =>
      webSocket(`ws://127.0.0.1:${port}/ws`, { factory: (url, protocols) => new WebSocket(url, [...protocols]) }),
    ),
});
