/** Requests: a message out, and the one that answers it in. */
import { ConnectionLostError, InvalidStateError, ReplyTimeoutError, type StompError } from "../errors.js";
import { Deadlines } from "../internal/deadlines.js";
import { type Deferred, deferred } from "../internal/deferred.js";
import { checkTimeout } from "../internal/duration.js";
import { randomName } from "../internal/random-name.js";
import type { Body, HeadersInit, ServerFrame } from "../protocol/index.js";
import type { Connection } from "./connection.js";
import type { ClientContext } from "./context.js";
import { Message, type Settler } from "./message.js";
import { sendPairs } from "./sending.js";
import type { AnySubscription } from "./subscription.js";

/** Options of {@link Client.request}. */
export interface RequestOptions {
  /** More headers of SEND; `reply-to` and `correlation-id` are made. */
  readonly headers?: HeadersInit;
  /**
   * How long the reply is waited for, in ms; then the call rejects with ReplyTimeoutError.
   * @default ClientOptions.receiptTimeout
   */
  readonly timeout?: number;
  /** Ends the wait: the call rejects with `signal.reason`. */
  readonly signal?: AbortSignal;
  /**
   * The destination that replies come to. It is subscribed to once for all requests that name it.
   * @default a temporary queue of this client's own: RabbitMQ, ActiveMQ and Artemis have them
   */
  readonly replyTo?: string;
  /** Write `content-length`. @default ClientOptions.contentLength */
  readonly contentLength?: boolean;
}

/** A reply that is waited for. */
interface Pending {
  readonly waiter: Deferred<Message>;
  readonly what: string;
  readonly timeout: number;
  readonly unlisten: () => void;
}

/** What a requester needs of its client. */
export interface RequesterHost extends ClientContext {
  subscribe(destination: string, handler: (message: Message) => void): Promise<AnySubscription>;
  /** The first reply is awaited now, or no more. */
  awaitsChanged(): void;
}

/** Makes requests, many at once on one subscription, and brings each its reply by `correlation-id`. */
export class Requester {
  readonly #host: RequesterHost;
  readonly #pending = new Map<string, Pending>();
  readonly #deadlines = new Deadlines<string>((id) => {
    this.#expire(id);
  });
  /** Ours, among all clients that answers may go to. */
  readonly #name = randomName();
  /** The subscriptions to reply destinations, by destination. */
  readonly #replies = new Map<string, Promise<AnySubscription>>();

  constructor(host: RequesterHost) {
    this.#host = host;
  }

  /** How many replies are waited for. */
  get size(): number {
    return this.#pending.size;
  }

  /** See {@link DialClient.request}. */
  async request(destination: string, body: Body, options: RequestOptions): Promise<Message> {
    const { ids, options: defaults } = this.#host;
    const { signal } = options;
    const timeout = checkTimeout("timeout", options.timeout ?? defaults.receiptTimeout);
    signal?.throwIfAborted();
    const own = ["destination", "receipt", "reply-to", "correlation-id"];
    const pairs = sendPairs(destination, body, options.headers, defaults.propagation, own);
    const connection = this.#host.connection();
    if (connection === undefined) throw this.#host.notConnected(`request to ${destination}`);
    const replyTo = options.replyTo ?? `/temp-queue/${this.#name}`;
    if (options.replyTo !== undefined || !makesReplyQueues(connection)) await this.#subscribed(replyTo);
    const id = ids.next(this.#name);
    pairs.push(["reply-to", replyTo], ["correlation-id", id]);
    const reply = this.#wait(id, `request to ${destination}`, timeout, signal);
    try {
      // The subscription to replies may have taken its time.
      if (!connection.isOpen) throw connection.lostError("not-sent");
      await connection.send("SEND", pairs, body, options.contentLength ?? defaults.contentLength);
    } catch (error) {
      reply.catch(() => undefined);
      this.#take(id);
      throw error;
    }
    return reply;
  }

  /** A MESSAGE came for no subscription. Whether it is a reply: RabbitMQ brings them by a subscription that nobody made. */
  deliver(frame: ServerFrame): boolean {
    if (frame.headers.get("subscription") !== `/temp-queue/${this.#name}`) return false;
    return this.#answer(new Message(frame, NOTHING_TO_SETTLE, 1));
  }

  /** The session has ended: no reply will come to what was asked in it. */
  interrupted(reason: StompError | undefined): void {
    for (const id of [...this.#pending.keys()]) {
      const pending = this.#take(id);
      const why = reason?.message ?? "the client has disconnected";
      pending?.waiter.reject(
        new ConnectionLostError(
          `connection lost before the reply to the ${pending.what}: ${why}`,
          "unknown",
          reason === undefined ? {} : { cause: reason },
        ),
      );
    }
  }

  /** There is no session any more, and the subscriptions have ended with it. */
  ended(reason: StompError | undefined): void {
    this.interrupted(reason);
    this.#replies.clear();
  }

  async #subscribed(destination: string): Promise<void> {
    let made = this.#replies.get(destination);
    if (made === undefined) {
      made = this.#host.subscribe(destination, (message) => void this.#answer(message));
      this.#replies.set(destination, made);
      const forget = (): void => {
        if (this.#replies.get(destination) === made) this.#replies.delete(destination);
      };
      made.then((subscription) => subscription.ended).then(forget, forget);
    }
    await made;
  }

  #wait(id: string, what: string, timeout: number, signal: AbortSignal | undefined): Promise<Message> {
    const waiter = deferred<Message>();
    const aborted = (): void => {
      this.#take(id)?.waiter.reject(signal?.reason);
    };
    signal?.addEventListener("abort", aborted, { once: true });
    const unlisten = (): void => {
      signal?.removeEventListener("abort", aborted);
    };
    this.#pending.set(id, { waiter, what, timeout, unlisten });
    if (this.#pending.size === 1) this.#host.awaitsChanged();
    this.#deadlines.set(id, timeout);
    return waiter.promise;
  }

  /** Whether somebody waited for it. */
  #answer(message: Message): boolean {
    const pending = this.#take(message.headers.get("correlation-id") ?? "");
    pending?.waiter.resolve(message);
    return pending !== undefined;
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
    if (this.#pending.size === 0) this.#host.awaitsChanged();
    return pending;
  }
}

/** Whether the broker makes a queue of `reply-to:/temp-queue/…` in a SEND, and delivers from it without a SUBSCRIBE (which it refuses). */
function makesReplyQueues({ server }: Connection): boolean {
  return server !== undefined && (server.startsWith("RabbitMQ/") || server === "stompede");
}

/** A reply is consumed when it is delivered. */
const NOTHING_TO_SETTLE: Settler = {
  settle: (command) =>
    command === "ACK" ? Promise.resolve() : Promise.reject(new InvalidStateError("a reply cannot be refused")),
  isSettled: () => true,
  unsettle: () => undefined,
};
