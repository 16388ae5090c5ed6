/** The broker itself: it accepts connections, and shows what it holds. */
import { type MemoryOptions, memoryPair } from "../adapters/memory.js";
import { ConnectError } from "../errors.js";
import type { Dial, Transport } from "../transport.js";
import type { BrokerConnection } from "./broker-connection.js";
import { ServedConnection } from "./connection.js";
import { Destinations } from "./destinations.js";
import { type Script, type ScriptOptions, Scripts } from "./faults.js";
import { type BrokerOptions, resolveOptions } from "./options.js";
import type { BrokerParts } from "./service.js";

/**
 * A STOMP broker in memory, for development: for tests, demonstrations and CI. It keeps nothing on disk, knows one process
 * only and trusts whoever can reach it: it is no broker for production.
 *
 * `/topic/…` goes to all who subscribe to it; any other destination is a queue, whose messages are shared out among its
 * subscriptions. Where brokers differ it follows the specification to the letter (an ERROR ends the connection), or a dialect.
 *
 *     await using broker = new Broker();
 *     const client = new Client(broker.dial);
 */
export class Broker implements AsyncDisposable {
  readonly #parts: BrokerParts;
  readonly #connections = new Set<BrokerConnection>();
  #sessions = 0;
  #isClosed = false;
  #accepting = true;

  /** @throws TypeError or RangeError for a wrong option. */
  constructor(options: BrokerOptions = {}) {
    const resolved = resolveOptions(options);
    this.#parts = {
      options: resolved,
      destinations: new Destinations(resolved.store, resolved.dialect),
      scripts: new Scripts(),
    };
  }

  /** Dial this broker in memory: for `new Client(broker.dial)`, in a browser too. */
  readonly dial: Dial = (signal) => this.dialer()(signal);

  /**
   * Make a dial to this broker in memory, over messages as a WebSocket has them, with latency, cuts and the like.
   *
   * @throws TypeError or RangeError for a wrong option.
   */
  dialer(options: MemoryOptions = {}): Dial {
    return async (signal) => {
      signal.throwIfAborted();
      if (!this.#accepting)
        throw new ConnectError("dial", "could not connect to memory: the broker does not accept connections");
      const [ours, theirs] = memoryPair(options);
      this.accept(ours);
      return theirs;
    };
  }

  /** Whether new connections are accepted. Set to false, dials reject and other transports are broken off, as if the broker were down. */
  get accepting(): boolean {
    return this.#accepting;
  }

  set accepting(accepting: boolean) {
    this.#accepting = accepting && !this.#isClosed;
  }

  /** The connections, those that have not sent CONNECT yet included. */
  get connections(): readonly BrokerConnection[] {
    return [...this.#connections];
  }

  /** Serve a client over a transport. Returns `undefined`, and breaks the transport off, when connections are not accepted. */
  accept(transport: Transport): BrokerConnection | undefined {
    if (!this.#accepting) {
      transport.abort(new Error("the broker does not accept connections"));
      return undefined;
    }
    this.#sessions++;
    const connection = new ServedConnection(`session-${this.#sessions}`, transport, this.#parts, (ended) => {
      this.#connections.delete(ended);
    });
    this.#connections.add(connection);
    connection.start();
    return connection;
  }

  /**
   * Let something go wrong on purpose: see {@link Answer}.
   *
   *     const held = broker.script({ command: "SEND", answer: "hold-receipt" });
   *     held.release();
   *     broker.script({ command: "SUBSCRIBE", times: 1, answer: { type: "error", error: { message: "no" } } });
   *
   * @throws TypeError or RangeError for a script that can do nothing.
   */
  script(options: ScriptOptions): Script {
    return this.#parts.scripts.add(options);
  }

  /** How many messages wait in a queue to be delivered. */
  queueDepth(destination: string): number {
    return this.#parts.destinations.depth(destination);
  }

  /** How many messages of a queue were sent to a client and are not acknowledged. */
  unacknowledged(destination: string): number {
    return this.#parts.destinations.held(destination) - this.queueDepth(destination);
  }

  /**
   * Delete a queue with all that is in it, as an operator does. Each of its subscriptions is ended by an ERROR that names it in
   * `subscription` (and with it, in the strict dialect, the connection). Returns whether there was such a queue.
   */
  deleteQueue(destination: string): boolean {
    return this.#parts.destinations.delete(destination);
  }

  /** How many subscriptions get what is sent to a destination. */
  subscriptions(destination: string): number {
    return this.#parts.destinations.subscriptions(destination);
  }

  /** Accept no more connections, and close those there are. Resolves when they have ended. What is in the queues is gone with the broker. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#accepting = false;
    await Promise.all(this.connections.map((connection) => connection.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
