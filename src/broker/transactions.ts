/** The open transactions of one connection. */
import type { QueueBounds } from "./queue.js";
import { Refusal, quoted } from "./refusal.js";
import type { StoredMessage } from "./stored-message.js";
import type { Delivery } from "./subscription.js";

/** What is done when a transaction is committed. */
export type Operation =
  | { readonly type: "send"; readonly message: StoredMessage }
  | { readonly type: "ack" | "nack"; readonly delivery: Delivery; readonly deadLetter: boolean };

interface Transaction {
  readonly operations: Operation[];
  bytes: number;
}

const MOST_TRANSACTIONS = 1000;

/** Transactions by id. They are bounded as a queue is. */
export class Transactions {
  readonly #bounds: QueueBounds;
  readonly #beginsAgain: boolean;
  readonly #open = new Map<string, Transaction>();

  /** `beginsAgain`: a second BEGIN of an open transaction leaves what was in it, and is no error. */
  constructor(bounds: QueueBounds, beginsAgain: boolean) {
    this.#bounds = bounds;
    this.#beginsAgain = beginsAgain;
  }

  /** @throws Refusal when it is open already, or too many are. */
  begin(id: string): void {
    if (this.#beginsAgain && this.#open.has(id)) this.finish(id);
    if (this.#open.has(id)) throw new Refusal(`transaction ${quoted(id)} has begun already`, "transaction");
    if (this.#open.size >= MOST_TRANSACTIONS)
      throw new Refusal(`${MOST_TRANSACTIONS} transactions are open, which is the limit`);
    this.#open.set(id, { operations: [], bytes: 0 });
  }

  /** @throws Refusal when it is not open, or holds too much. */
  add(id: string, operation: Operation): void {
    const transaction = this.#get(id);
    const bytes = operation.type === "send" ? operation.message.size : 0;
    const { operations } = transaction;
    if (operations.length >= this.#bounds.messages || transaction.bytes + bytes > this.#bounds.bytes) {
      throw new Refusal(
        `transaction ${quoted(id)} is full: limits are ${this.#bounds.messages} frames, ${this.#bounds.bytes} bytes`,
      );
    }
    if (operation.type !== "send") operation.delivery.transaction = id;
    transaction.bytes += bytes;
    operations.push(operation);
  }

  /**
   * End a transaction. Returns what was to be done in it, for the caller to do or leave.
   *
   * @throws Refusal when it is not open.
   */
  finish(id: string): readonly Operation[] {
    const { operations } = this.#get(id);
    this.#open.delete(id);
    for (const operation of operations) if (operation.type !== "send") operation.delivery.transaction = undefined;
    return operations;
  }

  /** Forget all. */
  clear(): void {
    this.#open.clear();
  }

  #get(id: string): Transaction {
    const transaction = this.#open.get(id);
    if (transaction === undefined) throw new Refusal(`there is no transaction ${quoted(id)}`, "transaction");
    return transaction;
  }
}
