/** A transaction: what is sent and acknowledged in it takes effect together, or not at all. */
import { ConnectionLostError, InvalidStateError, type StompError, TransactionError } from "../../errors.js";
import type { Body, HeadersInit } from "../../protocol/index.js";
import type { Connection } from "../connection/connection.js";
import type { ClientContext } from "../connection/context.js";
import type { Message, SettleOptions } from "../messages/message.js";
import { type Pairs, addHeaders, outgoing, wrongOptions } from "../connection/outgoing.js";
import { sendEncoded, sendHeaders } from "../sending/send-headers.js";
import type { SendOptions, TypedSendOptions, ValueOptions } from "../sending/send-options.js";
import type { ReceiptOptions } from "../messages/receipt-options.js";

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

/** Headers of SEND that are arguments or options of their own. */
const OWN_HEADERS = ["destination", "receipt", "transaction"];

/**
 * A transaction, made by {@link Client.begin}. It ends once, by `commit`, by `abort` or with its session, and cannot be used
 * afterwards. `await using` aborts it unless it was committed. `disconnect` does not wait for it, unless it is a handler's.
 */
export class Transaction implements AsyncDisposable {
  /** Its id, as in the `transaction` header of its frames. */
  readonly id: string;
  readonly #connection: Connection;
  readonly #context: ClientContext;
  readonly #finished: () => void;
  /** The receipts that it waits for: a broker may never send them when the transaction is aborted. */
  readonly #receipts = new Set<string>();
  readonly #settled: Message<unknown>[] = [];
  #state: "open" | "committed" | "aborted" | "abandoned" = "open";

  /** Made by `begin`. `finished` is called when it is committed or aborted. @internal */
  constructor(id: string, connection: Connection, context: ClientContext, finished: () => void) {
    this.id = id;
    this.#connection = connection;
    this.#context = context;
    this.#finished = finished;
  }

  /** Whether it can still be used: it was not committed or aborted, and its session goes on. */
  get isOpen(): boolean {
    return this.#state === "open" && this.#connection.isOpen;
  }

  /** Whether `commit` or `abort` was called. */
  get isFinished(): boolean {
    return this.#state === "committed" || this.#state === "aborted";
  }

  /**
   * Send a message as part of it: the message counts when the transaction is committed. Resolves when it is handed over; with
   * `receipt` when the broker has confirmed it. RabbitMQ does so only after the commit: wait for both together, as in
   * `Promise.all([sent, transaction.commit()])`. The receipt of the commit is enough in most cases.
   *
   * Rejects as {@link Client.send} does; with TransactionError when it is aborted or its session ends, with InvalidStateError
   * after its end. It is sent at most once, whatever the client's `delivery` is. With a codec that returns a promise it is sent when
   * that resolves, and rejects when the transaction was finished meanwhile: wait for it before `commit`.
   */
  send<T>(destination: string, value: T, options: TypedSendOptions<T>): Promise<void>;
  send(destination: string, body?: Body, options?: SendOptions & { readonly codec?: undefined }): Promise<void>;
  send(destination: string, body?: unknown, options: ValueOptions<SendOptions> = {}): Promise<void> {
    const wrong = wrongOptions(options);
    if (wrong !== undefined) return wrong;
    const { codec } = options;
    if (codec === undefined) return this.#send(destination, body as Body | undefined, options); // checked there
    return sendEncoded(codec, body, options, (encoded, given) => this.#send(destination, encoded, given));
  }

  #send(destination: string, body: Body = "", options: SendOptions): Promise<void> {
    return this.#within(() => {
      const { propagation, contentLength: usual } = this.#context.options;
      const headers = sendHeaders(destination, body, options.headers, propagation, OWN_HEADERS);
      headers.push(["transaction", this.id]);
      const contentLength = options.contentLength ?? usual;
      const frame = outgoing("SEND", destination, headers, body, contentLength);
      return this.#tracked(options, (given) => this.#connection.send(frame, given));
    });
  }

  /**
   * Acknowledge a message as part of it. Until its end nobody else can settle the message (in the mode `client`, any of the
   * subscription), and when it is aborted the message can be settled again. On Artemis an ACK
   * counts at once, whatever becomes of the transaction.
   *
   * Rejects as `send` and {@link Message.ack} do.
   */
  ack(message: Message<unknown>, options: SettleOptions = {}): Promise<void> {
    return wrongOptions(options) ?? this.#settle("ACK", message, options);
  }

  /** Refuse a message as part of it, as `ack` acknowledges it. Rejects as `send` and {@link Message.nack} do. */
  nack(message: Message<unknown>, options: SettleOptions = {}): Promise<void> {
    return wrongOptions(options) ?? this.#settle("NACK", message, options);
  }

  /**
   * Commit it. Resolves when the broker has confirmed that, or with `receipt: false` when COMMIT is handed over.
   *
   * Rejects with TransactionError when its session has ended: `outcome` tells whether it may have been committed. With
   * ServerError, ReceiptTimeoutError or `signal.reason` nobody knows, and it is finished all the same; with InvalidStateError
   * when it was finished before.
   */
  commit(options: FinishOptions = {}): Promise<void> {
    return wrongOptions(options) ?? this.#finish("COMMIT", "committed", options);
  }

  /**
   * Abort it: nothing of it takes effect, and calls that wait for receipts in it reject with TransactionError. Resolves when the broker has confirmed
   * that, or with `receipt: false` when ABORT is handed over. Rejects as `commit` does.
   */
  abort(options: FinishOptions = {}): Promise<void> {
    return wrongOptions(options) ?? this.#finish("ABORT", "aborted", options);
  }

  /** Abort it, unless it is finished or its session has ended. Rejects as `abort` does when the broker does not confirm that. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isOpen) return;
    await this.abort().catch((error: unknown) => {
      if (!(error instanceof TransactionError)) throw error; // its session has ended: so has it
    });
  }

  /** For the client: its session is about to be ended, so it cannot be committed any more. @internal */
  abandon(): void {
    if (this.#state !== "open") return;
    this.#state = "abandoned";
    this.#abandonReceipts(this.#endedWithSession("the client ended the session"));
  }

  #settle(command: "ACK" | "NACK", message: Message<unknown>, options: SettleOptions): Promise<void> {
    return this.#within(() => {
      const wasSettled = message.isSettled;
      const settled = this.#tracked(options, (given) =>
        message.delivery.settle(command, message, { ...given, transaction: this.id }, this.#connection),
      );
      if (!wasSettled && message.isSettled) this.#settled.push(message);
      return settled;
    });
  }

  #finish(command: "COMMIT" | "ABORT", state: "committed" | "aborted", options: FinishOptions): Promise<void> {
    return this.#within(() => {
      const pairs: Pairs = [["transaction", this.id]];
      addHeaders(pairs, options.headers, command, ["transaction", "receipt"]);
      const receipt = options.receipt ?? true;
      const sent = this.#connection.send(outgoing(command, this.id, pairs), { ...options, receipt });
      this.#state = state;
      this.#finished();
      for (const message of this.#settled.splice(0)) message.delivery.decide(message, state === "committed");
      if (state === "aborted") {
        this.#abandonReceipts(new TransactionError(`transaction ${this.id} was aborted`, "aborted"));
      }
      return sent;
    });
  }

  /** Send with a receipt whose wait ends when the transaction is aborted. */
  #tracked<O extends ReceiptOptions>(options: O, send: (given: O) => Promise<unknown>): Promise<unknown> {
    const { receipt } = options;
    if (!receipt) return send(options);
    const id = this.#context.ids.next("r", receipt);
    const sent = send({ ...options, receipt: id });
    this.#receipts.add(id);
    return sent.finally(() => this.#receipts.delete(id));
  }

  #abandonReceipts(reason: StompError): void {
    for (const id of this.#receipts) this.#connection.abandonReceipt(id, reason);
  }

  /** Do something while it is open; the end of its session meanwhile is the end of the transaction. */
  async #within(act: () => Promise<unknown>): Promise<void> {
    if (this.isFinished) throw new InvalidStateError(`transaction ${this.id} was ${this.#state} before`);
    if (this.#state === "abandoned") throw this.#endedWithSession("the client ended the session");
    if (!this.#connection.isOpen) throw this.#lost(this.#connection.lostError("not-sent"));
    try {
      await act();
    } catch (error) {
      throw error instanceof ConnectionLostError ? this.#lost(error) : error;
    }
  }

  #lost(cause: StompError): TransactionError {
    if (this.#state !== "committed") return this.#endedWithSession(cause.message, cause);
    return new TransactionError(
      `transaction ${this.id} may have been committed before its session ended: ${cause.message}`,
      "unknown",
      { cause },
    );
  }

  #endedWithSession(why: string, cause?: StompError): TransactionError {
    const message = `transaction ${this.id} ended with its session: ${why}`;
    return new TransactionError(message, "aborted", { cause });
  }
}
