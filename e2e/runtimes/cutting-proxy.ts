/** A proxy in front of a broker that breaks connections in the ways that networks do. */
import { once } from "node:events";
import { type Server, type Socket, connect, createServer } from "node:net";

/** A connection of a client with the broker. */
interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

/** Passes connections on to a port of the loopback interface, until it is told to break them. */
export class CuttingProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  /** Clients that nobody answers any more. */
  readonly #silenced = new Set<Socket>();

  private constructor(target: number) {
    this.#server = createServer((near) => {
      this.#join(near, connect(target, "127.0.0.1"));
    });
  }

  static async listen(target: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return portOf(this.#server);
  }

  /** How many connections there are. */
  get open(): number {
    return this.#pairs.size;
  }

  /** Close all connections, as a peer does that has ended. */
  close(): void {
    for (const { near, far } of this.#pairs) {
      far.destroy();
      near.destroySoon();
    }
  }

  /** Reset all connections. */
  reset(): void {
    for (const { near, far } of this.#pairs) {
      far.destroy();
      near.resetAndDestroy();
    }
  }

  /** Let clients believe that their connections are still there. The broker knows that they are not. */
  silence(): void {
    for (const pair of this.#pairs) {
      const { near, far } = pair;
      this.#pairs.delete(pair);
      this.#silenced.add(near);
      far.unpipe(near);
      near.unpipe(far);
      near.resume();
      far.destroy();
    }
  }

  /** Resolves with whether all connections are over within so many ms. Those that were silenced are ended. */
  async gone(ms: number): Promise<boolean> {
    for (const near of this.#silenced) near.destroy();
    const closed = [...this.#pairs].map(async ({ near }) => (near.closed ? undefined : once(near, "close")));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, ms, false);
    });
    const done = await Promise.race([Promise.all(closed).then(() => true), late]);
    clearTimeout(timer);
    return done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const near of this.#silenced) near.destroy();
    this.reset();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(near: Socket, far: Socket): void {
    const pair = { near, far };
    this.#pairs.add(pair);
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      socket.on("error", () => undefined); // its close follows
    }
    near.pipe(far);
    far.pipe(near);
    near.on("close", () => {
      far.destroy();
      this.#pairs.delete(pair);
      this.#silenced.delete(near);
    });
    far.on("close", () => {
      if (this.#pairs.has(pair)) near.destroySoon();
    });
  }
}

/** The port that a server listens on. */
export function portOf(server: { address(): ReturnType<Server["address"]> }): number {
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("the server does not listen");
  return address.port;
}
