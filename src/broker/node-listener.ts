/** A port of a served broker, and the clients that come in there. */
import type { Server, Socket } from "node:net";
import type { Transport } from "../transport.js";
import type { BrokerConnection } from "./broker-connection.js";
import type { Broker } from "./broker.js";

/** Where to listen. */
export interface ListenAt {
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
  /** Of the URL. */
  readonly path: string;
}

/** Keeps one server of Node's, and knows all that is open because of it. */
export class Listener {
  readonly #broker: Broker;
  readonly #server: Server;
  /** In a handshake, or past it. */
  readonly #sockets = new Set<Socket>();
  readonly #connections = new Set<BrokerConnection>();
  #closing: Promise<void> | undefined;
  #port = 0;
  #url = "";

  constructor(broker: Broker, server: Server) {
    this.#broker = broker;
    this.#server = server;
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  /** The port that is listened at. */
  get port(): number {
    return this.#port;
  }

  /** What a client connects to. */
  get url(): string {
    return this.#url;
  }

  /** Let the broker serve a client. `socket` is what carries the transport. */
  admit(transport: Transport, socket: Socket): void {
    if (this.#closing !== undefined) {
      transport.abort(new Error("the broker is served here no longer"));
      return;
    }
    const connection = this.#broker.accept(transport);
    if (connection === undefined) return;
    this.#connections.add(connection);
    socket.on("close", () => this.#connections.delete(connection));
  }

  /** Begin to listen. Rejects with an Error that names the address. */
  open({ scheme, host, port, path }: ListenAt): Promise<void> {
    const authority = `${scheme}//${host.includes(":") ? `[${host}]` : host}`;
    return new Promise((resolve, reject) => {
      const onError = (cause: Error): void => {
        reject(new Error(`could not listen at ${authority}:${port}: ${adviceOn(cause)}`, { cause }));
      };
      this.#server.once("error", onError);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", onError);
        const address = this.#server.address();
        this.#port = typeof address === "object" && address !== null ? address.port : port;
        this.#url = `${authority}:${this.#port}${path}`;
        resolve();
      });
    });
  }

  /** Listen no more, and close the connections that came in. Resolves when all are gone. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await Promise.all([...this.#connections].map((connection) => connection.close()));
    // Handshakes that were never finished, requests that were no handshakes.
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** The peer of a socket, for messages: an address and a port. */
export function remoteOf({ remoteAddress = "", remotePort = 0 }: Socket): string {
  return `${remoteAddress.includes(":") ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
}

function adviceOn(error: Error): string {
  const code = "code" in error ? error.code : undefined;
  switch (code) {
    case "EADDRINUSE":
      return `the port is taken (${code}); is another broker running? Port 0 is a free one`;
    case "EACCES":
      return `this user may not listen there (${code}); ports below 1024 are often reserved`;
    case "EADDRNOTAVAIL":
      return `this machine has no such address (${code})`;
    case "ENOTFOUND":
      return `the host name is not known (${code})`;
    default:
      return error.message;
  }
}
