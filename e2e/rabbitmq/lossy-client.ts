/** Clients whose sessions a test can lose. */
import { type Client, type ConnectOptions, type Status, connect } from "../../src/index.js";
import { FaultProxy } from "../faults/proxy.js";
import { GUEST, type Row } from "./clients.js";
import { rabbitmq } from "./with-rabbitmq.js";

/** A client behind a proxy of its own: the other clients of the broker keep their sessions. */
export class LossyClient implements AsyncDisposable {
  readonly client: Client;
  /** What the client has reported so far. */
  readonly statuses: Status[] = [];
  readonly #proxy: FaultProxy;

  private constructor(client: Client, proxy: FaultProxy) {
    this.client = client;
    this.#proxy = proxy;
    client.onStatus((status) => this.statuses.push(status));
  }

  /** Connect through a new proxy. The client reconnects at once, unless told otherwise. */
  static async open({ carrier, version }: Row, options: ConnectOptions = {}): Promise<LossyClient> {
    const proxy = await FaultProxy.start(carrier === "tcp" ? rabbitmq.stompPort : rabbitmq.wsPort);
    const url = proxy.through(rabbitmq.endpoints[carrier]);
    try {
      const client = await connect(url, { ...GUEST, versions: [version], reconnect: () => 0, ...options });
      return new LossyClient(client, proxy);
    } catch (error) {
      await proxy.stop();
      throw error;
    }
  }

  /** Lose the session. Resolves with the next status of that type: after it the client is in the next session, or has none. */
  async lose(until: "connected" | "disconnected" = "connected"): Promise<void> {
    const over = this.next(until);
    for (const connection of this.#proxy.connections) connection.reset();
    await over;
  }

  /** Pass nothing on any more, so that what is sent stays here. */
  stall(): void {
    for (const connection of this.#proxy.connections) connection.stall();
  }

  /** Resolves at the next status of that type. */
  next(type: Status["type"]): Promise<void> {
    return new Promise((resolve) => {
      const forget = this.client.onStatus((status) => {
        if (status.type !== type) return;
        forget();
        resolve();
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.disconnect();
    await this.#proxy.stop();
  }
}

/** The frames with that command which a client sends or gets from now on. */
export function framesOf(client: Client, command: string): ReadonlyMap<string, string>[] {
  const frames: ReadonlyMap<string, string>[] = [];
  client.onFrame(({ frame }) => {
    if (frame.command === command) frames.push(new Map(frame.headers));
  });
  return frames;
}
