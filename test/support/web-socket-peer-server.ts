/**
 * A WebSocket server whose connections are each commanded over another one, for tests that run in a browser:
 *
 *     /control?id=7             a test says here what the server shall do, and is told here what the server sees
 *     /ws?id=7&handshake=…      what is tested
 *
 * Commands and events are JSON in text messages ({@link PeerCommand}, {@link PeerEvent}). A binary message has a first octet that tells
 * text (0) from binary (1); the rest is what shall be sent, or has been received.
 */
import { createServer, type IncomingMessage } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { Certificate } from "./certificates.js";
import type { PeerCommand, PeerEvent } from "./web-socket-peer.js";

/** A server. Disposing of it breaks off every connection. */
export interface WebSocketPeerServer extends AsyncDisposable {
  readonly url: string;
}

/** Serve, with TLS if there is a certificate. */
export async function webSocketPeerServer(tls?: Certificate): Promise<WebSocketPeerServer> {
  const http = tls === undefined ? createServer() : createTlsServer(tls);
  const controls = new Map<string, WebSocket>();
  const opened = new Set<Duplex>();
  const control = new WebSocketServer({ noServer: true, maxPayload: 0 });
  http.on("connection", (socket: Duplex) => {
    opened.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => opened.delete(socket));
  });
  http.on("upgrade", (request, stream, head) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "ws://127.0.0.1");
    const id = searchParams.get("id") ?? "";
    if (pathname === "/control") {
      control.handleUpgrade(request, stream, head, (socket) => {
        controls.set(id, socket);
        socket.on("close", () => controls.delete(id));
        tell(socket, { event: "ready" });
      });
      return;
    }
    const commander = controls.get(id);
    if (commander === undefined) stream.destroy();
    else shakeHands(searchParams.get("handshake") ?? "accept", { request, stream, head, commander });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const address = http.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `${tls === undefined ? "ws" : "wss"}://127.0.0.1:${address.port}`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of opened) socket.destroy();
      await new Promise<void>((resolve) => http.close(() => resolve()));
    },
  };
}

interface Handshake {
  readonly request: IncomingMessage;
  readonly stream: Duplex;
  readonly head: Buffer;
  readonly commander: WebSocket;
}

/** `accept`, a number of HTTP's, `silent` (no answer), `hang-up`, `garbage`, `none` (no subprotocol), or a subprotocol to choose. */
function shakeHands(how: string, { request, stream, head, commander }: Handshake): void {
  const letGo = (): void => void stream.destroy();
  commander.on("close", letGo);
  stream.on("close", () => {
    commander.off("close", letGo);
    tell(commander, { event: "gone" });
  });
  tell(commander, { event: "asked" });
  if (/^\d+$/.test(how)) stream.end(`HTTP/1.1 ${how} Told So\r\ncontent-length: 0\r\n\r\n`);
  else if (how === "hang-up") stream.end();
  else if (how === "garbage") stream.end("ERROR\nmessage:what is that\n\n\0");
  // HTTP's connections stay half open when the client ends.
  else if (how === "silent") stream.on("end", () => stream.end()).resume();
  else {
    const handleProtocols = (offered: Set<string>): string | false =>
      how === "none" ? false : how === "accept" ? ([...offered][0] ?? false) : how;
    const server = new WebSocketServer({ noServer: true, maxPayload: 0, handleProtocols });
    server.handleUpgrade(request, stream, head, (socket) => serve(socket, commander));
  }
}

function serve(socket: WebSocket, commander: WebSocket): void {
  socket.on("error", () => undefined);
  socket.on("message", (data: Buffer, isBinary) => {
    commander.send(Buffer.concat([Buffer.of(isBinary ? 1 : 0), data]));
  });
  socket.on("close", (code) => {
    commander.off("message", obey);
    tell(commander, { event: "closed", code });
  });
  commander.on("message", obey);
  tell(commander, { event: "opened" });

  function obey(data: Buffer, isBinary: boolean): void {
    const done = (): void => tell(commander, { event: "done" });
    if (isBinary) {
      socket.send(data.subarray(1), { binary: data[0] === 1 }, done);
      return;
    }
    const command = JSON.parse(data.toString()) as PeerCommand;
    if (command.do === "close") socket.close(command.code, command.reason);
    else if (command.do === "terminate") socket.terminate();
    else if (command.do === "pause") socket.pause();
    else socket.resume();
    done();
  }
}

function tell(commander: WebSocket, event: PeerEvent): void {
  if (commander.readyState === commander.OPEN) commander.send(JSON.stringify(event));
}
