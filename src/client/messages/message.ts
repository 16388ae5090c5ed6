/** A message as a subscription delivers it. */
import type { FrameHeaders, ServerFrame } from "../../protocol/index.js";
import { charsetOf, decodeText } from "./charset.js";
import type { ReceiptOptions } from "./receipt-options.js";

/** How the messages of a subscription are acknowledged. */
export type AckMode = "auto" | "client" | "client-individual";

/** How a message is settled; its subscription knows how, and whether it still can be. */
export interface Settler {
  /** `isTentative`: it is part of a transaction that tells by `decide` how it has ended. */
  settle(
    command: "ACK" | "NACK",
    message: Message<unknown>,
    options: SettleOptions,
    isTentative?: boolean,
  ): Promise<void>;
  isSettled(message: Message<unknown>): boolean;
  /** Whether it is settled in a transaction that has not ended. */
  isTentative(message: Message<unknown>): boolean;
  /** Its transaction was committed; or aborted, and it can be settled again. */
  decide(message: Message<unknown>, isCommitted: boolean): void;
}

/** Options of {@link Message.ack} and {@link Message.nack}. */
export interface SettleOptions extends ReceiptOptions {
  /** The id of the transaction that the ACK or NACK is part of. One of `begin` has methods for that, which undo it when it is aborted. */
  readonly transaction?: string;
  /** More headers of the frame, as `requeue: false` for a NACK to RabbitMQ. */
  readonly headers?: Readonly<Record<string, string | number | boolean | undefined>>;
}

/** A message. Its body is octets or text, whichever is asked for; with a codec it has a value. */
export class Message<T = undefined> {
  /** The MESSAGE frame. */
  readonly frame: ServerFrame;
  /** Where it stands among the messages of its subscription, from 1. */
  readonly sequence: number;
  readonly #settler: Settler;
  #value: T | undefined;

  /** Made by a subscription. @internal */
  constructor(frame: ServerFrame, settler: Settler, sequence: number) {
    this.frame = frame;
    this.#settler = settler;
    this.sequence = sequence;
  }

  /** The headers of the MESSAGE: a read-only Map, which has no header of the connection's. */
  get headers(): FrameHeaders {
    return this.frame.headers;
  }

  /** Where it was sent to. */
  get destination(): string {
    return this.frame.headers.get("destination") ?? "";
  }

  /** The broker's name for it. */
  get messageId(): string {
    return this.frame.headers.get("message-id") ?? "";
  }

  /** The `content-type` header. */
  get contentType(): string | undefined {
    return this.frame.headers.get("content-type");
  }

  /** Whether the broker says that it was delivered before. */
  get redelivered(): boolean {
    return this.frame.headers.get("redelivered") === "true";
  }

  /**
   * Whether it was acknowledged or refused, by itself or (in the mode `client`) together with a later one; also in a
   * transaction, until that is aborted.
   */
  get isSettled(): boolean {
    return this.#settler.isSettled(this);
  }

  /** What the subscription's codec made of it; `undefined` without a codec. */
  get value(): T {
    return this.#value as T; // it is set before anyone is given the message
  }

  /** The body's octets: a view of what was received, to be read only. */
  get bytes(): Uint8Array {
    return this.frame.body;
  }

  /**
   * The body as text: in the `charset` that its content-type names, otherwise in UTF-8, with U+FFFD for what is malformed.
   *
   * @throws RangeError for a charset that the platform does not know.
   */
  text(): string {
    const { frame } = this;
    // What octets a text had on the way is not known.
    const charset = frame.isText ? undefined : charsetOf(this.contentType);
    return charset === undefined ? frame.text() : decodeText(frame.body, charset);
  }

  /**
   * The body as JSON. A byte order mark before it is passed over (RFC 8259, "Character Encoding", allows that).
   *
   * @throws SyntaxError when it is none.
   */
  json(): unknown {
    const text = this.text();
    return JSON.parse(text.startsWith("\uFEFF") ? text.slice(1) : text);
  }

  /**
   * Acknowledge it. In the mode `client` that includes all messages of the subscription before it; in the mode `auto`
   * there is nothing to do. Doing it again does nothing. Resolves when the ACK is handed over, or with `receipt` when
   * the broker has confirmed it.
   *
   * Rejects with StaleMessageError when its session has ended, InvalidStateError when it was refused by `nack` before or
   * its subscription has ended, and as `send` does.
   */
  ack(options: SettleOptions = {}): Promise<void> {
    return this.#settler.settle("ACK", this, options);
  }

  /**
   * Refuse it: the broker delivers it again, or puts it aside, as it is made. In the mode `client` that includes all
   * messages of the subscription before it that are not settled.
   *
   * Rejects with InvalidStateError in STOMP 1.0 (which has no NACK) and in the mode `auto`, and as `ack` does.
   */
  nack(options: SettleOptions = {}): Promise<void> {
    return this.#settler.settle("NACK", this, options);
  }

  /** For the subscription: its codec has made this of it. @internal */
  decoded(value: T): void {
    this.#value = value;
  }

  /** For its subscription: whether it is settled, and no transaction can undo that. @internal */
  get isDone(): boolean {
    return this.#settler.isSettled(this) && !this.#settler.isTentative(this);
  }

  /** For a transaction of that id: settle it as part of it, until `decide` is called. @internal */
  settleIn(transaction: string, command: "ACK" | "NACK", options: SettleOptions): Promise<void> {
    return this.#settler.settle(command, this, { ...options, transaction }, true);
  }

  /** For the transaction that it was settled in: how that has ended. @internal */
  decide(isCommitted: boolean): void {
    this.#settler.decide(this, isCommitted);
  }
}
