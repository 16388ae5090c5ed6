/** Requests: a message goes out, and the one that answers it comes in. */
import {
  ConnectionLostError,
  InvalidStateError,
  ReceiptTimeoutError,
  ReplyTimeoutError,
  type ServerError,
  type StompError,
} from "../../errors.js";
import { checkTimeout } from "../../internal/duration.js";
import { Waits } from "../../internal/waits.js";
import { brokerKindOf } from "../../protocol/broker-kinds.js";
import type { Body, HeadersInit, ServerFrame } from "../../protocol/index.js";
import type { Connection } from "../connection/connection.js";
import type { ClientContext } from "../connection/context.js";
import { type Outgoing, checkDestination, outgoing } from "../connection/outgoing.js";
import type { SessionPart } from "../connection/session-part.js";
import { type Codec, checkCodec } from "../messages/codec.js";
import { type Delivery, Message } from "../messages/message.js";
import { sendEncoded, sendHeaders } from "../sending/send-headers.js";
import type { ValueOptions } from "../sending/send-options.js";

/** Options of {@link Client.request}. */
export interface RequestOptions {
  /** More headers of SEND; `reply-to` and `correlation-id` are made. */
  readonly headers?: HeadersInit;
  /**
   * How long the reply is waited for, in ms; then the call rejects with ReplyTimeoutError.
   * @default ClientOptions.receiptTimeout
   */
  readonly timeout?: number;
  /** Ends the wait: the call rejects with `signal.reason`. A request that was handed over stays sent. */
  readonly signal?: AbortSignal;
  /**
   * The destination that replies come to, which nobody else may read. It is subscribed to once in a session, for all requests
   * that name it. Brokers other than RabbitMQ, ActiveMQ and Artemis need one.
   * @default a temporary queue of this client's own
   */
  readonly replyTo?: string;
  /** Write `content-length`. @default ClientOptions.contentLength */
  readonly contentLength?: boolean;
}

/** Options of {@link Client.request} for a request and a reply that are values. */
export interface TypedRequestOptions<T, Sent> extends RequestOptions {
  /**
   * Makes the request from the value, and the `value` of the reply. Where the two have schemas of their own:
   * `{ encode: json(question).encode, decode: json(answer).decode }`. For a reply that is not valid the call rejects with the codec's error.
   */
  readonly codec: Codec<T, Sent>;
}

/** A reply that is waited for. */
interface Pending {
  /** Names the request in errors. */
  readonly name: string;
  readonly replyTo: string;
  /** In ms. */
  readonly timeout: number;
}

/** A subscription for replies. */
interface Replies {
  readonly id: string;
  readonly replyTo: string;
  /** `"asked"` until its receipt comes or is late, or a message by it comes; `"doubted"` from an ERROR on that came meanwhile and named nothing. */
  state: "asked" | "doubted" | "held";
}

/** Headers of SEND that are arguments or options of their own, or made. */
const OWN_HEADERS = ["destination", "receipt", "reply-to", "correlation-id"];
const TEMP_QUEUE = "/temp-queue/";

/**
 * Makes requests, many at once on one subscription, and brings each its reply by `correlation-id`. The subscription belongs to
 * its session, as the requests do: it is not one of the client's subscriptions, and brings replies as long as there is a session.
 */
export class Requests implements SessionPart {
  readonly #context: ClientContext;
  readonly #pending: Waits<Message, Pending>;
  /** The subscriptions for replies in this session, by id. */
  readonly #replies = new Map<string, Replies>();

  constructor(context: ClientContext) {
    this.#context = context;
    this.#pending = new Waits({
      expired: (_id, { name, timeout }) =>
        new ReplyTimeoutError(`no reply to the ${name} within ${timeout} ms`, timeout),
      changed: () => {
        context.flow.setAwaitsReply(this.#pending.size > 0);
      },
    });
  }

  /** How many replies are waited for. */
  get size(): number {
    return this.#pending.size;
  }

  /** See {@link BaseClient.request}: with a codec or without. */
  request<T>(
    destination: string,
    value: unknown,
    options: ValueOptions<RequestOptions, Codec<T, unknown>>,
  ): Promise<Message<T>> {
    const { codec } = options;
    // Without a codec the body is checked when it is sent, and `T` is `undefined`.
    if (codec === undefined) return this.#request(destination, value as Body, options) as Promise<Message<T>>;
    return sendEncoded(codec, value, options, async (body, given) => {
      checkCodec(codec, "decode");
      const reply = (await this.#request(destination, body, given)) as Message<T>; // it has its value before anyone is given it
      reply.decoded(await codec.decode(reply));
      return reply;
    });
  }

  async #request(destination: string, body: Body = "", options: RequestOptions): Promise<Message> {
    const { ids, options: defaults } = this.#context;
    const { signal } = options;
    const timeout = checkTimeout("timeout", options.timeout ?? defaults.receiptTimeout);
    signal?.throwIfAborted();
    const headers = sendHeaders(destination, body, options.headers, defaults.propagation, OWN_HEADERS);
    if (options.replyTo !== undefined) checkDestination(options.replyTo);
    const name = `request to ${destination}`;
    const connection = this.#context.connection();
    if (connection === undefined) throw this.#context.notConnected(name);
    const replyTo = options.replyTo ?? this.#temporaryQueue(connection.server);
    const id = ids.next(ids.unique);
    headers.push(["reply-to", replyTo], ["correlation-id", id]);
    const contentLength = options.contentLength ?? defaults.contentLength;
    const reply = this.#pending.begin(id, { name, replyTo, timeout }, { timeout, signal });
    this.#subscribe(connection, replyTo);
    const frame: Outgoing = outgoing("SEND", destination, headers, body, contentLength);
    sent(connection, frame, false).catch((error: unknown) => this.#pending.reject(id, error));
    return reply;
  }

  /** A MESSAGE came: it is a reply if it came to where replies come, and a request with its `correlation-id` waits. */
  message(frame: ServerFrame): boolean {
    if (this.#pending.size === 0) return false;
    const subscription = frame.headers.get("subscription"); // STOMP 1.0 has no such header
    if (subscription !== undefined) {
      const replies = this.#replies.get(subscription);
      if (replies === undefined) return false;
      replies.state = "held";
    }
    const id = frame.headers.get("correlation-id") ?? "";
    return this.#pending.has(id) && this.#pending.resolve(id, new Message(frame, CONSUMED, 1));
  }

  /** An ERROR came. One that names a subscription for replies ends it; one that names nothing may be about any that is not confirmed. */
  serverError(error: ServerError): boolean {
    const id = error.headers.get("subscription") ?? "";
    const ended = this.#replies.get(id);
    if (ended !== undefined) {
      // Where nobody waits for a reply there is nobody else to tell.
      if (!this.#refused(ended, error)) {
        this.#context.status.tellOrWarn({ type: "server-error", error });
      }
      return true;
    }
    if (!id && error.receiptId === undefined) for (const each of this.#replies.values()) this.#doubt(each, error);
    return false;
  }

  /** The session has ended: no reply will come to what was requested in it. */
  interrupted(reason: StompError | undefined): void {
    this.#replies.clear();
    const why = reason?.message ?? "the client ended the session";
    this.#pending.rejectEach(({ name }) => {
      const message = `connection lost before the reply to the ${name}: ${why}`;
      return new ConnectionLostError(message, "unknown", { cause: reason });
    });
  }

  ended(reason: StompError | undefined): void {
    this.interrupted(reason);
  }

  /** The destination of replies when the caller names none. */
  #temporaryQueue(server: string | undefined): string {
    if (brokerKindOf(server).replyQueues !== "unknown") return TEMP_QUEUE + this.#context.ids.unique;
    throw new TypeError(`replyTo is needed: ${server ?? "this broker"} has no known temporary queues`);
  }

  #subscribe(connection: Connection, replyTo: string): void {
    for (const known of this.#replies.values()) if (known.replyTo === replyTo) return;
    // Such a broker names a subscription so that nobody made.
    const isMade = brokerKindOf(connection.server).replyQueues === "made" && replyTo.startsWith(TEMP_QUEUE);
    const id = isMade ? replyTo : this.#context.ids.next("s");
    const replies: Replies = { id, replyTo, state: isMade ? "held" : "asked" };
    this.#replies.set(id, replies);
    if (isMade) return;
    const frame = outgoing("SUBSCRIBE", replyTo, [
      ["destination", replyTo],
      ["id", id],
      ["ack", "auto"],
    ]);
    const hold = (): void => {
      replies.state = "held";
    };
    sent(connection, frame).then(hold, (error: unknown) => {
      if (error instanceof ReceiptTimeoutError)
        hold(); // a broker that answers no receipts has it all the same
      else this.#refused(replies, error);
    });
  }

  /**
   * An ERROR came that names nothing, as all of RabbitMQ's, which does one thing after the other, and answers no refused SUBSCRIBE
   * unless it ends the session: when a transaction is begun and the SUBSCRIBE before it is not confirmed, that was refused.
   */
  #doubt(replies: Replies, error: ServerError): void {
    const connection = this.#context.connection();
    if (connection === undefined || replies.state !== "asked") return;
    replies.state = "doubted";
    const id = this.#context.ids.next("t");
    for (const command of ["BEGIN", "ABORT"] as const) {
      sent(connection, outgoing(command, id, [["transaction", id]])).then(
        () => replies.state === "doubted" && this.#refused(replies, error),
        () => false, // no more is known than before
      );
    }
  }

  /** A subscription for replies has ended, or never was: the next request makes another one. Returns whether a request waited for it. */
  #refused({ id, replyTo }: Replies, error: unknown): boolean {
    return this.#replies.delete(id) && this.#pending.rejectEach((one) => (one.replyTo === replyTo ? error : undefined));
  }
}

/** Send a frame, and wait for its receipt, which might never come. What `send` throws is a rejection too. */
async function sent(connection: Connection, frame: Outgoing, receipt = true): Promise<void> {
  await connection.send(frame, { receipt, isOptional: true });
}

/** A reply is consumed when it is delivered. */
const CONSUMED: Delivery = {
  decode: () => undefined,
  handOut: () => true,
  settle: (command) =>
    command === "ACK" ? Promise.resolve(true) : Promise.reject(new InvalidStateError("a reply cannot be refused")),
  isSettled: () => true,
  isDone: () => true,
  decide: () => undefined,
  signalOf: () => new AbortController().signal,
};
