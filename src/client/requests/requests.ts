/** Requests: a message goes out, and the one that answers it comes in. */
import {
  ConnectionLostError,
  InvalidStateError,
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
import { Message, type Settler } from "../messages/message.js";
import { sendHeaders } from "../sending/send-headers.js";

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

/** A reply that is waited for. */
interface Pending {
  /** Names the request in errors. */
  readonly name: string;
  readonly replyTo: string;
  /** In ms. */
  readonly timeout: number;
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
  /** In this session: the destinations that replies come to, by the ids of their subscriptions. */
  readonly #replies = new Map<string, string>();

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

  /** See {@link BaseClient.request}. */
  request(destination: string, body: Body, options: RequestOptions): Promise<Message> {
    try {
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
      this.#subscribe(connection, replyTo);
      const contentLength = options.contentLength ?? defaults.contentLength;
      const frame: Outgoing = { command: "SEND", headers, body, contentLength, about: destination };
      connection.send(frame).catch(() => undefined); // the session has ended, and with it the wait
      return this.#pending.begin(id, { name, replyTo, timeout }, { timeout, signal });
    } catch (error) {
      return Promise.reject(error); // what was thrown above, or the signal's reason, untouched
    }
  }

  /** A MESSAGE came: it is a reply if it came to where replies come, and a request with its `correlation-id` waits. */
  message(frame: ServerFrame): boolean {
    if (this.#pending.size === 0) return false;
    const subscription = frame.headers.get("subscription"); // STOMP 1.0 has no such header
    if (subscription !== undefined && !this.#replies.has(subscription)) return false;
    const id = frame.headers.get("correlation-id") ?? "";
    return this.#pending.has(id) && this.#pending.resolve(id, new Message(frame, NOTHING_TO_SETTLE, 1));
  }

  /** An ERROR came. One that names a subscription for replies ends it, and the requests that wait for replies on it. */
  serverError(error: ServerError): boolean {
    const subscription = error.headers.get("subscription") ?? "";
    const ended = this.#replies.get(subscription);
    if (ended === undefined) return false;
    this.#replies.delete(subscription);
    return this.#pending.rejectEach(({ replyTo }) => (replyTo === ended ? error : undefined));
  }

  /** The session has ended: no reply will come to what was requested in it. */
  interrupted(reason: StompError | undefined): void {
    this.#replies.clear();
    const why = reason?.message ?? "the client ended the session";
    const options = reason === undefined ? {} : { cause: reason };
    this.#pending.rejectEach(({ name }) => {
      const message = `connection lost before the reply to the ${name}: ${why}`;
      return new ConnectionLostError(message, "unknown", options);
    });
  }

  ended(reason: StompError | undefined): void {
    this.interrupted(reason);
  }

  /** The destination of replies when the caller names none. */
  #temporaryQueue(server: string | undefined): string {
    if (brokerKindOf(server).replyQueues !== "unknown") return TEMP_QUEUE + this.#context.ids.unique;
    const broker = server === undefined ? "a broker that does not say what it is" : `the broker ${server}`;
    throw new TypeError(`replyTo must be given: ${broker} is not known to have temporary queues`);
  }

  #subscribe(connection: Connection, replyTo: string): void {
    for (const known of this.#replies.values()) if (known === replyTo) return;
    if (brokerKindOf(connection.server).replyQueues === "made" && replyTo.startsWith(TEMP_QUEUE)) {
      this.#replies.set(replyTo, replyTo); // the broker names a subscription so that nobody made
      return;
    }
    const id = this.#context.ids.next("s");
    const frame = outgoing("SUBSCRIBE", replyTo, [
      ["destination", replyTo],
      ["id", id],
      ["ack", "auto"],
    ]);
    connection.send(frame).catch(() => undefined); // the session has ended
    this.#replies.set(id, replyTo);
  }
}

/** A reply is consumed when it is delivered. */
const NOTHING_TO_SETTLE: Settler = {
  settle: (command) =>
    command === "ACK" ? Promise.resolve() : Promise.reject(new InvalidStateError("a reply cannot be refused")),
  isSettled: () => true,
  isTentative: () => false,
  decide: () => undefined,
};
