/** A message as a subscription delivers it. */
import type { FrameHeaders, ServerFrame } from "../../protocol/index.js";
import { charsetOf, decodeText } from "./charset.js";
import type { ReceiptOptions } from "./receipt-options.js";

/** How the messages of a subscription are acknowledged. */
export type AckMode = "auto" | "client" | "client-individual";

/** What decides the life of a message in its session: the only writer of what is internal in it. */
export interface Delivery {
  /** A codec takes its time with the message. */
  decode(message: Message<unknown>): void;
  /** Hand the message out. Returns whether that is still allowed. */
  handOut(message: Message<unknown>): boolean;
  /**
   * ACK or NACK a message. Resolves to `true`: the frame was sent (or there is nothing to send). Resolves to `false`: the message was
   * released. `session`: the connection of the transaction that it is part of, and that says by `decide` how it ended.
   */
  settle(
    command: "ACK" | "NACK",
    message: Message<unknown>,
    options: SettleOptions,
    session?: unknown,
  ): Promise<boolean>;
  /** Whether it is acknowledged or refused, perhaps in a transaction that has not ended. */
  isSettled(message: Message<unknown>): boolean;
  /** Whether nothing can be done about it any more: it is settled, and no transaction can undo that, or it was released. */
  isDone(message: Message<unknown>): boolean;
  /** Its transaction was committed; or aborted, and it can be settled again. */
  decide(message: Message<unknown>, isCommitted: boolean): void;
  /** The signal that aborts when it is released, made on first use. */
  signalOf(message: Message<unknown>): AbortSignal;
}

/** Where a message is in its life, as far as it is written down; `subscribing/delivery.ts` has the table. */
export type DeliveryState = "queued" | "decoding" | "handed-out" | "tentative" | "settled";

/** What few messages have: an object for it costs nothing where there is none. */
export interface RareFacts {
  /** The transaction that it is settled in, while that can be aborted. */
  readonly openIn?: string | undefined;
  /** The receipt of the frame that settled it, if that was asked for. */
  readonly confirmed?: Promise<boolean> | undefined;
  /** Aborts when it is released, if it was asked for. */
  readonly abort?: AbortController | undefined;
}

const NONE: RareFacts = {};

/** Options of {@link Message.ack} and {@link Message.nack}. */
export interface SettleOptions extends ReceiptOptions {
  /** The id of a transaction that the ACK or NACK is part of. `Transaction.ack` and `nack` do more: they undo it when it is aborted. */
  readonly transaction?: string;
  /** More headers of the frame, for example `requeue: false` for a NACK to RabbitMQ. */
  readonly headers?: Readonly<Record<string, string | number | boolean | undefined>>;
}

/** A message. Its body is octets or text, whichever is asked for; with a codec it has a value. */
export class Message<T = undefined> {
  /** The MESSAGE frame. */
  readonly frame: ServerFrame;
  /** Its number among the messages of its subscription, from 1; it counts on in later sessions. */
  readonly sequence: number;
  /** Where it is in its life. @internal */
  state: DeliveryState = "queued";
  /** The frame that settled it, by itself. @internal */
  settledBy: "ACK" | "NACK" | undefined = undefined;
  /** What few messages have. @internal */
  rare: RareFacts = NONE;
  /** @internal */
  readonly delivery: Delivery;
  #value: T | undefined;

  /** Made by a subscription. @internal */
  constructor(frame: ServerFrame, delivery: Delivery, sequence: number) {
    this.frame = frame;
    this.delivery = delivery;
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
    return this.delivery.isSettled(this);
  }

  /**
   * Aborts when the message is released: its session or subscription has ended before it was settled, so that it cannot be
   * acknowledged any more, and the broker delivers it again. Give it to work that would then be in vain. It never aborts in the mode
   * `auto`, nor once the message is settled. Made on first use.
   */
  get signal(): AbortSignal {
    return this.delivery.signalOf(this);
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
   * there is nothing to do. Doing it again does nothing.
   *
   * Resolves to `true` when the ACK is handed to the transport, or with `receipt` when the broker has confirmed it. Resolves to `false`,
   * without sending anything, when the message was released: its session or subscription has ended, and the broker delivers it again.
   *
   * Rejects with InvalidStateError when it was refused by `nack` before, when a receipt is asked for and the message was acknowledged
   * without one, or when an open transaction includes it; with ConnectionLostError (`outcome: "unknown"`) when the session ends before
   * the receipt comes; and as `send` does.
   */
  ack(options: SettleOptions = {}): Promise<boolean> {
    return this.delivery.settle("ACK", this, options);
  }

  /**
   * Refuse it: the broker delivers it again, or puts it aside, depending on the broker. In the mode `client` that includes all
   * messages of the subscription before it that are not settled. Resolves as `ack` does.
   *
   * Rejects with InvalidStateError in STOMP 1.0 (which has no NACK) and in the mode `auto`, and as `ack` does.
   */
  nack(options: SettleOptions = {}): Promise<boolean> {
    return this.delivery.settle("NACK", this, options);
  }

  /** For the subscription: its codec has made this of it. @internal */
  decoded(value: T): void {
    this.#value = value;
  }
}
