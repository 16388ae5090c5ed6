/** A subscription: what was delivered and not yet read, how it is read, and how it ends. */
import { InvalidStateError, SlowConsumerError, type StompError } from "../errors.js";
import { type Deferred, deferred } from "../internal/deferred.js";
import { Fifo } from "../internal/fifo.js";
import type { HeadersInit, ServerFrame } from "../protocol/index.js";
import { type AckMode, Message, type Settler } from "./message.js";
import type { BufferLimits } from "./options.js";
import type { ReceiptOptions } from "./request.js";

/** Is given each message of a subscription. In the modes with acknowledgement its return or resolution acknowledges the
 * message and its fault refuses it, unless it has done so itself. */
export type MessageHandler = (message: Message) => unknown;

/** Options of `subscribe`. */
export interface SubscribeOptions extends ReceiptOptions {
  /**
   * `"auto"`: a message counts as consumed when it is sent. `"client"`: an ACK acknowledges all messages up to its own.
   * `"client-individual"` (from 1.1 on): each by itself.
   * @default "auto"
   */
  readonly ack?: AckMode;
  /** The subscription's id. @default one is made */
  readonly id?: string;
  /** More headers of SUBSCRIBE: `selector`, and whatever the broker knows. */
  readonly headers?: HeadersInit;
  /**
   * How many messages a handler works on at the same time. In the mode `"client"` it is always 1.
   * @default 1
   */
  readonly concurrency?: number;
}

/** Options of {@link Subscription.unsubscribe}. */
export interface UnsubscribeOptions extends ReceiptOptions {
  /** More headers of UNSUBSCRIBE: some brokers end a durable subscription so. */
  readonly headers?: HeadersInit;
}

/** What a subscription needs of its client. */
export interface SubscriptionHost {
  /** Who settles the messages that come now. */
  settlerOf(subscription: Subscription): Settler;
  /** The handler has returned or failed: settle the message, unless the handler has. */
  settleAfterHandler(command: "ACK" | "NACK", subscription: Subscription, message: Message): void;
  unsubscribe(subscription: Subscription, options: UnsubscribeOptions): Promise<void>;
  /** End the subscription, here and at the broker. */
  fail(subscription: Subscription, reason: StompError): void;
  /** Unread messages have become too many, or few again. */
  crowded(subscription: Subscription, isCrowded: boolean): void;
  handlerFailed(subscription: Subscription, error: unknown): void;
}

/** What makes a subscription what it is. */
export interface SubscriptionTerms {
  readonly id: string;
  readonly destination: string;
  readonly ack: AckMode;
  readonly headers: HeadersInit;
  readonly handler: MessageHandler | undefined;
  readonly concurrency: number;
  readonly buffer: BufferLimits;
}

/** The broker is held back from this part of the buffer on, and let go again at half of that. */
const CROWDED = 0.1;

/**
 * A subscription. Without a handler it is read with `for await`, by one reader; leaving the loop unsubscribes. When the
 * session ends without `disconnect`, what was delivered can still be read, and then the iteration throws the reason.
 */
export class Subscription implements AsyncIterableIterator<Message, undefined, undefined>, AsyncDisposable {
  /** The id, as in the `subscription` header of its messages. */
  readonly id: string;
  /** Where its messages come from. */
  readonly destination: string;
  /** How its messages are acknowledged. */
  readonly ack: AckMode;
  /** The headers that its SUBSCRIBE has besides. */
  readonly headers: HeadersInit;
  readonly #host: SubscriptionHost;
  readonly #handler: MessageHandler | undefined;
  readonly #concurrency: number;
  readonly #buffer: BufferLimits;
  readonly #unread = new Fifo<Message>();
  readonly #readers = new Fifo<Deferred<IteratorResult<Message, undefined>>>();
  readonly #ended: Deferred<void> = deferred();
  #bytes = 0;
  #delivered = 0;
  #running = 0;
  #crowded = false;
  #state: "live" | "ended" = "live";
  #reason: Error | undefined;

  /** Made by `subscribe`. */
  constructor(terms: SubscriptionTerms, host: SubscriptionHost) {
    this.id = terms.id;
    this.destination = terms.destination;
    this.ack = terms.ack;
    this.headers = terms.headers;
    this.#handler = terms.handler;
    this.#concurrency = terms.ack === "client" ? 1 : terms.concurrency;
    this.#buffer = terms.buffer;
    this.#host = host;
    this.#ended.promise.catch(() => undefined); // whoever wants to know asks `ended`
  }

  /** Whether messages can still come. */
  get isLive(): boolean {
    return this.#state === "live";
  }

  /** How many messages were delivered and not yet read. */
  get unread(): number {
    return this.#unread.length;
  }

  /** Resolves when the subscription has ended by `unsubscribe` or `disconnect`; rejects with the reason when it ended otherwise. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /**
   * End it. Messages that were delivered and not read are dropped; those not acknowledged are the broker's again (RabbitMQ
   * delivers them again only when the session has ended). Calling it again, or after its end, does nothing. Resolves when the UNSUBSCRIBE is handed over, or with `receipt` confirmed.
   */
  unsubscribe(options: UnsubscribeOptions = {}): Promise<void> {
    return this.#host.unsubscribe(this, options);
  }

  /** The next message. Rejects with the reason when the subscription was ended by an error and all that came was read. */
  next(): Promise<IteratorResult<Message, undefined>> {
    if (this.#handler !== undefined) {
      return Promise.reject(new InvalidStateError(`subscription ${this.id} has a handler: it cannot be iterated`));
    }
    const message = this.#take();
    if (message !== undefined) return Promise.resolve({ done: false, value: message });
    if (this.#state === "ended") {
      const reason = this.#reason;
      this.#reason = undefined; // told once; then it is over
      return reason === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(reason);
    }
    const reader = deferred<IteratorResult<Message, undefined>>();
    this.#readers.push(reader);
    return reader.promise;
  }

  /** Leave the iteration: unsubscribes. */
  async return(): Promise<IteratorResult<Message, undefined>> {
    await this[Symbol.asyncDispose]();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Unsubscribe; a connection that has ended meanwhile is no error. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isLive) await this.unsubscribe();
  }

  /** For the client: a message came. */
  deliver(frame: ServerFrame): void {
    if (this.#state === "ended") return;
    this.#delivered++;
    const message = new Message(frame, this.#host.settlerOf(this), this.#delivered);
    if (this.#handler !== undefined && this.#running < this.#concurrency && this.#unread.length === 0) {
      this.#handle(this.#handler, message);
      return;
    }
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader.resolve({ done: false, value: message });
      return;
    }
    this.#keep(message);
  }

  /** For the client: no more will come. With a `reason`, that is told to the reader once all is read. */
  end(reason: Error | undefined, dropUnread: boolean): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    if (dropUnread) {
      this.#unread.clear();
      this.#bytes = 0;
    }
    this.#setCrowded(false);
    this.#reason = reason;
    if (reason === undefined) this.#ended.resolve();
    else this.#ended.reject(reason);
    for (let reader = this.#readers.shift(); reader !== undefined; reader = this.#readers.shift()) {
      const told = this.#reason;
      this.#reason = undefined;
      if (told === undefined) reader.resolve({ done: true, value: undefined });
      else reader.reject(told);
    }
  }

  #keep(message: Message): void {
    const { messages, bytes } = this.#buffer;
    const size = message.frame.bodySize;
    if (this.#unread.length >= messages || this.#bytes + size > bytes) {
      this.#host.fail(this, tooSlow(this, this.#unread.length, this.#bytes));
      return;
    }
    this.#unread.push(message);
    this.#bytes += size;
    if (!this.#crowded && (this.#unread.length >= messages * CROWDED || this.#bytes >= bytes * CROWDED))
      this.#setCrowded(true);
  }

  #take(): Message | undefined {
    const message = this.#unread.shift();
    if (message === undefined) return undefined;
    this.#bytes -= message.frame.bodySize;
    const { messages, bytes } = this.#buffer;
    const few = this.#unread.length <= (messages * CROWDED) / 2 && this.#bytes <= (bytes * CROWDED) / 2;
    if (this.#crowded && few) this.#setCrowded(false);
    return message;
  }

  #setCrowded(crowded: boolean): void {
    if (this.#crowded === crowded) return;
    this.#crowded = crowded;
    this.#host.crowded(this, crowded);
  }

  /** Run the handler; a handler that returns no promise costs none. */
  #handle(handler: MessageHandler, message: Message): void {
    let result: unknown;
    try {
      result = handler(message);
    } catch (error) {
      this.#failed(message, error);
      return;
    }
    if (!isThenable(result)) {
      this.#succeeded(message);
      return;
    }
    this.#running++;
    result.then(
      () => {
        this.#running--;
        this.#succeeded(message);
        this.#handleUnread(handler);
      },
      (error: unknown) => {
        this.#running--;
        this.#failed(message, error);
        this.#handleUnread(handler);
      },
    );
  }

  #handleUnread(handler: MessageHandler): void {
    while (this.#running < this.#concurrency) {
      const message = this.#take();
      if (message === undefined) return;
      this.#handle(handler, message);
    }
  }

  #succeeded(message: Message): void {
    if (this.ack !== "auto") this.#host.settleAfterHandler("ACK", this, message);
  }

  #failed(message: Message, error: unknown): void {
    if (this.ack !== "auto") this.#host.settleAfterHandler("NACK", this, message);
    this.#host.handlerFailed(this, error);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

function tooSlow(subscription: Subscription, messages: number, bytes: number): StompError {
  return new SlowConsumerError(
    `subscription ${subscription.id} to ${subscription.destination} has ${messages} unread messages of ${bytes} bytes, more than its buffer takes; ` +
      "read faster, ask the broker for fewer at a time (RabbitMQ: prefetch-count, ActiveMQ: activemq.prefetchSize), or allow a larger buffer",
  );
}
