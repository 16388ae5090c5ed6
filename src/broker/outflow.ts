/** What goes out on one connection: no more than the client takes, and no more than a fault lets through. */
import type { Transport } from "../transport.js";
import type { Subscription } from "./subscription.js";

/** What an outflow tells its connection. */
export interface OutflowOwner {
  /** Something was sent. */
  sent(): void;
  /** Messages may be delivered again. */
  flowing(): void;
  /** Frames may be read again. */
  readable(): void;
  /** What a fault let through was sent: the connection is to end. */
  spent(): void;
}

/** After so many octets the transport is asked whether the client keeps up. */
const HIGH_WATER = 262_144;
/** With so many octets unwritten, which only receipts and errors can bring about, the client is read no more. */
const TOO_MUCH = 4_194_304;
/** So many octets are kept while nothing may be sent; with more the connection is broken off when it may. */
const MOST_MUTED = 1_048_576;

const encoder = new TextEncoder();

/** Sends, and holds deliveries back while the client does not keep up. */
export class Outflow {
  readonly #transport: Transport;
  readonly #owner: OutflowOwner;
  /** What may be sent before the transport is asked again. */
  #credit = HIGH_WATER;
  #draining = false;
  /** Those that had to wait, to be offered to their queues again. */
  readonly #waiting = new Set<Subscription>();
  #isHeld = false;
  #muted: { readonly chunks: (string | Uint8Array)[]; octets: number } | undefined;
  #allowed = Infinity;
  #ended = false;

  constructor(transport: Transport, owner: OutflowOwner) {
    this.#transport = transport;
    this.#owner = owner;
  }

  /** Whether the client is not to be read, because it does not take what it is sent. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Whether nothing is sent, for a fault's sake. */
  get isSilent(): boolean {
    return this.#muted !== undefined;
  }

  /** Whether a MESSAGE may go out; else the subscription is offered to its queue when it may. */
  mayDeliver(subscription: Subscription): boolean {
    if (this.#ended) return false;
    if (this.#muted === undefined && this.#credit <= 0 && this.#transport.buffered <= HIGH_WATER)
      this.#credit = HIGH_WATER;
    if (this.#muted === undefined && this.#credit > 0) return true;
    this.#waiting.add(subscription);
    this.#drain();
    return false;
  }

  /** Send a frame or a heart-beat. */
  send(chunk: string | Uint8Array): void {
    if (this.#ended) return;
    if (this.#muted !== undefined) {
      if (this.#muted.octets <= MOST_MUTED) this.#muted.chunks.push(chunk);
      this.#muted.octets += chunk.length;
      return;
    }
    this.#credit -= chunk.length;
    if (this.#allowed === Infinity) this.#transport.send(chunk);
    else this.#sendAllowed(chunk);
    this.#owner.sent();
    if (
      this.#credit <= 0 &&
      !this.#isHeld &&
      this.#transport.pause !== undefined &&
      this.#transport.buffered > TOO_MUCH
    ) {
      this.#isHeld = true;
      this.#transport.pause();
      this.#drain();
    }
  }

  /** Send nothing until the function that is returned is called; then what was kept is sent. */
  silence(): () => void {
    const muted = (this.#muted ??= { chunks: [], octets: 0 });
    return () => {
      if (this.#muted !== muted) return;
      this.#muted = undefined;
      if (muted.octets > MOST_MUTED)
        this.#transport.abort(new Error(`${muted.octets} octets were to be sent while nothing could be`));
      for (const chunk of muted.chunks) this.send(chunk);
      this.#flow();
    };
  }

  /** Let so many octets through, then end. */
  allow(octets: number): void {
    this.#allowed = octets;
    if (octets === 0) this.#owner.spent();
  }

  /** Send no more. */
  end(): void {
    this.#ended = true;
    this.#muted = undefined;
    this.#waiting.clear();
  }

  #sendAllowed(chunk: string | Uint8Array): void {
    const octets = typeof chunk === "string" ? encoder.encode(chunk) : chunk;
    if (octets.length < this.#allowed) {
      this.#allowed -= octets.length;
      this.#transport.send(chunk);
      return;
    }
    // A message of a WebSocket goes whole or not at all.
    if (this.#transport.kind === "stream") this.#transport.send(octets.subarray(0, this.#allowed));
    else if (octets.length === this.#allowed) this.#transport.send(chunk);
    this.#allowed = 0;
    this.#owner.spent();
  }

  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    void this.#transport.drained().then(() => {
      this.#draining = false;
      if (this.#ended) return;
      if (this.#isHeld) {
        this.#isHeld = false;
        this.#transport.resume?.();
        this.#owner.readable();
      }
      this.#flow();
    });
  }

  #flow(): void {
    // While silent they stay: the end of the silence brings them here again.
    if (this.#ended || this.#muted !== undefined) return;
    this.#credit = HIGH_WATER;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const subscription of waiting) subscription.queue.offer(subscription);
    this.#owner.flowing();
  }
}
