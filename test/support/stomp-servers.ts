/** Servers that say CONNECTED to whoever connects, and otherwise do only what a test tells them. */
import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import { type RawServer, rawServer } from "./raw-server.js";

/** A connection to such a server. */
export interface AcceptedStomp {
  readonly socket: Socket;
  /** What has come since CONNECT, as octets: over WebSocket with all that belongs to its frames. */
  readonly received: Buffer[];
  /** Over WebSocket: send a frame, which is short. */
  frame(opcode: number, payload: Buffer): void;
}

export interface StompServer extends AsyncDisposable {
  readonly url: string;
  /** The next connection that has got its CONNECTED. */
  accept(): Promise<AcceptedStomp>;
}

const CONNECTED = "CONNECTED\nversion:1.2\n\n\0";
export const TEXT = 1;
export const CLOSE = 8;

/** The payload of a Close frame. */
export function closeWith(code: number, reason = ""): Buffer {
  const payload = Buffer.alloc(2 + reason.length);
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return payload;
}

/** Serve STOMP over TCP or over WebSocket. `reads`: go on reading after CONNECTED. `allowHalfOpen`: never end a connection. */
export async function stompServer(
  carrier: "tcp" | "ws",
  { reads = true, allowHalfOpen = false } = {},
): Promise<StompServer> {
  const server = await rawServer({ allowHalfOpen });
  return {
    url: `${carrier === "tcp" ? "stomp" : "ws"}://127.0.0.1:${server.port}${carrier === "tcp" ? "" : "/ws"}`,
    accept: () => (carrier === "tcp" ? acceptTcp(server, reads) : acceptWebSocket(server, reads)),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function acceptTcp(server: RawServer, reads: boolean): Promise<AcceptedStomp> {
  const socket = await server.accept();
  await chunk(socket);
  if (!reads) socket.pause();
  const received = reads ? collected(socket) : [];
  socket.write(CONNECTED);
  return { socket, received, frame: () => undefined };
}

async function acceptWebSocket(server: RawServer, reads: boolean): Promise<AcceptedStomp> {
  const socket = await server.accept();
  const request = (await chunk(socket)).toString();
  const key = /sec-websocket-key: (.*)\r\n/i.exec(request)?.[1] ?? "";
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Protocol: v12.stomp\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  const frame = (opcode: number, payload: Buffer): void => {
    socket.write(Buffer.concat([Buffer.of(0x80 | opcode, payload.length), payload]));
  };
  await chunk(socket);
  if (!reads) socket.pause();
  const received = reads ? collected(socket) : [];
  frame(TEXT, Buffer.from(CONNECTED));
  return { socket, received, frame };
}

function chunk(socket: Socket): Promise<Buffer> {
  return new Promise((resolve) => socket.once("data", resolve));
}

function collected(socket: Socket): Buffer[] {
  const received: Buffer[] = [];
  socket.on("data", (octets) => received.push(octets));
  return received;
}
