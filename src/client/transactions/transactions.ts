/** Begins transactions, and knows which of them are open. */
import { InvalidStateError, ServerError } from "../../errors.js";
import type { HeadersInit } from "../../protocol/index.js";
import type { ClientContext } from "../connection/context.js";
import { type Pairs, addHeaders, receiptWait } from "../connection/outgoing.js";
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
export class Transactions {
  readonly #context: ClientContext;
  readonly #open = new Map<string, Transaction>();

  constructor(context: ClientContext) {
    this.#context = context;
  }

  /** See {@link DialClient.begin}. */
  async begin(options: BeginOptions): Promise<Transaction> {
    const { ids, options: defaults } = this.#context;
    const { id = ids.next("tx"), headers } = options;
    if (typeof id !== "string" || id === "") throw new TypeError("id must be a string that is not empty");
    const pairs: Pairs = [["transaction", id]];
    addHeaders(pairs, headers, "BEGIN", ["transaction", "receipt"]);
    const wait = receiptWait(options, `BEGIN of ${id}`, defaults.receiptTimeout, ids);
    // RabbitMQ takes a second BEGIN, and forgets what the first transaction had.
    if (this.#open.has(id)) throw new InvalidStateError(`transaction id ${JSON.stringify(id)} is in use`);
    const connection = this.#context.connection();
    if (connection === undefined) throw this.#context.notConnected("BEGIN");
    if (wait !== undefined) pairs.push(["receipt", wait.id]);
    const sent = connection.send("BEGIN", pairs, "", true, wait);
    const transaction = new Transaction(id, connection, this.#context, () => {
      if (this.#open.get(id) === transaction) this.#open.delete(id);
    });
    this.#open.set(id, transaction);
    try {
      await sent;
      return transaction;
    } catch (error) {
      this.#open.delete(id);
      // Perhaps the broker has begun it all the same: nobody else would end it.
      if (transaction.isOpen && !(error instanceof ServerError)) {
        transaction.abort({ receipt: false }).catch(() => undefined); // the caller is told of the BEGIN
      }
      throw error;
    }
  }

  /** See {@link DialClient.transaction}. */
  async run<R>(work: (transaction: Transaction) => R | Promise<R>, options: BeginOptions): Promise<R> {
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

  /** The session is about to be ended: what is open cannot be committed any more. */
  abandon(): void {
    for (const transaction of this.#open.values()) transaction.abandon();
  }

  /** The session has ended. The ids are free again. */
  interrupted(): void {
    this.#open.clear();
  }
}
