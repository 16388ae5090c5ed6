/** A subscription: how what was delivered is handed out, and how it ends. */
import { InvalidStateError, SlowConsumerError, type StompError } from "../../errors.js";
import { type Deferred, deferred } from "../../internal/deferred.js";
import { Fifo } from "../../internal/fifo.js";
import { isThenable } from "../../internal/thenable.js";
import type { ServerFrame } from "../../protocol/index.js";
import { type AckMode, Message, type Settler } from "../messages/message.js";
import type { MessageHandler, UnsubscribeOptions } from "./subscribe-options.js";
import { Unread } from "./buffer.js";
import type { SubscriptionTerms } from "./terms.js";

/** What a subscription needs of its client. */
export interface SubscriptionHost {
  /** The handler has returned or failed: settle the message, unless the handler has. */
  settleAfterHandler(command: "ACK" | "NACK", subscription: AnySubscription, message: Message<unknown>): void;
  /** Call a handler, in whatever context the message brings. */
  run<T>(message: Message<T>, handler: MessageHandler<T>): unknown;
  unsubscribe(subscription: AnySubscription, options: UnsubscribeOptions): Promise<void>;
  /** End the subscription, here and at the broker. */
  fail(subscription: AnySubscription, reason: Error): void;
  /** Unread messages have become too many, or few again. */
  crowded(subscription: AnySubscription, isCrowded: boolean): void;
  handlerFailed(subscription: AnySubscription, error: unknown): void;
  /** A message has no valid value: put it in order. What is returned never rejects, and resolves when that is done. */
  invalid(subscription: AnySubscription, message: Message<unknown>, error: unknown): Promise<void> | undefined;
  /** A message was dropped for want of room. */
  overflowed(subscription: AnySubscription): void;
}

/** A subscription whatever its messages' values are. */
// `any`, as a subscription's value stands in its handler's argument and in its iterator's result: no other type fits all.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnySubscription = Subscription<any>;

/**
 * A subscription. Without a handler it is read with `for await`, by one reader; leaving the loop unsubscribes. It lives on
 * when a connection is lost and another one is made. When the client has no session any more without `disconnect`, what was
 * delivered can still be read, and then the iteration throws the reason.
 */
export class Subscription<T = undefined>
  implements AsyncIterableIterator<Message<T>, undefined, undefined>, AsyncDisposable
{
  /** The id, as in the `subscription` header of its messages. */
  readonly id: string;
  /** Where its messages come from. */
  readonly destination: string;
  /** How its messages are acknowledged. */
  readonly ack: AckMode;
  /** What it was asked to be. @internal */
  readonly terms: SubscriptionTerms<T>;
  readonly #host: SubscriptionHost;
  readonly #concurrency: number;
  readonly #unread: Unread<Message<T>>;
  readonly #readers = new Fifo<Deferred<IteratorResult<Message<T>, undefined>>>();
  readonly #ended: Deferred<void> = deferred();
  /** Handed to a reader last. */
  #handed: Message<T> | undefined;
  #delivered = 0;
  /** How many messages are being decoded or handled. */
  #running = 0;
  #state: "live" | "draining" | "ended" = "live";
  /** Whether it has ended without its unread messages. */
  #isOver = false;
  #isAskedForEnd = false;
  #whenIdle: Deferred<void> | undefined;
  #reason: Error | undefined;

  /** Made by `subscribe`. @internal */
  constructor(terms: SubscriptionTerms<T>, host: SubscriptionHost) {
    this.id = terms.id;
    this.destination = terms.destination;
    this.ack = terms.ack;
    this.terms = terms;
    this.#concurrency = terms.ack === "client" || terms.handler === undefined ? 1 : terms.concurrency;
    this.#host = host;
    this.#unread = new Unread(terms.buffer, (isCrowded) => {
      host.crowded(this, isCrowded);
    });
    this.#ended.promise.catch(() => undefined); // whoever wants to know asks `ended`
  }

  /** For the client: whether handlers work on its messages. */
  get isBusy(): boolean {
    return this.#running > 0;
  }

  /** Whether it has not ended. */
  get isLive(): boolean {
    return this.#state !== "ended";
  }

  /** How many messages were delivered and not yet read. */
  get unread(): number {
    return this.#unread.length;
  }

  /** Resolves when the subscription has ended by `unsubscribe` or `disconnect`; rejects with the reason when it ended otherwise. */
  get ended(): Promise<void> {
    this.#isAskedForEnd = true;
    return this.#ended.promise;
  }

  /** Whether somebody hears of its end: whoever reads it, or has asked for `ended`. @internal */
  get isWatched(): boolean {
    return this.terms.handler === undefined || this.#isAskedForEnd;
  }

  /**
   * End it. Messages that were delivered and not read are dropped; those not acknowledged are the broker's again (RabbitMQ
   * delivers them again only when the session has ended). Calling it again, or after its end, does nothing. Resolves when
   * the UNSUBSCRIBE is handed over, or with `receipt` confirmed.
   */
  unsubscribe(options: UnsubscribeOptions = {}): Promise<void> {
    return this.#host.unsubscribe(this, options);
  }

  /** The next message. Rejects with the reason when the subscription was ended by an error and all that came was read. */
  next(): Promise<IteratorResult<Message<T>, undefined>> {
    if (this.terms.handler !== undefined) {
      return Promise.reject(new InvalidStateError(`subscription ${this.id} has a handler: it cannot be iterated`));
    }
    this.#doneWith();
    if (this.terms.codec === undefined && this.#state !== "draining") {
      const message = this.#unread.take();
      if (message !== undefined) {
        this.#handed = message;
        return Promise.resolve({ done: false, value: message });
      }
    }
    const reader = deferred<IteratorResult<Message<T>, undefined>>();
    this.#readers.push(reader);
    this.#work();
    return reader.promise;
  }

  /** Leave the iteration: unsubscribes. */
  async return(): Promise<IteratorResult<Message<T>, undefined>> {
    this.#doneWith();
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

  /** For the client: a message came, which `settler` settles. @internal */
  deliver(frame: ServerFrame, settler: Settler): void {
    if (this.#state !== "live") return; // it is the broker's to deliver again, where it is to be acknowledged
    this.#delivered++;
    const message = new Message<T>(frame, settler, this.#delivered);
    if (this.#unread.length === 0 && this.#isWanted()) this.#take(message);
    else this.#keep(message);
  }

  /** For the client: the session has ended, and another one may come. @internal */
  interrupted(): void {
    this.#delivered = 0;
    if (this.ack === "auto") return;
    // What is to be acknowledged is delivered again, so it is not handed out twice. What was handed out can be
    // acknowledged no more, so that `drain` need not wait for it.
    this.#unread.clear();
    this.#handed = undefined;
    this.#checkIdle();
  }

  /** For the client: hand out no more. Resolves when what was handed out is done with; after its end, when no handler runs. @internal */
  drain(): Promise<void> {
    if (this.#state === "live") this.#state = "draining";
    this.#unread.release();
    if (this.#isIdle()) return Promise.resolve();
    this.#whenIdle ??= deferred<void>();
    return this.#whenIdle.promise;
  }

  /** For the client: one of its messages was settled. @internal */
  settledOne(): void {
    this.#checkIdle();
  }

  /** For the client: no more will come. With a `reason`, that is told to the reader once all is read. @internal */
  end(reason: Error | undefined, dropUnread: boolean): void {
    if (this.#state === "ended") return;
    if (dropUnread || this.#state === "draining") this.#unread.clear();
    this.#isOver = dropUnread;
    this.#state = "ended";
    this.#unread.release();
    this.#reason = reason;
    if (reason === undefined) this.#ended.resolve();
    else this.#ended.reject(reason);
    this.#work();
  }

  #keep(message: Message<T>): void {
    while (!this.#unread.add(message)) {
      this.#host.overflowed(this);
      if (this.terms.whenSlow === "fail") {
        this.#host.fail(this, tooSlow(this, message, this.#unread));
        return;
      }
      this.#unread.take();
    }
  }

  /** Take what waits, as far as it is wanted; tell the readers when no more will come. */
  #work(): void {
    while (this.#isWanted()) {
      const message = this.#unread.take();
      if (message === undefined) break;
      this.#take(message);
    }
    if (this.#state === "ended" && (this.#isOver || (this.#running === 0 && this.#unread.length === 0)))
      this.#tellEnd();
    this.#checkIdle();
  }

  #isWanted(): boolean {
    if (this.#running >= this.#concurrency || this.#state === "draining") return false;
    return this.terms.handler !== undefined || this.#readers.length > 0;
  }

  #tellEnd(): void {
    for (let reader = this.#readers.shift(); reader !== undefined; reader = this.#readers.shift()) {
      const reason = this.#reason;
      this.#reason = undefined; // told once; then it is over
      if (reason === undefined) reader.resolve({ done: true, value: undefined });
      else reader.reject(reason);
    }
  }

  /** Decode a message and hand it out. A codec that gives no promise costs none. */
  #take(message: Message<T>): void {
    const { codec } = this.terms;
    if (codec === undefined) {
      this.#handOut(message);
      return;
    }
    let value: T | Promise<T>;
    try {
      value = codec.decode(message);
      if (!isThenable(value)) message.decoded(value);
    } catch (error) {
      this.#invalid(message, error);
      return;
    }
    if (!isThenable(value)) {
      this.#handOut(message);
      return;
    }
    this.#running++;
    Promise.resolve(value).then(
      (valid) => {
        this.#running--;
        message.decoded(valid);
        this.#handOut(message);
        this.#work();
      },
      (error: unknown) => {
        this.#running--;
        this.#invalid(message, error);
        this.#work();
      },
    );
  }

  #invalid(message: Message<T>, error: unknown): void {
    const done = this.#host.invalid(this, message, error);
    if (done === undefined) return;
    this.#running++;
    void done.then(() => {
      this.#running--;
      this.#work();
    });
  }

  #handOut(message: Message<T>): void {
    if (this.#isOver) return; // it was decoded meanwhile: dropped as what was not read
    const { handler } = this.terms;
    if (handler !== undefined) {
      this.#call(handler, message);
      return;
    }
    this.#handed = message;
    this.#readers.shift()?.resolve({ done: false, value: message });
  }

  /** Run the handler; one that returns no promise costs none. */
  #call(handler: MessageHandler<T>, message: Message<T>): void {
    let result: unknown;
    let waits: boolean;
    this.#running++; // it runs already: it may call `disconnect`
    try {
      result = this.#host.run(message, handler);
      waits = isThenable(result);
    } catch (error) {
      this.#failed(message, error);
      this.#running--;
      this.#checkIdle();
      return;
    }
    if (!waits) {
      this.#succeeded(message);
      this.#running--;
      this.#checkIdle();
      return;
    }
    Promise.resolve(result).then(
      () => {
        this.#succeeded(message);
        this.#running--;
        this.#work();
      },
      (error: unknown) => {
        this.#failed(message, error);
        this.#running--;
        this.#work();
      },
    );
  }

  #succeeded(message: Message<T>): void {
    if (this.ack !== "auto") this.#host.settleAfterHandler("ACK", this, message);
  }

  #failed(message: Message<T>, error: unknown): void {
    if (this.ack !== "auto") this.#host.settleAfterHandler("NACK", this, message);
    this.#host.handlerFailed(this, error);
  }

  /** The reader wants another message, or no more: it is done with the one it had. */
  #doneWith(): void {
    this.#handed = undefined;
    this.#checkIdle();
  }

  #isIdle(): boolean {
    if (this.#running > 0) return false;
    return this.#state === "ended" || this.#handed === undefined || this.ack === "auto" || this.#handed.isDone;
  }

  #checkIdle(): void {
    if (this.#whenIdle === undefined || !this.#isIdle()) return;
    this.#whenIdle.resolve();
    this.#whenIdle = undefined;
  }
}

function tooSlow(
  { id, destination, terms }: AnySubscription,
  next: Message<unknown>,
  { length, bytes }: Pick<Unread<never>, "length" | "bytes">,
): StompError {
  const { buffer } = terms;
  return new SlowConsumerError(
    `subscription ${id} to ${destination} has ${length} unread messages of ${bytes} bytes and gets another of ${next.frame.bodySize}, ` +
      `its buffer takes ${buffer.messages} of ${buffer.bytes} bytes; ` +
      "read faster, ask the broker for fewer at a time (RabbitMQ: prefetch-count, ActiveMQ: activemq.prefetchSize), or allow a larger buffer",
  );
}
