/** Transactions: what is sent and acknowledged in one takes effect together, or not at all. */
import { ConnectionLostError, InvalidStateError, type StompError, TransactionError } from "../errors.js";
import type { Body, ClientCommand, HeadersInit } from "../protocol/index.js";
import type { Connection } from "./connection.js";
import type { ClientContext } from "./context.js";
import type { Message, SettleOptions } from "./message.js";
import { type Pairs, type ReceiptOptions, addHeaders, receiptWait } from "./request.js";
import { type SendOptions, sendPairs } from "./sending.js";

/** Options of {@link Client.begin}. */
export interface BeginOptions extends ReceiptOptions {
  /** The transaction's id. @default one is made */
  readonly id?: string;
  /** More headers of BEGIN. */
  readonly headers?: HeadersInit;
}

/** Options of {@link Transaction.commit} and {@link Transaction.abort}. */
export interface FinishOptions extends ReceiptOptions {
  /**
   * Ask for a receipt and wait for it; a string is the receipt's id.
   * @default true
   */
  readonly receipt?: boolean | string;
  /** More headers of the frame. */
  readonly headers?: HeadersInit;
}

/**
 * A transaction, made by {@link Client.begin}. It ends once: by `commit`, by `abort`, or with its session, and is of no use
 * afterwards. `await using` aborts it unless it was committed.
 */
export class Transaction implements AsyncDisposable {
  /** Its id, as in the `transaction` header of its frames. */
  readonly id: string;
  readonly #connection: Connection;
  readonly #context: ClientContext;
  /** Receipts that it waits for: a broker may never send them when it is aborted. */
  readonly #receipts = new Set<string>();
  readonly #settled: Message<unknown>[] = [];
  #state: "open" | "committed" | "aborted" = "open";

  /** Made by `begin`, once BEGIN is sent. @internal */
  constructor(id: string, connection: Connection, context: ClientContext) {
    this.id = id;
    this.#connection = connection;
    this.#context = context;
  }

  /** Whether it can still be used: it was not committed or aborted, and its session goes on. */
  get isOpen(): boolean {
    return this.#state === "open" && this.#connection.isOpen;
  }

  /** Whether `commit` or `abort` was called. */
  get isFinished(): boolean {
    return this.#state !== "open";
  }

  /**
   * Send a message as part of it: the broker has it when the transaction is committed. Resolves when it is handed over; with
   * `receipt` when the broker has confirmed it, which RabbitMQ does only after the commit: do not wait for that before.
   *
   * Rejects as {@link Client.send} does; with TransactionError when its session has ended or it is aborted, with
   * InvalidStateError after its end.
   */
  send(destination: string, body: Body = "", options: SendOptions = {}): Promise<void> {
    return this.#within(() => {
      const pairs = sendPairs(destination, body, options.headers, this.#context.options.propagation, [
        "destination",
        "receipt",
        "transaction",
      ]);
      pairs.push(["transaction", this.id]);
      const contentLength = options.contentLength ?? this.#context.options.contentLength;
      return this.#frame("SEND", pairs, body, options, `SEND to ${destination} in ${this.id}`, contentLength);
    });
  }

  /** Acknowledge a message as part of it. When it is aborted the message can be acknowledged again. Rejects as `send` and {@link Message.ack} do. */
  ack(message: Message<unknown>, options: SettleOptions = {}): Promise<void> {
    return this.#settle("ack", message, options);
  }

  /** Refuse a message as part of it. When it is aborted the message can be refused again. Rejects as `send` and {@link Message.nack} do. */
  nack(message: Message<unknown>, options: SettleOptions = {}): Promise<void> {
    return this.#settle("nack", message, options);
  }

  /**
   * Commit it. Resolves when the broker has confirmed that, or with `receipt: false` when COMMIT is handed over.
   *
   * Rejects with TransactionError when its session has ended: `outcome` tells whether it may have been committed. With
   * ServerError, ReceiptTimeoutError or `signal.reason` nobody knows; with InvalidStateError when it was finished before.
   */
  async commit(options: FinishOptions = {}): Promise<void> {
    await this.#finish("COMMIT", "committed", options);
  }

  /** Abort it: nothing of it takes effect. Rejects as `commit` does. */
  async abort(options: FinishOptions = {}): Promise<void> {
    await this.#finish("ABORT", "aborted", options);
    const reason = new TransactionError(`transaction ${this.id} was aborted`, "aborted");
    for (const id of this.#receipts) this.#connection.abandonReceipt(id, reason);
  }

  /** Abort it, unless it is finished or its session has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isOpen)
      await this.abort().catch((error: unknown) => {
        if (!(error instanceof TransactionError)) throw error; // its session has ended: so has it
      });
  }

  #settle(how: "ack" | "nack", message: Message<unknown>, options: SettleOptions): Promise<void> {
    return this.#within(() => {
      const wasSettled = message.isSettled;
      const settled = message[how]({ ...options, transaction: this.id });
      if (!wasSettled && message.isSettled) this.#settled.push(message);
      return settled;
    });
  }

  async #finish(command: "COMMIT" | "ABORT", state: "committed" | "aborted", options: FinishOptions): Promise<void> {
    await this.#within(
      () => {
        const pairs: Pairs = [["transaction", this.id]];
        addHeaders(pairs, options.headers, command, ["transaction", "receipt"]);
        const what = `${command} of ${this.id}`;
        const sent = this.#frame(command, pairs, "", { receipt: true, ...options }, what, true);
        this.#state = state;
        if (state === "aborted") for (const message of this.#settled) message.unsettle();
        return sent;
      },
      command === "COMMIT" ? "unknown" : "aborted",
    );
  }

  #frame(
    command: ClientCommand,
    pairs: Pairs,
    body: Body,
    options: ReceiptOptions,
    what: string,
    contentLength: boolean,
  ): Promise<void> {
    const wait = receiptWait(options, what, this.#context.options.receiptTimeout, this.#context.ids);
    if (wait === undefined) return this.#connection.send(command, pairs, body, contentLength);
    const sent = this.#connection.send(command, [...pairs, ["receipt", wait.id]], body, contentLength, wait);
    if (command !== "SEND") return sent;
    this.#receipts.add(wait.id);
    return sent.finally(() => this.#receipts.delete(wait.id));
  }

  /** Do something while it is open; the end of its session meanwhile is the end of the transaction. */
  async #within(act: () => Promise<void>, outcome: "aborted" | "unknown" = "aborted"): Promise<void> {
    if (this.#state !== "open") throw new InvalidStateError(`transaction ${this.id} was ${this.#state} before`);
    if (!this.#connection.isOpen) throw this.#lost(this.#connection.lostError("not-sent"), "aborted");
    try {
      await act();
    } catch (error) {
      throw error instanceof ConnectionLostError ? this.#lost(error, outcome) : error;
    }
  }

  #lost(cause: StompError, outcome: "aborted" | "unknown"): TransactionError {
    const how = outcome === "aborted" ? "ended with its session" : "may have been committed before its session ended";
    return new TransactionError(`transaction ${this.id} ${how}: ${cause.message}`, outcome, { cause });
  }
}
