/** A proxy that does to connections what networks do to them. It knows no frames: STOMP over TCP and over WebSocket are alike. */
import { once } from "node:events";
import { type Server, type Socket, connect, createServer } from "node:net";
import { freePorts } from "../brokers/ports.js";
import { ProxiedConnection } from "./proxied-connection.js";

/** A proxy at a port of the loopback interface, in front of a broker's. */
export class FaultProxy implements AsyncDisposable {
  /** Where it listens. It stays the same while it refuses. */
  readonly port: number;
  readonly #target: number;
  readonly #onConnection: (connection: ProxiedConnection) => void;
  readonly #connections = new Set<ProxiedConnection>();
  /** Those whose broker has not answered yet. */
  readonly #arriving = new Set<Socket>();
  #server: Server | undefined;
  #count = 0;

  private constructor(port: number, target: number, onConnection: (connection: ProxiedConnection) => void) {
    this.port = port;
    this.#target = target;
    this.#onConnection = onConnection;
  }

  /** Start one. `onConnection` is called with each connection before an octet goes through it. */
  static async start(
    target: number,
    onConnection: (connection: ProxiedConnection) => void = () => undefined,
  ): Promise<FaultProxy> {
    const [port = 0] = await freePorts(1);
    const proxy = new FaultProxy(port, target, onConnection);
    await proxy.accept();
    return proxy;
  }

  /** The connections that go through it now, oldest first. */
  get connections(): readonly ProxiedConnection[] {
    return [...this.#connections].filter(({ isOpen }) => isOpen);
  }

  /** How many connections there were so far. */
  get count(): number {
    return this.#count;
  }

  /** A URL of the broker, as it is through this proxy. */
  through(url: string): string {
    const proxied = new URL(url);
    proxied.port = String(this.port);
    return proxied.href;
  }

  /** Refuse new connections: nothing listens any more. Those that there are go on. */
  refuse(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /** Accept connections again. */
  async accept(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
      this.#arrived(client);
    });
    this.#server = server;
    server.listen(this.port, "127.0.0.1");
    await once(server, "listening");
  }

  /** Undo whatever is done to connections that there are, and accept new ones. What was lost is lost. */
  async heal(): Promise<void> {
    await this.accept();
    for (const connection of this.connections) {
      for (const flow of [connection.toBroker, connection.toClient]) {
        flow.split(undefined);
        flow.delay(0);
        flow.throttle(Infinity);
        flow.cutAfter(Infinity, "fin");
      }
      connection.resume();
    }
  }

  /** End everything. Resolves once no socket is left. */
  async stop(): Promise<void> {
    this.refuse();
    for (const socket of this.#arriving) socket.destroy();
    const connections = [...this.#connections];
    for (const connection of connections) connection.reset();
    await Promise.all(connections.map(({ closed }) => closed));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #arrived(client: Socket): void {
    const broker = connect({ port: this.#target, host: "127.0.0.1", allowHalfOpen: true });
    this.#arriving.add(client).add(broker);
    const over = (): void => {
      for (const socket of [client, broker]) {
        this.#arriving.delete(socket);
        socket.off("error", failed).off("close", failed);
      }
    };
    // The broker does not listen, or the client has lost patience.
    const failed = (): void => {
      over();
      client.on("error", () => undefined).resetAndDestroy();
      broker.on("error", () => undefined).destroy();
    };
    for (const socket of [client, broker]) socket.on("error", failed).on("close", failed);
    broker.once("connect", () => {
      over();
      const connection = new ProxiedConnection(++this.#count, client, broker);
      this.#connections.add(connection);
      void connection.closed.then(() => this.#connections.delete(connection));
      this.#onConnection(connection);
      client.resume();
    });
  }
}
