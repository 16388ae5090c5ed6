/** The subscriptions of one connection, by the names that the client gave. */
import type { Dialect } from "./dialect.js";
import { Refusal, quoted } from "./refusal.js";
import type { Subscription } from "./subscription.js";

const MOST_SUBSCRIPTIONS = 100_000;

/** Subscriptions by id, or by destination where a client of 1.0 gave none. */
export class Subscriptions {
  readonly #dialect: Dialect;
  readonly #named = new Map<string, Subscription>();
  /** Those whose name another one took: they last as long as the connection. */
  readonly #displaced = new Set<Subscription>();

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  /**
   * Check that there may be one more, of this name.
   *
   * @throws Refusal when there may not.
   */
  check(id: string | undefined, destination: string): void {
    if (!this.#dialect.sameIdTwice && this.#named.has(keyOf(id, destination)))
      throw new Refusal(`there is a subscription ${quoted(id ?? destination)} already`, "duplicate-subscription");
    if (this.#named.size + this.#displaced.size >= MOST_SUBSCRIPTIONS)
      throw new Refusal(`the connection has ${MOST_SUBSCRIPTIONS} subscriptions, which is the limit`);
  }

  /** Add one; that it may be there was checked. */
  add(subscription: Subscription): void {
    const key = keyOf(subscription.id, subscription.destination);
    const other = this.#named.get(key);
    if (other !== undefined) this.#displaced.add(other);
    this.#named.set(key, subscription);
  }

  /** Find the one that a client names. */
  find(id: string | undefined, destination: string): Subscription | undefined {
    return this.#named.get(keyOf(id, destination));
  }

  /** Whether one is still there. */
  has(subscription: Subscription): boolean {
    const { id, destination } = subscription;
    return this.find(id, destination) === subscription || this.#displaced.has(subscription);
  }

  /** Remove one. */
  remove(subscription: Subscription): void {
    const key = keyOf(subscription.id, subscription.destination);
    if (this.#named.get(key) === subscription) this.#named.delete(key);
    else this.#displaced.delete(subscription);
  }

  /** Remove all. */
  clear(): void {
    this.#named.clear();
    this.#displaced.clear();
  }

  *[Symbol.iterator](): Generator<Subscription, void, undefined> {
    yield* this.#displaced;
    yield* this.#named.values();
  }
}

function keyOf(id: string | undefined, destination: string): string {
  return id === undefined ? `destination ${destination}` : `id ${id}`;
}
