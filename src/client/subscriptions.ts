/** The live subscriptions of a client. */
import { InvalidStateError } from "../errors.js";
import { type ServerFrame, hasHeader, headerPairs } from "../protocol/index.js";
import { type ResolvedOptions, checkSlowPolicy, resolveBuffer } from "./resolved-options.js";
import type { MessageHandler, SubscribeOptions, TypedSubscribeOptions } from "./subscribe-options.js";
import type { AnySubscription, SubscriptionTerms } from "./subscription.js";

/** So many ids that callers gave are remembered after their subscriptions have ended. */
const MOST_USED = 10_000;

/** Subscriptions by id. An id is not used twice: messages of an ended subscription may still come. */
export class Subscriptions {
  readonly #byId = new Map<string, AnySubscription>();
  /** The one that a message was for last; always among those above. */
  #last: AnySubscription | undefined;
  readonly #used = new Set<string>();

  /** All, in the order they were made. A copy: they may end while it is gone through. */
  [Symbol.iterator](): IterableIterator<AnySubscription> {
    return [...this.#byId.values()].values();
  }

  /** How many. */
  get size(): number {
    return this.#byId.size;
  }

  /** The subscription with that id. */
  get(id: string): AnySubscription | undefined {
    return this.#byId.get(id);
  }

  /** The subscription that a MESSAGE is for. */
  of(frame: ServerFrame): AnySubscription | undefined {
    const id = frame.headers.get("subscription");
    if (id !== undefined) {
      // Most messages are for the subscription of the one before: to compare an id is faster than to look it up.
      if (id !== this.#last?.id) this.#last = this.#byId.get(id);
      return this.#last;
    }
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
  add(subscription: AnySubscription): void {
    const { id } = subscription;
    if (this.#byId.has(id)) throw new InvalidStateError(`subscription id ${JSON.stringify(id)} is in use`);
    if (this.#used.has(id))
      throw new InvalidStateError(`subscription id ${JSON.stringify(id)} was used before on this connection`);
    this.#byId.set(id, subscription);
  }

  /** Remove one that has ended. `isUsed`: in the session that there is, and that goes on. */
  delete(subscription: AnySubscription, isUsed: boolean): void {
    if (!this.#byId.delete(subscription.id) || !isUsed) return;
    this.#used.add(subscription.id);
    if (this.#used.size > MOST_USED) for (const oldest of this.#used) return void this.#used.delete(oldest);
  }

  /** A new session will begin: the ids of those that have ended are free again. */
  renew(): void {
    this.#used.clear();
  }

  /** Remove all: their session has ended, and the ids are free again. */
  clear(): void {
    this.#byId.clear();
    this.#last = undefined;
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
export function termsOf<T>(
  destination: string,
  handler: MessageHandler<T> | undefined,
  options: SubscribeOptions & Partial<TypedSubscribeOptions<T>>,
  defaults: ResolvedOptions,
  makeId: () => string,
): SubscriptionTerms<T> {
  const { ack = "auto", concurrency = 1, prefetch, nackHeaders, codec, invalid = "nack" } = options;
  if (ack !== "auto" && ack !== "client" && ack !== "client-individual") {
    throw new TypeError(`ack must be "auto", "client" or "client-individual", not ${JSON.stringify(ack)}`);
  }
  const headers = [...headerPairs(options.headers ?? {})]; // a copy: they are sent again in each session
  for (const name of OWN_HEADERS) {
    if (hasHeader(headers, name)) throw new TypeError(`header "${name}" of SUBSCRIBE is an argument of its own`);
  }
  if (options.id !== undefined && (typeof options.id !== "string" || options.id === "")) {
    throw new TypeError("id must be a string that is not empty");
  }
  if (!(concurrency >= 1)) throw new RangeError(`concurrency must be at least 1, not ${String(concurrency)}`);
  if (prefetch !== undefined && !(Number.isSafeInteger(prefetch) && prefetch >= 1)) {
    throw new RangeError(`prefetch must be a whole number, 1 or more, not ${String(prefetch)}`);
  }
  if (invalid !== "nack" && invalid !== "fail" && typeof invalid !== "function") {
    throw new TypeError(`invalid must be "nack", "fail" or a function, not ${JSON.stringify(invalid)}`);
  }
  if (codec !== undefined && typeof codec?.decode !== "function") {
    throw new TypeError("codec must have a function decode; a Standard Schema validator goes in as json(schema)");
  }
  const whenSlow = checkSlowPolicy(options.whenSlow ?? (ack === "auto" ? defaults.whenSlow : "fail"));
  if (whenSlow === "drop-oldest" && ack !== "auto") {
    throw new TypeError(
      `whenSlow "drop-oldest" is for the ack mode "auto": what is dropped would never be acknowledged`,
    );
  }
  const buffer = resolveBuffer(options.buffer ?? {}, defaults.buffer);
  const id = options.id ?? makeId();
  return {
    id,
    destination,
    ack,
    headers,
    prefetch,
    nackHeaders,
    handler,
    concurrency,
    buffer,
    whenSlow,
    codec,
    invalid,
  };
}
