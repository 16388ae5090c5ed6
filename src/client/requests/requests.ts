/** Requests: a message out, and the one that answers it in. */
import {
  ConnectionLostError,
  InvalidStateError,
  ReplyTimeoutError,
  type ServerError,
  type StompError,
} from "../../errors.js";
import { Deadlines } from "../../internal/deadlines.js";
import { type Deferred, deferred } from "../../internal/deferred.js";
import { checkTimeout } from "../../internal/duration.js";
import { randomName } from "../../internal/random-name.js";
import type { Body, HeadersInit, ServerFrame } from "../../protocol/index.js";
import { checkDestination } from "../connection/arguments.js";
import type { Connection } from "../connection/connection.js";
import type { ClientContext } from "../connection/context.js";
import { Message, type Settler } from "../messages/message.js";
import { sendPairs } from "../sending/send-options.js";

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
  readonly waiter: Deferred<Message>;
  readonly what: string;
  readonly replyTo: string;
  readonly timeout: number;
  readonly unlisten: () => void;
}

/** Headers of SEND that are arguments or options of their own, or made. */
const OWN_HEADERS = ["destination", "receipt", "reply-to", "correlation-id"];
const TEMP_QUEUE = "/temp-queue/";

/**
 * Makes requests, many at once on one subscription, and brings each its reply by `correlation-id`. The subscription belongs to
 * its session, as the requests do: it is none of the client's subscriptions, and brings replies as long as there is a session.
 */
export class Requester {
  readonly #context: ClientContext;
  readonly #awaitsChanged: () => void;
  readonly #pending = new Map<string, Pending>();
  readonly #deadlines = new Deadlines<string>((id) => {
    this.#expire(id);
  });
  /** Ours, among all clients that answers may go to. */
  readonly #name = randomName();
  /** In this session: the destinations that replies come to, by the ids of their subscriptions. */
  readonly #replies = new Map<string, string>();

  /** `awaitsChanged` is called when the first reply is awaited, and when none is any more. */
  constructor(context: ClientContext, awaitsChanged: () => void) {
    this.#context = context;
    this.#awaitsChanged = awaitsChanged;
  }

  /** How many replies are waited for. */
  get size(): number {
    return this.#pending.size;
  }

  /** See {@link DialClient.request}. */
  request(destination: string, body: Body, options: RequestOptions): Promise<Message> {
    try {
      const { ids, options: defaults } = this.#context;
      const { signal } = options;
      const timeout = checkTimeout("timeout", options.timeout ?? defaults.receiptTimeout);
      signal?.throwIfAborted();
      const pairs = sendPairs(destination, body, options.headers, defaults.propagation, OWN_HEADERS);
      if (options.replyTo !== undefined) checkDestination(options.replyTo);
      const what = `request to ${destination}`;
      const connection = this.#context.connection();
      if (connection === undefined) throw this.#context.notConnected(what);
      const replyTo = options.replyTo ?? this.#temporaryQueue(connection.server);
      const id = ids.next(this.#name);
      pairs.push(["reply-to", replyTo], ["correlation-id", id]);
      this.#subscribe(connection, replyTo);
      const sent = connection.send("SEND", pairs, body, options.contentLength ?? defaults.contentLength);
      sent.catch(() => undefined); // the session has ended, and with it the wait
      return this.#wait(id, what, replyTo, timeout, signal);
    } catch (error) {
      return Promise.reject(error); // what was thrown above, or the signal's reason, untouched
    }
  }

  /** A MESSAGE came for no subscription. Whether it is a reply that is waited for. */
  deliver(frame: ServerFrame): boolean {
    const pending = this.#take(frame.headers.get("correlation-id") ?? "");
    pending?.waiter.resolve(new Message(frame, NOTHING_TO_SETTLE, 1));
    return pending !== undefined;
  }

  /** An ERROR came that concerns no receipt. Whether it ends a subscription that replies are waited for on. */
  serverError(error: ServerError): boolean {
    const subscription = error.headers.get("subscription") ?? "";
    const replyTo = this.#replies.get(subscription);
    if (replyTo === undefined) return false;
    this.#replies.delete(subscription);
    const ids = [...this.#pending].flatMap(([id, pending]) => (pending.replyTo === replyTo ? [id] : []));
    for (const id of ids) this.#take(id)?.waiter.reject(error);
    return ids.length > 0;
  }

  /** The session has ended: no reply will come to what was asked in it. */
  interrupted(reason: StompError | undefined): void {
    this.#replies.clear();
    const why = reason?.message ?? "the client ended the session";
    const options = reason === undefined ? {} : { cause: reason };
    for (const id of [...this.#pending.keys()]) {
      const pending = this.#take(id);
      const message = `connection lost before the reply to the ${pending?.what ?? ""}: ${why}`;
      pending?.waiter.reject(new ConnectionLostError(message, "unknown", options));
    }
  }

  /** Where replies come to when a caller names no destination. */
  #temporaryQueue(server: string | undefined): string {
    // Artemis makes a queue of any name, and removes it with its subscription.
    if (makesReplyQueues(server) || server?.startsWith("ActiveMQ") === true) return TEMP_QUEUE + this.#name;
    const broker = server === undefined ? "a broker that does not say what it is" : `the broker ${server}`;
    throw new TypeError(`replyTo must be given: ${broker} is not known to have temporary queues`);
  }

  #subscribe(connection: Connection, replyTo: string): void {
    for (const known of this.#replies.values()) if (known === replyTo) return;
    if (makesReplyQueues(connection.server) && replyTo.startsWith(TEMP_QUEUE)) {
      this.#replies.set(replyTo, replyTo); // the subscription that nobody made has that id
      return;
    }
    const id = this.#context.ids.next(`replies-${this.#name}`);
    const pairs = [
      ["destination", replyTo],
      ["id", id],
      ["ack", "auto"],
    ] as const;
    connection.send("SUBSCRIBE", pairs, "", true).catch(() => undefined); // the session has ended
    this.#replies.set(id, replyTo);
  }

  #wait(id: string, what: string, replyTo: string, timeout: number, signal: AbortSignal | undefined): Promise<Message> {
    const waiter = deferred<Message>();
    const aborted = (): void => {
      this.#take(id)?.waiter.reject(signal?.reason);
    };
    signal?.addEventListener("abort", aborted, { once: true });
    const unlisten = (): void => {
      signal?.removeEventListener("abort", aborted);
    };
    this.#pending.set(id, { waiter, what, replyTo, timeout, unlisten });
    if (this.#pending.size === 1) this.#awaitsChanged();
    this.#deadlines.set(id, timeout);
    return waiter.promise;
  }

  #expire(id: string): void {
    const pending = this.#take(id);
    if (pending === undefined) return;
    const { what, timeout, waiter } = pending;
    waiter.reject(new ReplyTimeoutError(`no reply to the ${what} within ${timeout} ms`, timeout));
  }

  #take(id: string): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    this.#deadlines.delete(id);
    pending.unlisten();
    if (this.#pending.size === 0) this.#awaitsChanged();
    return pending;
  }
}

/** Whether the broker makes a queue of `reply-to:/temp-queue/…` in a SEND, and delivers from it without a SUBSCRIBE (which it refuses). */
function makesReplyQueues(server: string | undefined): boolean {
  return server !== undefined && (server.startsWith("RabbitMQ/") || server === "stompede");
}

/** A reply is consumed when it is delivered. */
const NOTHING_TO_SETTLE: Settler = {
  settle: (command) =>
    command === "ACK" ? Promise.resolve() : Promise.reject(new InvalidStateError("a reply cannot be refused")),
  isSettled: () => true,
  isTentative: () => false,
  decide: () => undefined,
};
