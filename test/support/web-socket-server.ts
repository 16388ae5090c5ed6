/** WebSocket servers on a free port of 127.0.0.1, by `ws`. */
import { createServer, type IncomingMessage } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type WebSocket, WebSocketServer } from "ws";
import type { Peer } from "../adapters/contract.js";
import type { Certificate } from "./certificates.js";
import { RecordingSink } from "./recording-sink.js";

export interface WebSocketServerOptions {
  readonly tls?: Certificate;
  readonly perMessageDeflate?: boolean;
  /** Choose a subprotocol, or none: `false`. The default is the first that is offered. */
  readonly choose?: (offered: readonly string[]) => string | false;
}

/** A server. Disposing of it breaks off every connection. */
export interface RunningWebSocketServer extends AsyncDisposable {
  readonly url: string;
  /** The request of each handshake so far. */
  readonly requests: readonly IncomingMessage[];
  /** The next socket that is opened. */
  accept(): Promise<WebSocket>;
}

export async function webSocketServer(options: WebSocketServerOptions = {}): Promise<RunningWebSocketServer> {
  const { tls, perMessageDeflate = false, choose } = options;
  const http = tls === undefined ? createServer() : createTlsServer(tls);
  const server = new WebSocketServer({
    server: http,
    perMessageDeflate,
    maxPayload: 0,
    ...(choose === undefined ? {} : { handleProtocols: (offered: Set<string>) => choose([...offered]) }),
  });
  const requests: IncomingMessage[] = [];
  const accepted: WebSocket[] = [];
  const waiting: ((socket: WebSocket) => void)[] = [];
  server.on("connection", (socket, request) => {
    socket.on("error", () => undefined);
    requests.push(request);
    const next = waiting.shift();
    if (next === undefined) accepted.push(socket);
    else next(socket);
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const address = http.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `${tls === undefined ? "ws" : "wss"}://127.0.0.1:${address.port}/ws`,
    requests,
    accept: () => {
      const socket = accepted.shift();
      return socket === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(socket);
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of server.clients) client.terminate();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      http.closeAllConnections();
      await new Promise<void>((resolve) => http.close(() => resolve()));
    },
  };
}

/** The other end of a WebSocket, seen from the server. */
export function peerOf(socket: WebSocket): Peer {
  const sink = new RecordingSink();
  socket.on("message", (data: Buffer, isBinary: boolean) => sink.data(isBinary ? data : data.toString()));
  const ended = new Promise<"orderly" | "dropped">((resolve) => {
    socket.on("close", (code) => {
      sink.closed();
      resolve(code === 1000 ? "orderly" : "dropped");
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
