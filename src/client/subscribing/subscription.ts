/**
 * A subscription: how what was delivered is handed out, and how it ends.
 *
 *     live ── disconnect(), or unsubscribe() while handlers run ──▶ draining (in an ack mode nothing more is handed out)
 *       │                                                             │
 *       └──── unsubscribe(), an error, the end of the last session ───┴──▶ ended
 *
 * In an ack mode messages that are unread at the end are released; in the mode auto they can still be read, or are dropped and counted.
 */
import { ConnectionLostError, InvalidStateError, SlowConsumerError, type StompError } from "../../errors.js";
import { type Deferred, deferred } from "../../internal/deferred.js";
import { Fifo } from "../../internal/fifo.js";
import type { ServerFrame } from "../../protocol/index.js";
import type { Connection } from "../connection/connection.js";
import type { ClientContext } from "../connection/context.js";
import { type AckMode, Message } from "../messages/message.js";
import { MessageBuffer } from "./buffer.js";
import { SessionDelivery } from "./delivery.js";
import { Handling } from "./handling.js";
import type { UnsubscribeOptions } from "./subscribe-options.js";
import type { SubscriptionTerms } from "./terms.js";

/** What a subscription needs of its client. */
export interface SubscriptionHost {
  unsubscribe(subscription: AnySubscription, options: UnsubscribeOptions): Promise<void>;
  /** End a subscription, here and at the broker. `dropUnread`: without handing out what is unread. */
  fail(subscription: AnySubscription, reason: Error, dropUnread: boolean): void;
}

/** A subscription, whatever the values of its messages are. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- its value is an argument of its handler and a result of its iterator: no other type fits all
export type AnySubscription = Subscription<any>;

type State =
  | { readonly kind: "live"; readonly isOver: false }
  /** `isOver`: nothing more is handed out, not even what is being decoded. */
  | { readonly kind: "draining"; readonly isOver: boolean }
  /** `reason`: what the next reader rejects with. `isOver`: nothing more is handed out, not even what is unread. */
  | { readonly kind: "ended"; readonly isOver: boolean; reason: Error | undefined };

const NOTHING: readonly never[] = [];
const LIVE: State = { kind: "live", isOver: false };

/** How a subscription ends. */
export interface SubscriptionEnd {
  /** Without one it was meant to end. */
  readonly reason: Error | undefined;
  /** In the mode auto: drop what is unread; otherwise it can still be read. */
  readonly dropUnread: boolean;
}

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
  /** Resolves when the subscription has ended by `unsubscribe` or `disconnect`; rejects with the reason when it ended otherwise. */
  readonly ended: Promise<void>;
  /** What it was asked to be. @internal */
  readonly terms: SubscriptionTerms<T>;
  readonly #context: ClientContext;
  readonly #host: SubscriptionHost;
  readonly #concurrency: number;
  readonly #buffer: MessageBuffer<Message<T>>;
  readonly #handling: Handling<T>;
  readonly #readers = new Fifo<Deferred<IteratorResult<Message<T>, undefined>>>();
  readonly #whenEnded: Deferred<void> = deferred();
  #state: State = LIVE;
  #delivery: SessionDelivery | undefined;
  /** What readers got and may still work on: until it is done, or they ask for more. */
  #reading: readonly Message<T>[] = NOTHING;
  #delivered = 0;
  #overflows = 0;
  #isUsedUp = false;
  #whenIdle: Deferred<void> | undefined;

  /** Made by `subscribe`. @internal */
  constructor(terms: SubscriptionTerms<T>, context: ClientContext, host: SubscriptionHost) {
    this.id = terms.id;
    this.destination = terms.destination;
    this.ack = terms.ack;
    this.ended = this.#whenEnded.promise;
    this.terms = terms;
    this.#context = context;
    this.#host = host;
    this.#concurrency = terms.ack === "client" || terms.handler === undefined ? 1 : terms.concurrency;
    this.#buffer = new MessageBuffer(terms.buffer, (isCrowded) => {
      context.flow.setCrowded(this, isCrowded);
    });
    this.#handling = new Handling(terms, context, this);
  }

  /** Whether handlers work on its messages. @internal */
  get isBusy(): boolean {
    return this.#handling.running > 0;
  }

  /** Whether it has not ended. */
  get isLive(): boolean {
    return this.#state.kind !== "ended";
  }

  /** How many messages were delivered and not yet read. */
  get unread(): number {
    return this.#buffer.length;
  }

  /**
   * End it. No more messages are handed out. In an ack mode UNSUBSCRIBE is sent when the running handlers have acknowledged their messages
   * and transactions that acknowledge some have ended, or after {@link UnsubscribeOptions.timeout}; then the broker delivers again what is
   * not acknowledged (RabbitMQ only when the session has ended). In the mode `auto` it is sent at once, and unread messages are dropped and
   * counted. Calling it again, or after its end, does nothing. Without `receipt` it resolves at once, so that a handler can await the end of
   * its own subscription; with `receipt` when the broker has confirmed it.
   */
  unsubscribe(options: UnsubscribeOptions = {}): Promise<void> {
    this.#doneReading(); // what a reader has is not waited for
    return this.#host.unsubscribe(this, options);
  }

  /** The next message. Rejects with the reason when an error ended the subscription and everything that came was read. */
  next(): Promise<IteratorResult<Message<T>, undefined>> {
    if (this.terms.handler !== undefined) {
      return Promise.reject(new InvalidStateError(`subscription ${this.id} has a handler: it cannot be iterated`));
    }
    if (this.#readers.length === 0) this.#doneReading();
    if (this.terms.codec === undefined && this.#mayHandOut()) {
      const message = this.#buffer.take();
      if (message?.delivery.handOut(message) === true) {
        this.#read(message);
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
    this.#doneReading();
    await this[Symbol.asyncDispose]();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Unsubscribe. A connection that has ended meanwhile is not an error. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isLive) return;
    await this.unsubscribe().catch((error: unknown) => {
      if (!(error instanceof ConnectionLostError)) throw error;
    });
  }

  /** For the client: a message came. @internal */
  deliver(frame: ServerFrame, connection: Connection): void {
    if (this.#state.kind !== "live" && this.ack !== "auto") return; // the broker delivers it again
    if (this.#delivery?.connection !== connection) {
      this.#delivery = new SessionDelivery(connection, this, this.#delivered);
    }
    this.#delivered++;
    const message = new Message<T>(frame, this.#delivery, this.#delivered);
    if (this.#buffer.length === 0 && this.#isWanted()) this.#handling.take(message);
    else this.#keep(message);
  }

  /** For the client: what is not settled cannot be settled any more; the session has ended, or is about to. @internal */
  release(reason: Error | undefined): void {
    if (this.ack === "auto") return;
    this.#buffer.clear();
    this.#reading = NOTHING;
    this.#delivery?.release(reason);
    this.checkIdle();
  }

  /**
   * For the client: in an ack mode hand out no more. Resolves when what was handed out is done, and in the mode auto when the handler
   * has worked off what is unread. @internal
   */
  drain(isOver = false): Promise<void> {
    if (this.#state.kind !== "ended" && !this.#state.isOver) this.#state = { kind: "draining", isOver };
    if (this.ack === "auto") this.#buffer.release();
    else this.#buffer.clear();
    if (this.#isIdle()) return Promise.resolve();
    this.#whenIdle ??= deferred<void>();
    return this.#whenIdle.promise;
  }

  /** For the client: whether UNSUBSCRIBE must wait for handlers, or for a transaction, to settle messages. @internal */
  get mustDrain(): boolean {
    // What a lost session delivered cannot be acknowledged.
    const delivery = this.#delivery;
    if (this.ack === "auto" || delivery?.isLive !== true) return false;
    return (this.terms.handler !== undefined && this.isBusy) || delivery.isTentative;
  }

  /** For the client: no more messages will come. @internal */
  end({ reason, dropUnread }: SubscriptionEnd): void {
    if (this.#state.kind === "ended") return;
    const isOver = dropUnread || this.ack !== "auto";
    this.#state = { kind: "ended", reason, isOver };
    if (isOver && this.ack === "auto" && this.unread > 0) {
      const count = this.unread;
      this.#buffer.clear();
      this.dropped(count);
    }
    this.release(reason);
    this.#buffer.release();
    this.ended.catch(() => undefined); // whoever wants to know asks for it
    if (reason === undefined) this.#whenEnded.resolve();
    else this.#whenEnded.reject(reason);
    this.#work();
  }

  /** For its handling: whether nothing is handed out any more. @internal */
  get isOver(): boolean {
    return this.#state.isOver;
  }

  /** For its handling: hand a message to a reader. @internal */
  toReader(message: Message<T>): void {
    this.#read(message);
    this.#readers.shift()?.resolve({ done: false, value: message });
    this.checkIdle(); // another reader may wait
  }

  /** For its handling: a message is done. `mayTakeMore`: there may be room for another one. @internal */
  messageDone(mayTakeMore: boolean): void {
    if (mayTakeMore) this.#work();
    else this.checkIdle();
  }

  /** For its handling: end it, here and at the broker, without its unread messages. @internal */
  fail(reason: Error): void {
    this.#host.fail(this, reason, true);
  }

  #keep(message: Message<T>): void {
    while (!this.#buffer.add(message)) {
      const { id, destination, terms } = this;
      this.#context.counters.messagesDropped++;
      this.#context.status.tell({ type: "slow-consumer", subscription: id, destination, count: ++this.#overflows });
      if (terms.whenSlow === "fail") {
        this.#host.fail(this, tooSlow(this, message, this.#buffer), false);
        return;
      }
      this.#buffer.take();
    }
  }

  /** For its handling, too: count what is dropped in the mode auto. @internal */
  dropped(count: number): void {
    this.#context.counters.messagesDropped += count;
    this.#context.status.tell({ type: "message-dropped", subscription: this.id, count });
  }

  /** Take what waits, as far as it is wanted; end the readers when no more will come. */
  #work(): void {
    while (this.#isWanted()) {
      const message = this.#buffer.take();
      if (message === undefined) break;
      this.#handling.take(message);
    }
    const state = this.#state;
    if (state.kind === "ended" && (state.isOver || (!this.isBusy && this.unread === 0))) {
      for (let reader = this.#readers.shift(); reader !== undefined; reader = this.#readers.shift()) {
        const { reason } = state;
        state.reason = undefined; // one reader gets it; then the iteration is over
        if (reason === undefined) reader.resolve({ done: true, value: undefined });
        else reader.reject(reason);
      }
    }
    this.checkIdle();
  }

  #isWanted(): boolean {
    return this.#handling.running < this.#concurrency && this.#isAwaited();
  }

  #isAwaited(): boolean {
    return this.#mayHandOut() && (this.terms.handler !== undefined || this.#readers.length > 0);
  }

  #mayHandOut(): boolean {
    return this.#state.kind === "live" || (this.ack === "auto" && !this.#state.isOver);
  }

  #read(message: Message<T>): void {
    if (this.ack !== "auto") this.#reading = [...this.#reading, message];
  }

  /** The reader wants another message, or no more: it is done with those that it had. */
  #doneReading(): void {
    if (this.#reading.length === 0) return;
    this.#reading = NOTHING;
    this.checkIdle();
  }

  /** A message more is waited for, but the broker sends none before something is settled: say so, once. */
  #checkPrefetch(): void {
    const { prefetch = Infinity } = this.terms;
    const isUsedUp = (this.#delivery?.outstanding ?? 0) >= prefetch && this.#isAwaited();
    if (isUsedUp && (this.#isUsedUp || this.isBusy || this.unread > 0)) return; // there is something to do yet
    this.#isUsedUp = isUsedUp;
    const { id, destination } = this;
    if (isUsedUp) this.#context.status.tell({ type: "prefetch-used-up", subscription: id, destination, prefetch });
  }

  #isIdle(): boolean {
    if (this.isBusy) return false;
    if (this.ack === "auto") return this.terms.handler === undefined || this.unread === 0;
    return this.#delivery?.isTentative !== true && this.#reading.every((message) => message.delivery.isDone(message));
  }

  /** For its deliveries, too: something was settled or released. @internal */
  checkIdle(): void {
    if (this.ack !== "auto") this.#checkPrefetch();
    if (this.#whenIdle === undefined || !this.#isIdle()) return;
    this.#whenIdle.resolve();
    this.#whenIdle = undefined;
  }
}

function tooSlow(
  { id, destination, ack, terms }: AnySubscription,
  next: Message<unknown>,
  { length, bytes }: Pick<MessageBuffer<never>, "length" | "bytes">,
): StompError {
  const { buffer } = terms;
  return new SlowConsumerError(
    `subscription ${id} to ${destination} has ${length} unread messages of ${bytes} bytes and gets another of ${next.frame.bodySize}, ` +
      `its buffer takes ${buffer.messages} of ${buffer.bytes} bytes; read faster, ` +
      (ack === "auto" ? 'use the ack mode "client-individual", which bounds what comes ahead,' : "lower prefetch,") +
      " or allow a larger buffer",
  );
}
