/** Subscribing over the connection that there is: makes subscriptions, brings them their messages, ends them. */
import { ReceiptTimeoutError, type ServerError, type StompError } from "../../errors.js";
import { Deadlines } from "../../internal/deadlines.js";
import { deferred } from "../../internal/deferred.js";
import { onAbort } from "../../internal/on-abort.js";
import type { ServerFrame } from "../../protocol/index.js";
import type { Connection } from "../connection/connection.js";
import type { ClientContext } from "../connection/context.js";
import { type Pairs, addHeaders, checkReceiptOptions, outgoing, wrongOptions } from "../connection/outgoing.js";
import type { SessionPart, SessionStart } from "../connection/session-part.js";
import { SubscriptionRegistry } from "./registry.js";
import { Resubscriber, subscribeFrame } from "./resubscribing.js";
import type {
  MessageHandler,
  SubscribeOptions,
  TypedSubscribeOptions,
  UnsubscribeOptions,
} from "./subscribe-options.js";
import { type AnySubscription, Subscription, type SubscriptionEnd, type SubscriptionHost } from "./subscription.js";
import { termsOf } from "./terms.js";

/** How a subscription ends that was meant to. */
const MEANT: SubscriptionEnd = { reason: undefined, dropUnread: true };

/** The subscriptions of a client. */
export class Subscriptions implements SessionPart, SessionStart, SubscriptionHost {
  readonly #context: ClientContext;
  readonly #registry = new SubscriptionRegistry();
  /** Those that have ended while handlers work on their messages. */
  readonly #leaving = new Set<AnySubscription>();
  readonly #resubscriber: Resubscriber;
  #progressed: () => void = () => undefined;
  /** How many messages came for no subscription. */
  #strays = 0;
  /** Those whose UNSUBSCRIBE waits for handlers, and what sends it. */
  readonly #draining = new Map<AnySubscription, () => void>();
  readonly #deadlines = new Deadlines<AnySubscription>((subscription) => this.#draining.get(subscription)?.());

  constructor(context: ClientContext) {
    this.#context = context;
    this.#resubscriber = new Resubscriber({
      receiptTimeout: context.options.receiptTimeout,
      refused: (subscription, error) => {
        this.#end(subscription, { reason: error, dropUnread: false });
        const { destination } = subscription;
        context.status.tellOrWarn(
          { type: "subscription-refused", error, destination },
          `the broker does not accept the subscription to ${destination}`,
        );
      },
      progressed: () => {
        this.#progressed();
      },
    });
  }

  /** How many live. */
  get size(): number {
    return this.#registry.size;
  }

  /** How many messages were delivered and not read yet. */
  get unread(): number {
    let unread = 0;
    for (const subscription of this.#registry) unread += subscription.unread;
    return unread;
  }

  /** Whether all SUBSCRIBEs of this session that come before all else are sent. */
  get isDone(): boolean {
    return !this.#resubscriber.isHolding;
  }

  /** Whether the broker has not yet accepted a subscription that was made again in this session. */
  get isOnTrial(): boolean {
    return this.#resubscriber.isTrying;
  }

  onProgress(callback: () => void): void {
    this.#progressed = callback;
  }

  /** See {@link BaseClient.subscribe}. */
  async subscribe<T>(
    destination: string,
    handler: MessageHandler<T> | undefined,
    options: SubscribeOptions & Partial<TypedSubscribeOptions<T>>,
  ): Promise<Subscription<T>> {
    const { ids, options: defaults } = this.#context;
    const terms = termsOf(destination, handler, options, defaults, ids);
    checkReceiptOptions(options);
    const connection = this.#context.connection();
    if (connection === undefined && options.receipt) {
      throw this.#context.notConnected(`SUBSCRIBE to ${destination} with a receipt`);
    }
    const subscription = new Subscription(terms, this.#context, this);
    this.#registry.add(subscription);
    if (connection === undefined) return subscription;
    let wasSent = false;
    try {
      const sent = connection.send(subscribeFrame(subscription, connection.server), options);
      wasSent = true;
      await sent;
      return subscription;
    } catch (error) {
      // Nobody knows whether the broker has it: it must not go on unseen. Of one that was refused there is nothing to end.
      const isUnknown = error instanceof ReceiptTimeoutError || options.signal?.aborted === true;
      if (wasSent && isUnknown && subscription.isLive) this.#sendUnsubscribe(subscription).catch(() => undefined);
      this.#end(subscription, { reason: error as Error, dropUnread: false }, wasSent);
      throw error;
    }
  }

  established(connection: Connection): void {
    this.#context.flow.apply();
    this.#resubscriber.established(connection, [...this.#registry]);
  }

  /** Nothing can be acknowledged any more. */
  closing(): void {
    for (const subscription of [...this.#registry, ...this.#leaving]) subscription.release(undefined);
  }

  interrupted(reason: StompError | undefined): void {
    for (const subscription of [...this.#registry, ...this.#leaving]) subscription.release(reason);
    for (const finish of [...this.#draining.values()]) finish(); // with the session they have ended
    this.#registry.renew();
    this.#resubscriber.interrupted(reason);
  }

  ended(reason: StompError | undefined): void {
    this.#resubscriber.ended();
    for (const finish of [...this.#draining.values()]) finish();
    for (const subscription of this.#registry) {
      // After `disconnect` a reader still gets what came in the mode auto; a handler does not go on.
      subscription.end({ reason, dropUnread: reason === undefined && subscription.terms.handler !== undefined });
    }
    this.#registry.clear();
    this.#leaving.clear();
  }

  /** Hand out no more messages. Resolves when what was handed out is done. */
  async drain(): Promise<void> {
    await Promise.all([...this.#registry, ...this.#leaving].map((subscription) => subscription.drain()));
  }

  /** A MESSAGE came. It is taken in any case: no other part wants it. */
  message(frame: ServerFrame, connection: Connection): boolean {
    const subscription = this.#registry.of(frame);
    if (subscription !== undefined) {
      this.#resubscriber.delivered(subscription);
      // While the connection closes nothing can be acknowledged any more: the broker delivers such a message again.
      if (subscription.ack === "auto" || connection.isOpen) subscription.deliver(frame, connection);
      return true;
    }
    // Messages are on their way when UNSUBSCRIBE is sent; RabbitMQ and ActiveMQ send them after its receipt as well.
    this.#context.counters.messagesDropped++;
    const count = ++this.#strays;
    this.#context.status.tell({ type: "message-dropped", subscription: frame.headers.get("subscription"), count });
    return true;
  }

  /** An ERROR came. One that names a subscription ends it. */
  serverError(error: ServerError): boolean {
    const subscription = this.#registry.get(error.headers.get("subscription") ?? "");
    if (subscription === undefined) {
      this.#resubscriber.serverError();
      return false;
    }
    this.#failed(subscription, error, false);
    return true;
  }

  unsubscribe(subscription: AnySubscription, options: UnsubscribeOptions): Promise<void> {
    const wrong = wrongOptions(options);
    if (wrong !== undefined) return wrong;
    if (!this.#mayLeave(subscription)) return Promise.resolve();
    try {
      checkReceiptOptions(options);
      const headers: Pairs = [];
      addHeaders(headers, options.headers, "UNSUBSCRIBE", ["id", "receipt"]);
      if (subscription.mustDrain) return this.#drainAndUnsubscribe(subscription, headers, options);
      const sent = this.#sendUnsubscribe(subscription, headers, options);
      this.#end(subscription, MEANT);
      return sent;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Unsubscribe later. Without a receipt nobody waits for that: a handler may be the caller. */
  #drainAndUnsubscribe(subscription: AnySubscription, headers: Pairs, options: UnsubscribeOptions): Promise<void> {
    const { receipt, signal, timeout } = options;
    const sent = deferred<void>();
    sent.promise.catch(() => undefined);
    const unlisten =
      signal &&
      onAbort(signal, () => {
        sent.reject(signal.reason);
      });
    this.#drain(subscription, timeout, () => {
      unlisten?.();
      try {
        // It is sent also when nobody waits for it any more.
        sent.resolve(this.#sendUnsubscribe(subscription, headers, signal?.aborted === true ? {} : options));
      } catch (error) {
        sent.reject(error);
        this.#sendUnsubscribe(subscription).catch(() => undefined); // these headers cannot be written
      }
      this.#end(subscription, MEANT);
    });
    return receipt ? sent.promise : Promise.resolve();
  }

  /** Whether it is live, and not about to end. */
  #mayLeave(subscription: AnySubscription): boolean {
    return subscription.isLive && !this.#draining.has(subscription);
  }

  /** Call `finish` when what handlers work on is acknowledged, or when that takes too long. */
  #drain(subscription: AnySubscription, timeout: number | undefined, finish: () => void): void {
    this.#draining.set(subscription, () => {
      this.#draining.delete(subscription);
      this.#deadlines.delete(subscription);
      if (subscription.isLive) finish();
    });
    this.#deadlines.set(subscription, timeout ?? this.#context.options.disconnectTimeout);
    void subscription.drain(true).then(() => this.#draining.get(subscription)?.());
  }

  /** Send UNSUBSCRIBE, if SUBSCRIBE was sent in this session. */
  #sendUnsubscribe(
    subscription: AnySubscription,
    headers: Pairs = [],
    options: UnsubscribeOptions = {},
  ): Promise<void> {
    const { id, destination } = subscription;
    const frame = outgoing("UNSUBSCRIBE", destination, [["id", id], ...headers]);
    return this.#connectionOf(subscription)?.send(frame, options) ?? Promise.resolve();
  }

  fail(subscription: AnySubscription, reason: Error, dropUnread: boolean): void {
    if (!this.#mayLeave(subscription)) return; // a second UNSUBSCRIBE is an error for brokers
    const finish = (): void => {
      this.#sendUnsubscribe(subscription).catch(() => undefined); // the reader gets the error that matters
      this.#failed(subscription, reason, dropUnread);
    };
    if (subscription.mustDrain) this.#drain(subscription, undefined, finish);
    else finish();
  }

  #failed(subscription: AnySubscription, error: Error, dropUnread: boolean): void {
    const { id, destination, terms } = subscription;
    const { status } = this.#context;
    this.#end(subscription, { reason: error, dropUnread });
    const report = { type: "subscription-failed", subscription: id, destination, error } as const;
    // A reader gets the error.
    if (terms.handler === undefined) status.tell(report);
    else
      status.tellOrWarn(
        report,
        `the subscription to ${destination} has ended, its handler gets no more messages (${error.name})`,
      );
  }

  /** `isUsed`: the broker may have had its id in this session. */
  #end(
    subscription: AnySubscription,
    end: SubscriptionEnd,
    isUsed = this.#connectionOf(subscription) !== undefined,
  ): void {
    this.#registry.delete(subscription, isUsed);
    this.#resubscriber.removed(subscription);
    subscription.end(end);
    if (!subscription.isBusy) return;
    this.#leaving.add(subscription);
    void subscription.drain().then(() => this.#leaving.delete(subscription));
  }

  /** The connection, if SUBSCRIBE was sent on it. */
  #connectionOf(subscription: AnySubscription): Connection | undefined {
    return this.#resubscriber.waits(subscription) ? undefined : this.#context.connection();
  }
}
