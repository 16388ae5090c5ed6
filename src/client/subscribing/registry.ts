/** The live subscriptions of a client. */
import { InvalidStateError } from "../../errors.js";
import type { ServerFrame } from "../../protocol/index.js";
import type { AnySubscription } from "./subscription.js";

/** How many ids are remembered after their subscriptions have ended. */
const MOST_USED = 10_000;

/** Subscriptions by id. An id is not used twice: messages of an ended subscription may still come. */
export class SubscriptionRegistry {
  readonly #byId = new Map<string, AnySubscription>();
  /** The one that the last message was for. */
  #last: AnySubscription | undefined;
  readonly #used = new Set<string>();

  /** All, in the order they were made. A copy: they may end during an iteration. */
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
    // STOMP 1.0 has no such header, though most brokers send it: without it only the destination can tell.
    const destination = frame.headers.get("destination");
    for (const subscription of this.#byId.values()) if (subscription.destination === destination) return subscription;
    return undefined;
  }

  /**
   * Add a subscription.
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

  /** Remove a subscription that has ended. `isUsed`: its id was used in the current session, which goes on. */
  delete(subscription: AnySubscription, isUsed: boolean): void {
    if (!this.#byId.delete(subscription.id)) return;
    this.#last = undefined; // or a new subscription with its id would never get a message
    if (!isUsed) return;
    this.#used.add(subscription.id);
    if (this.#used.size > MOST_USED) for (const oldest of this.#used) return void this.#used.delete(oldest);
  }

  /** A new session will begin: the ids of those that have ended are free again. */
  renew(): void {
    this.#used.clear();
  }

  /** Remove all: the last session has ended, and the ids are free again. */
  clear(): void {
    this.#byId.clear();
    this.#last = undefined;
    this.#used.clear();
  }
}
