/** Begins transactions, and knows which of them are open. */
import { InvalidStateError, ServerError } from "../../errors.js";
import type { HeadersInit } from "../../protocol/index.js";
import type { ClientContext } from "../connection/context.js";
import { type Pairs, addHeaders, checkReceiptOptions, outgoing } from "../connection/outgoing.js";
import type { SessionPart } from "../connection/session-part.js";
import { Transaction } from "./transaction.js";
import type { ReceiptOptions } from "../messages/receipt-options.js";

/** Options of {@link Client.begin}. */
export interface BeginOptions extends ReceiptOptions {
  /** The transaction's id. @default one is made */
  readonly id?: string;
  /** More headers of BEGIN. */
  readonly headers?: HeadersInit;
}

/** The transactions of a client. */
export class Transactions implements SessionPart {
  readonly #context: ClientContext;
  readonly #open = new Map<string, Transaction>();

  constructor(context: ClientContext) {
    this.#context = context;
  }

  /** See {@link BaseClient.begin}. */
  async begin(options: BeginOptions): Promise<Transaction> {
    const id = this.#context.ids.next("t", options.id);
    const pairs: Pairs = [["transaction", id]];
    addHeaders(pairs, options.headers, "BEGIN", ["transaction", "receipt"]);
    checkReceiptOptions(options);
    // RabbitMQ accepts a second BEGIN, and forgets what the first transaction had.
    if (this.#open.has(id)) throw new InvalidStateError(`transaction id ${JSON.stringify(id)} is in use`);
    const connection = this.#context.connection();
    if (connection === undefined) throw this.#context.notConnected("BEGIN");
    const sent = connection.send(outgoing("BEGIN", id, pairs), options);
    const transaction = new Transaction(id, connection, this.#context, () => {
      if (this.#open.get(id) === transaction) this.#open.delete(id);
    });
    this.#open.set(id, transaction);
    try {
      await sent;
      return transaction;
    } catch (error) {
      this.#open.delete(id);
      // The broker may have begun it all the same: nobody else would end it.
      if (transaction.isOpen && !(error instanceof ServerError)) {
        transaction.abort({ receipt: false }).catch(() => undefined); // the caller gets the error of BEGIN
      }
      throw error;
    }
  }

  /** See {@link BaseClient.transaction}. */
  async run<R>(work: (transaction: Transaction) => R | Promise<R>, options: BeginOptions): Promise<R> {
    if (typeof work !== "function") throw new TypeError("work must be a function");
    const transaction = await this.begin(options);
    let result: R;
    try {
      result = await work(transaction);
    } catch (error) {
      if (transaction.isOpen) await transaction.abort({ receipt: false }).catch(() => undefined); // the fault is what matters
      throw error;
    }
    if (!transaction.isFinished) await transaction.commit();
    return result;
  }

  /** The session is about to be ended: what is open cannot be committed any more, and receipts of it would be waited for in vain. */
  closing(): void {
    for (const transaction of this.#open.values()) transaction.abandon();
  }

  /** The session has ended: the ids are free again. */
  interrupted(): void {
    this.#open.clear();
  }

  ended(): void {
    this.#open.clear();
  }
}
