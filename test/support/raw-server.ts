/** Servers on a free port of 127.0.0.1 that speak no protocol at all, or TLS only. */
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";

/** A listening server. Disposing of it breaks off every connection. */
export interface RawServer extends AsyncDisposable {
  readonly port: number;
  /** The sockets accepted so far, closed ones included. */
  readonly sockets: readonly Socket[];
  /** The next socket that is accepted. */
  accept(): Promise<Socket>;
  /** Reset a connection (RST), under TLS if there is some. */
  reset(socket: Socket): void;
}

/** Serve plain TCP, or TLS where options for that are given; on 127.0.0.1, another address, or a Unix domain socket. */
export async function rawServer(
  options: {
    readonly tls?: TlsOptions;
    readonly host?: string;
    readonly path?: string;
    /** Leave connections open when the client ends its side. @default false */
    readonly allowHalfOpen?: boolean;
  } = {},
): Promise<RawServer> {
  const { tls, path, host = "127.0.0.1", allowHalfOpen = false } = options;
  const server: Server = tls === undefined ? createServer({ allowHalfOpen }) : createTlsServer(tls);
  const event = tls === undefined ? "connection" : "secureConnection";
  const sockets: Socket[] = [];
  const opened = new Set<Socket>();
  const accepted: Socket[] = [];
  let waiting: ((socket: Socket) => void)[] = [];
  server.on("connection", (socket: Socket) => {
    opened.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => undefined);
    socket.on("close", () => opened.delete(socket));
  });
  // Refused clients are what some tests are about.
  server.on("tlsClientError", () => undefined);
  server.on(event, (socket: Socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    const next = waiting.shift();
    if (next === undefined) accepted.push(socket);
    else next(socket);
  });
  await new Promise<void>((resolve) => server.listen(path === undefined ? { port: 0, host } : { path }, resolve));
  const address = server.address();
  return {
    port: address === null || typeof address === "string" ? 0 : address.port,
    sockets,
    accept: () => {
      const socket = accepted.shift();
      return socket === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(socket);
    },
    reset: ({ remotePort }) => {
      for (const socket of opened) if (socket.remotePort === remotePort) socket.resetAndDestroy();
    },
    [Symbol.asyncDispose]: async () => {
      waiting = [];
      for (const socket of opened) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** A port of 127.0.0.1 where nobody listens. */
export async function freePort(): Promise<number> {
  await using server = await rawServer();
  return server.port;
}
