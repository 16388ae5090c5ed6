/** Whether the peer is held back, so that what is not read does not pile up. */
import type { Connection } from "./connection.js";

/**
 * One for each client. The peer is held back while a subscription has much that is not read, unless a reply is awaited that may
 * stand behind it. The connection has the last word: while a receipt is awaited it goes on reading.
 */
export class Flow {
  readonly #connection: () => Connection | undefined;
  readonly #crowded = new Set<object>();
  #awaitsReply = false;

  constructor(connection: () => Connection | undefined) {
    this.#connection = connection;
  }

  /** A subscription has much that is not read, or not any more. */
  setCrowded(subscription: object, isCrowded: boolean): void {
    if (isCrowded) this.#crowded.add(subscription);
    else this.#crowded.delete(subscription);
    this.apply();
  }

  /** A reply is awaited, or none any more. */
  setAwaitsReply(awaitsReply: boolean): void {
    this.#awaitsReply = awaitsReply;
    this.apply();
  }

  /** Hold the peer of the current connection back, or let it go. */
  apply(): void {
    this.#connection()?.hold(this.#crowded.size > 0 && !this.#awaitsReply);
  }
}
