/** Subscribing over the connection that there is: makes subscriptions, brings them their messages, ends them. */
import type { ServerError, StompError } from "../../errors.js";
import type { ServerFrame } from "../../protocol/index.js";
import type { Connection } from "../connection/connection.js";
import type { ClientContext } from "../connection/context.js";
import { type Pairs, addHeaders, checkReceiptOptions, outgoing } from "../connection/outgoing.js";
import type { SessionPart, SessionStart } from "../connection/session-part.js";
import type { Settler } from "../messages/message.js";
import { Acknowledger } from "./acknowledging.js";
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
  /** What settles the messages of a subscription in the current session. */
  #settlers = new WeakMap<AnySubscription, Settler>();
  /** The settler that was asked for last. */
  #last: { readonly subscription: AnySubscription; readonly settler: Settler } | undefined;

  constructor(context: ClientContext) {
    this.#context = context;
    this.#resubscriber = new Resubscriber({
      receiptTimeout: context.options.receiptTimeout,
      refused: (subscription, error) => {
        this.#end(subscription, { reason: error, dropUnread: false });
        context.status.tell({ type: "subscription-refused", error, destination: subscription.destination });
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
    const awaitsReceipt = options.receipt !== undefined && options.receipt !== false;
    const connection = this.#context.connection();
    if (connection === undefined && awaitsReceipt) {
      throw this.#context.notConnected(`SUBSCRIBE to ${destination} with a receipt`);
    }
    const subscription = new Subscription(terms, this.#context, this);
    this.#registry.add(subscription);
    if (connection === undefined) return subscription;
    try {
      await connection.send(subscribeFrame(subscription, connection.server), options);
      return subscription;
    } catch (error) {
      // The broker may have it all the same: it must not go on unseen.
      if (awaitsReceipt && subscription.isLive) this.unsubscribe(subscription, {}).catch(() => undefined);
      this.#end(subscription, { reason: error as Error, dropUnread: false });
      throw error;
    }
  }

  established(connection: Connection): void {
    this.#context.flow.apply();
    this.#resubscriber.established(connection, [...this.#registry]);
  }

  interrupted(reason: StompError | undefined): void {
    this.#forgetSettlers();
    this.#registry.renew();
    for (const subscription of this.#registry) subscription.interrupted();
    this.#resubscriber.interrupted(reason);
  }

  ended(reason: StompError | undefined): void {
    this.#forgetSettlers();
    this.#resubscriber.ended();
    for (const subscription of this.#registry) subscription.end({ reason, dropUnread: false });
    this.#registry.clear();
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
      if (connection.isOpen || subscription.ack === "auto") {
        subscription.deliver(frame, this.#settlerOf(subscription, connection));
      }
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
    if (!subscription.isLive) return Promise.resolve();
    try {
      checkReceiptOptions(options);
      const pairs: Pairs = [["id", subscription.id]];
      addHeaders(pairs, options.headers, "UNSUBSCRIBE", ["id", "receipt"]);
      const frame = outgoing("UNSUBSCRIBE", subscription.destination, pairs);
      const sent = this.#connectionOf(subscription)?.send(frame, options);
      this.#end(subscription, { reason: undefined, dropUnread: true });
      return sent ?? Promise.resolve();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  fail(subscription: AnySubscription, reason: Error, dropUnread: boolean): void {
    if (!subscription.isLive) return; // a second UNSUBSCRIBE is an error for brokers
    const frame = outgoing("UNSUBSCRIBE", subscription.destination, [["id", subscription.id]]);
    const sent = this.#connectionOf(subscription)?.send(frame);
    sent?.catch(() => undefined); // the reader gets the error that matters
    this.#failed(subscription, reason, dropUnread);
  }

  #failed(subscription: AnySubscription, error: Error, dropUnread: boolean): void {
    const { id, destination, terms } = subscription;
    const { status } = this.#context;
    const isUnheard = terms.handler !== undefined && !status.areThere;
    this.#end(subscription, { reason: error, dropUnread, isUnheard });
    status.tell({ type: "subscription-failed", subscription: id, destination, error });
  }

  #end(subscription: AnySubscription, end: SubscriptionEnd): void {
    this.#registry.delete(subscription, this.#connectionOf(subscription) !== undefined);
    this.#resubscriber.removed(subscription);
    subscription.end(end);
    if (!subscription.isBusy) return;
    this.#leaving.add(subscription);
    void subscription.drain().then(() => this.#leaving.delete(subscription));
  }

  /** What settles the messages that a subscription gets over this connection. */
  #settlerOf(subscription: AnySubscription, connection: Connection): Settler {
    // Most messages are for the subscription of the one before: that is faster than any map.
    if (subscription !== this.#last?.subscription) {
      let settler = this.#settlers.get(subscription);
      if (settler === undefined) {
        settler = new Acknowledger(connection, subscription);
        this.#settlers.set(subscription, settler);
      }
      this.#last = { subscription, settler };
    }
    return this.#last.settler;
  }

  #forgetSettlers(): void {
    this.#settlers = new WeakMap();
    this.#last = undefined;
  }

  /** The connection, if SUBSCRIBE was sent on it. */
  #connectionOf(subscription: AnySubscription): Connection | undefined {
    return this.#resubscriber.waits(subscription) ? undefined : this.#context.connection();
  }
}
