/**
 * A subscription: how what was delivered is handed out, and how it ends.
 *
 *     live ──drain()──▶ draining (nothing more is handed out)
 *       │                   │
 *       └── unsubscribe, an error, the end of the last session ──▶ ended (unread messages: kept to be read, or dropped)
 */
import { InvalidStateError, SlowConsumerError, type StompError } from "../../errors.js";
import { type Deferred, deferred } from "../../internal/deferred.js";
import { Fifo } from "../../internal/fifo.js";
import type { ServerFrame } from "../../protocol/index.js";
import type { ClientContext } from "../connection/context.js";
import { type AckMode, Message, type Settler } from "../messages/message.js";
import { MessageBuffer } from "./buffer.js";
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
// `any`, as a subscription's value stands in its handler's argument and in its iterator's result: no other type fits all.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnySubscription = Subscription<any>;

type State =
  | { readonly kind: "live" }
  | { readonly kind: "draining" }
  /** `reason`: what the next reader rejects with. `isOver`: nothing more is handed out, not even what is unread. */
  | { readonly kind: "ended"; reason: Error | undefined; readonly isOver: boolean };

const LIVE: State = { kind: "live" };
const DRAINING: State = { kind: "draining" };

/** How a subscription ends. */
export interface SubscriptionEnd {
  /** Without one it was meant to end. */
  readonly reason: Error | undefined;
  /** Drop what is unread; otherwise it can still be read. */
  readonly dropUnread: boolean;
  /** Nobody else reports the reason: leave it to `ended`, which becomes an unhandled rejection unless somebody waits for it. */
  readonly isUnheard?: boolean;
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
  /** What a reader got last, until the reader asks for more. */
  #handed: Message<T> | undefined;
  #delivered = 0;
  #dropped = 0;
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
   * End it. Messages that were delivered and not read are dropped; those that are not acknowledged are the broker's again (RabbitMQ
   * delivers them again only when the session has ended). Calling it again, or after its end, does nothing. Resolves when
   * the UNSUBSCRIBE is handed over, or with `receipt` when the broker has confirmed it.
   */
  unsubscribe(options: UnsubscribeOptions = {}): Promise<void> {
    return this.#host.unsubscribe(this, options);
  }

  /** The next message. Rejects with the reason when an error ended the subscription and everything that came was read. */
  next(): Promise<IteratorResult<Message<T>, undefined>> {
    if (this.terms.handler !== undefined) {
      return Promise.reject(new InvalidStateError(`subscription ${this.id} has a handler: it cannot be iterated`));
    }
    this.#doneWith();
    if (this.terms.codec === undefined && this.#state.kind !== "draining") {
      const message = this.#buffer.take();
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

  /** Unsubscribe. A connection that has ended meanwhile is not an error. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isLive) await this.unsubscribe();
  }

  /** For the client: a message came, which `settler` settles. @internal */
  deliver(frame: ServerFrame, settler: Settler): void {
    if (this.#state.kind !== "live") return; // in an ack mode the broker delivers it again
    this.#delivered++;
    const message = new Message<T>(frame, settler, this.#delivered);
    if (this.#buffer.length === 0 && this.#isWanted()) this.#handling.take(message);
    else this.#keep(message);
  }

  /** For the client: the session has ended, and another one may come. @internal */
  interrupted(): void {
    this.#delivered = 0;
    if (this.ack === "auto") return;
    // The broker delivers again what was to be acknowledged, so it is not handed out here too. What was handed out cannot be
    // acknowledged any more, so `drain` does not wait for it.
    this.#buffer.clear();
    this.#handed = undefined;
    this.#checkIdle();
  }

  /** For the client: hand out no more. Resolves when what was handed out is done; after its end, when no handler runs. @internal */
  drain(): Promise<void> {
    if (this.#state.kind === "live") this.#state = DRAINING;
    this.#buffer.release();
    if (this.#isIdle()) return Promise.resolve();
    this.#whenIdle ??= deferred<void>();
    return this.#whenIdle.promise;
  }

  /** For the client: one of its messages was settled. @internal */
  settledOne(): void {
    this.#checkIdle();
  }

  /** For the client: no more messages will come. @internal */
  end({ reason, dropUnread, isUnheard = false }: SubscriptionEnd): void {
    if (this.#state.kind === "ended") return;
    if (dropUnread || this.#state.kind === "draining") this.#buffer.clear();
    this.#state = { kind: "ended", reason, isOver: dropUnread };
    this.#buffer.release();
    if (!isUnheard) this.ended.catch(() => undefined);
    if (reason === undefined) this.#whenEnded.resolve();
    else this.#whenEnded.reject(reason);
    this.#work();
  }

  /** For its handling: whether nothing is handed out any more. @internal */
  get isOver(): boolean {
    return this.#state.kind === "ended" && this.#state.isOver;
  }

  /** For its handling: hand a message to a reader. @internal */
  toReader(message: Message<T>): void {
    this.#handed = message;
    this.#readers.shift()?.resolve({ done: false, value: message });
  }

  /** For its handling: a message is done. `mayTakeMore`: there may be room for another one. @internal */
  messageDone(mayTakeMore: boolean): void {
    if (mayTakeMore) this.#work();
    else this.#checkIdle();
  }

  /** For its handling: end it, here and at the broker, without its unread messages. @internal */
  fail(reason: Error): void {
    this.#host.fail(this, reason, true);
  }

  #keep(message: Message<T>): void {
    while (!this.#buffer.add(message)) {
      const { id, destination, terms } = this;
      this.#context.counters.messagesDropped++;
      this.#context.status.tell({ type: "slow-consumer", subscription: id, destination, count: ++this.#dropped });
      if (terms.whenSlow === "fail") {
        this.#host.fail(this, tooSlow(this, message, this.#buffer), false);
        return;
      }
      this.#buffer.take();
    }
  }

  /** Take what waits, as far as it is wanted; end the readers when no more will come. */
  #work(): void {
    while (this.#isWanted()) {
      const message = this.#buffer.take();
      if (message === undefined) break;
      this.#handling.take(message);
    }
    const state = this.#state;
    if (state.kind === "ended" && (state.isOver || (this.#handling.running === 0 && this.#buffer.length === 0))) {
      for (let reader = this.#readers.shift(); reader !== undefined; reader = this.#readers.shift()) {
        const { reason } = state;
        state.reason = undefined; // one reader gets it; then the iteration is over
        if (reason === undefined) reader.resolve({ done: true, value: undefined });
        else reader.reject(reason);
      }
    }
    this.#checkIdle();
  }

  #isWanted(): boolean {
    if (this.#handling.running >= this.#concurrency || this.#state.kind === "draining") return false;
    return this.terms.handler !== undefined || this.#readers.length > 0;
  }

  /** The reader wants another message, or no more: it is done with the one it had. */
  #doneWith(): void {
    this.#handed = undefined;
    this.#checkIdle();
  }

  #isIdle(): boolean {
    if (this.#handling.running > 0) return false;
    return !this.isLive || this.#handed === undefined || this.ack === "auto" || this.#handed.isDone;
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
  { length, bytes }: Pick<MessageBuffer<never>, "length" | "bytes">,
): StompError {
  const { buffer } = terms;
  return new SlowConsumerError(
    `subscription ${id} to ${destination} has ${length} unread messages of ${bytes} bytes and gets another of ${next.frame.bodySize}, ` +
      `its buffer takes ${buffer.messages} of ${buffer.bytes} bytes; ` +
      "read faster, ask the broker for fewer at a time (RabbitMQ: prefetch-count, ActiveMQ: activemq.prefetchSize), or allow a larger buffer",
  );
}
