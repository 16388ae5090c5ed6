/** The live subscriptions of a client. */
import { InvalidStateError } from "../errors.js";
import { type ServerFrame, hasHeader } from "../protocol/index.js";
import type { BufferLimits } from "./options.js";
import type { MessageHandler, SubscribeOptions, Subscription, SubscriptionTerms } from "./subscription.js";

/** So many ids that callers gave are remembered after their subscriptions have ended. */
const MOST_USED = 10_000;

/** Subscriptions by id. An id is not used twice: messages of an ended subscription may still come. */
export class Subscriptions {
  readonly #byId = new Map<string, Subscription>();
  readonly #used = new Set<string>();

  /** All, in the order they were made. A copy: they may end while it is gone through. */
  [Symbol.iterator](): IterableIterator<Subscription> {
    return [...this.#byId.values()].values();
  }

  /** The subscription with that id. */
  get(id: string): Subscription | undefined {
    return this.#byId.get(id);
  }

  /** The subscription that a MESSAGE is for. */
  of(frame: ServerFrame): Subscription | undefined {
    const id = frame.headers.get("subscription");
    if (id !== undefined) return this.#byId.get(id);
    // STOMP 1.0 has no such header, though most brokers send it: then only the destination can tell.
    const destination = frame.headers.get("destination");
    for (const subscription of this.#byId.values()) if (subscription.destination === destination) return subscription;
    return undefined;
  }

  /**
   * Add one.
   *
   * @throws InvalidStateError for an id that is or was in use.
   */
  add(subscription: Subscription): void {
    const { id } = subscription;
    if (this.#byId.has(id)) throw new InvalidStateError(`subscription id ${JSON.stringify(id)} is in use`);
    if (this.#used.has(id))
      throw new InvalidStateError(`subscription id ${JSON.stringify(id)} was used before on this connection`);
    this.#byId.set(id, subscription);
  }

  /** Remove one that has ended while its session goes on. */
  delete(subscription: Subscription): void {
    if (!this.#byId.delete(subscription.id)) return;
    this.#used.add(subscription.id);
    if (this.#used.size > MOST_USED) for (const oldest of this.#used) return void this.#used.delete(oldest);
  }

  /** Remove all: their session has ended, and the ids are free again. */
  clear(): void {
    this.#byId.clear();
    this.#used.clear();
  }
}

/** Headers of SUBSCRIBE that have an argument or option of their own. */
const OWN_HEADERS = ["destination", "id", "ack", "receipt"];

/**
 * What a subscription is to be, from a caller's arguments.
 *
 * @throws TypeError or RangeError naming what is wrong.
 */
export function termsOf(
  destination: string,
  handler: MessageHandler | undefined,
  options: SubscribeOptions,
  buffer: BufferLimits,
  makeId: () => string,
): SubscriptionTerms {
  const { ack = "auto", headers = {}, concurrency = 1 } = options;
  if (ack !== "auto" && ack !== "client" && ack !== "client-individual") {
    throw new TypeError(`ack must be "auto", "client" or "client-individual", not ${JSON.stringify(ack)}`);
  }
  for (const name of OWN_HEADERS) {
    if (hasHeader(headers, name)) throw new TypeError(`header "${name}" of SUBSCRIBE is an argument of its own`);
  }
  if (options.id !== undefined && (typeof options.id !== "string" || options.id === "")) {
    throw new TypeError("id must be a string that is not empty");
  }
  if (!(concurrency >= 1)) throw new RangeError(`concurrency must be at least 1, not ${String(concurrency)}`);
  const id = options.id ?? makeId();
  return { id, destination, ack, headers, handler, concurrency, buffer };
}
