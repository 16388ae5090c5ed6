/** Subscribing over the connection that there is: makes subscriptions, brings them their messages, ends them. */
import { ConnectionLostError, type ServerError, StaleMessageError, type StompError } from "../../errors.js";
import type { ServerFrame } from "../../protocol/index.js";
import type { Connection } from "../connection/connection.js";
import type { ClientContext } from "../connection/context.js";
import { isThenable } from "../../internal/thenable.js";
import type { Message, Settler } from "../messages/message.js";
import type { Propagation } from "../options/options.js";
import { type Pairs, addHeaders, receiptWait } from "../connection/outgoing.js";
import { Resubscriber, subscribePairs } from "./resubscribing.js";
import { SessionSettler } from "./acknowledging.js";
import type {
  MessageHandler,
  SubscribeOptions,
  TypedSubscribeOptions,
  UnsubscribeOptions,
} from "./subscribe-options.js";
import { type AnySubscription, Subscription, type SubscriptionHost } from "./subscription.js";
import { Subscriptions } from "./registry.js";
import { termsOf } from "./terms.js";

/** What a subscriber needs of its client. */
export interface SubscriberHost extends ClientContext {
  /** A MESSAGE came for no subscription. Whether somebody else takes it. */
  unclaimed(frame: ServerFrame): boolean;
  /** Whether a message is awaited that may be behind those that nobody reads: then the broker is not held back. */
  awaitsReply(): boolean;
  /** The broker has taken the subscriptions that were made again in this session. */
  resubscribed(): void;
}

/** The subscriptions of a client. */
export class Subscriber implements SubscriptionHost {
  readonly #context: SubscriberHost;
  readonly #subscriptions = new Subscriptions();
  /** Those that have ended while handlers worked on their messages. */
  readonly #leaving = new Set<AnySubscription>();
  readonly #propagation: Propagation;
  readonly #crowded = new Set<AnySubscription>();
  readonly #resubscriber: Resubscriber;
  /** How many messages of a subscription were dropped because it was not read fast enough. */
  readonly #overflows = new WeakMap<AnySubscription, number>();
  /** How many messages came for no subscription. */
  #strays = 0;
  /** Who settles the messages of a subscription in the session that there is. */
  #settlers = new WeakMap<AnySubscription, SessionSettler>();
  /** The last of them that was asked for. */
  #last: { readonly subscription: AnySubscription; readonly settler: SessionSettler } | undefined;
  constructor(context: SubscriberHost) {
    this.#context = context;
    this.#propagation = context.options.propagation;
    this.#resubscriber = new Resubscriber({
      receiptTimeout: context.options.receiptTimeout,
      receiptId: () => context.ids.next("receipt"),
      refused: (subscription, error) => {
        this.#end(subscription, error);
        context.status.tell({ type: "subscription-refused", error, destination: subscription.destination });
      },
      tried: () => {
        context.resubscribed();
      },
    });
  }

  /** How many live. */
  get size(): number {
    return this.#subscriptions.size;
  }

  /** Whether the broker is yet to take a subscription that was made again in this session. */
  get isResubscribing(): boolean {
    return this.#resubscriber.isTrying;
  }

  /** Whether there are SUBSCRIBEs of this session that are to be sent before all else, and cannot be yet. */
  get isHolding(): boolean {
    return this.#resubscriber.isHolding;
  }

  /** How many messages were delivered and not read yet. */
  get unread(): number {
    let unread = 0;
    for (const subscription of this.#subscriptions) unread += subscription.unread;
    return unread;
  }

  /** See {@link DialClient.subscribe}. */
  async subscribe<T>(
    destination: string,
    handler: MessageHandler<T> | undefined,
    options: SubscribeOptions & Partial<TypedSubscribeOptions<T>>,
  ): Promise<Subscription<T>> {
    const { ids, options: defaults } = this.#context;
    const terms = termsOf(destination, handler, options, defaults, () => ids.next("sub"));
    const connection = this.#context.connection();
    const what = `SUBSCRIBE to ${destination}`;
    const wait = receiptWait(options, what, defaults.receiptTimeout, ids);
    if (connection === undefined && wait !== undefined) throw this.#context.notConnected(`${what} with a receipt`);
    const subscription = new Subscription(terms, this);
    this.#subscriptions.add(subscription);
    if (connection === undefined) return subscription;
    try {
      await connection.send("SUBSCRIBE", subscribePairs(subscription, connection.server, wait?.id), "", true, wait);
      return subscription;
    } catch (error) {
      // Perhaps the broker has it all the same: it is not to go on unseen.
      if (wait !== undefined && subscription.isLive) this.unsubscribe(subscription, {}).catch(() => undefined);
      this.#end(subscription, error as Error);
      throw error;
    }
  }

  /** A session is established: subscribe to all that lives. */
  established(connection: Connection): void {
    this.holdOrRead();
    this.#resubscriber.established(connection, [...this.#subscriptions]);
  }

  /** The session has ended, and another one may come. */
  interrupted(reason: StompError | undefined): void {
    this.#settlers = new WeakMap();
    this.#last = undefined;
    this.#subscriptions.renew();
    for (const subscription of this.#subscriptions) subscription.interrupted();
    this.#resubscriber.interrupted(reason);
  }

  /** The session has ended for good: with it, all subscriptions. Without a `reason` it was meant to. */
  ended(reason: StompError | undefined): void {
    this.#crowded.clear();
    this.#settlers = new WeakMap();
    this.#last = undefined;
    this.#resubscriber.ended();
    for (const subscription of this.#subscriptions) subscription.end(reason, false);
    this.#subscriptions.clear();
  }

  /** Hand out no more messages. Resolves when what was handed out is done with. */
  async drain(): Promise<void> {
    await Promise.all([...this.#subscriptions, ...this.#leaving].map((subscription) => subscription.drain()));
  }

  /** A MESSAGE came over this connection. */
  deliver(frame: ServerFrame, connection: Connection): void {
    const subscription = this.#subscriptions.of(frame);
    if (subscription !== undefined) {
      this.#resubscriber.delivered(subscription);
      // While the connection closes nothing can be acknowledged any more: the broker delivers such a message again.
      if (connection.isOpen || subscription.ack === "auto") {
        subscription.deliver(frame, this.#settlerOf(subscription, connection));
      }
      return;
    }
    if (this.#context.unclaimed(frame)) return;
    // Messages are on their way when UNSUBSCRIBE is sent; RabbitMQ and ActiveMQ send them after its receipt as well.
    this.#context.counters.messagesDropped++;
    const count = ++this.#strays;
    this.#context.status.tell({ type: "message-dropped", subscription: frame.headers.get("subscription"), count });
  }

  /** An ERROR came that concerns no receipt. Whether it concerns a subscription, which has ended with it. */
  serverError(error: ServerError): boolean {
    const subscription = this.#subscriptions.get(error.headers.get("subscription") ?? "");
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
      const what = `UNSUBSCRIBE of ${subscription.destination}`;
      const wait = receiptWait(options, what, this.#context.options.receiptTimeout, this.#context.ids);
      const pairs: Pairs = [["id", subscription.id]];
      addHeaders(pairs, options.headers, "UNSUBSCRIBE", ["id", "receipt"]);
      if (wait !== undefined) pairs.push(["receipt", wait.id]);
      const sent = this.#connectionOf(subscription)?.send("UNSUBSCRIBE", pairs, "", true, wait);
      this.#end(subscription, undefined);
      return sent ?? Promise.resolve();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  run<T>(message: Message<T>, handler: MessageHandler<T>): unknown {
    return this.#propagation.run === undefined
      ? handler(message)
      : this.#propagation.run(message, () => handler(message));
  }

  invalid(subscription: AnySubscription, message: Message<unknown>, error: unknown): Promise<void> | undefined {
    const { destination, terms } = subscription;
    const { status } = this.#context;
    const told = { type: "invalid-message", error, destination, message } as const;
    if (terms.invalid === "fail") {
      status.tell(told);
      this.#cancel(subscription, asError(error), true);
    } else if (terms.invalid === "nack") {
      status.tellError(error, told);
      if (subscription.ack !== "auto") this.settleAfterHandler("NACK", subscription, message);
    } else {
      status.tell(told);
      return this.#putInOrder(subscription, message, error, terms.invalid);
    }
    return undefined;
  }

  /** Ask a policy what to do with a message that is not valid. */
  #putInOrder(
    subscription: AnySubscription,
    message: Message<unknown>,
    error: unknown,
    policy: (message: Message<unknown>, error: unknown) => unknown,
  ): Promise<void> | undefined {
    const failed = (fault: unknown): void => {
      this.handlerFailed(subscription, fault);
    };
    try {
      const done = this.run(message, (one) => policy(one, error));
      return isThenable(done) ? Promise.resolve(done).then(() => undefined, failed) : undefined;
    } catch (fault) {
      failed(fault);
      return undefined;
    }
  }

  overflowed(subscription: AnySubscription): void {
    const { id, destination } = subscription;
    this.#context.counters.messagesDropped++;
    const count = (this.#overflows.get(subscription) ?? 0) + 1;
    this.#overflows.set(subscription, count);
    this.#context.status.tell({ type: "slow-consumer", subscription: id, destination, count });
  }

  fail(subscription: AnySubscription, reason: Error): void {
    this.#cancel(subscription, reason, false);
  }

  crowded(subscription: AnySubscription, isCrowded: boolean): void {
    if (isCrowded) this.#crowded.add(subscription);
    else this.#crowded.delete(subscription);
    this.holdOrRead();
  }

  /** Hold the broker back while messages are not read, but for a reply that is awaited. */
  holdOrRead(): void {
    this.#context.connection()?.hold(this.#crowded.size > 0 && !this.#context.awaitsReply());
  }

  handlerFailed({ destination }: AnySubscription, error: unknown): void {
    this.#context.status.tellError(error, { type: "handler-error", error, destination });
  }

  settleAfterHandler(command: "ACK" | "NACK", subscription: AnySubscription, message: Message<unknown>): void {
    // STOMP 1.0 has no NACK: the message stays the broker's to deliver again.
    if (message.isSettled || (command === "NACK" && this.#context.connection()?.version === "1.0")) return;
    const { nackHeaders: headers } = subscription.terms;
    const settled = command === "ACK" ? message.ack() : message.nack(headers === undefined ? {} : { headers });
    settled.catch((error: unknown) => {
      // When its session or subscription has ended, the broker delivers the message again.
      const hasEnded = error instanceof StaleMessageError || error instanceof ConnectionLostError;
      if (!hasEnded && subscription.isLive) this.handlerFailed(subscription, error);
    });
  }

  /** Who settles the messages that a subscription gets over this connection. */
  #settlerOf(subscription: AnySubscription, connection: Connection): Settler {
    // Most messages are for the subscription of the one before: that is faster than any map.
    if (subscription !== this.#last?.subscription) {
      this.#last = {
        subscription,
        settler: this.#settlers.get(subscription) ?? this.#newSettler(subscription, connection),
      };
    }
    return this.#last.settler;
  }

  #newSettler(subscription: AnySubscription, connection: Connection): SessionSettler {
    const { options, ids } = this.#context;
    const settler = new SessionSettler(connection, subscription, (command, pairs, given) => {
      const wait = receiptWait(given, `${command} on ${subscription.destination}`, options.receiptTimeout, ids);
      return connection.send(command, wait === undefined ? pairs : [...pairs, ["receipt", wait.id]], "", true, wait);
    });
    this.#settlers.set(subscription, settler);
    return settler;
  }

  /** The connection, if it has had the SUBSCRIBE. */
  #connectionOf(subscription: AnySubscription): Connection | undefined {
    return this.#resubscriber.waits(subscription) ? undefined : this.#context.connection();
  }

  /** End a subscription, here and at the broker. */
  #cancel(subscription: AnySubscription, reason: Error, dropUnread: boolean): void {
    if (!subscription.isLive) return; // brokers take a second UNSUBSCRIBE for an error
    const sent = this.#connectionOf(subscription)?.send("UNSUBSCRIBE", [["id", subscription.id]], "", true);
    sent?.catch(() => undefined); // the reader gets the error that matters
    this.#failed(subscription, reason, dropUnread);
  }

  #failed(subscription: AnySubscription, error: Error, dropUnread: boolean): void {
    const { id, destination, isWatched } = subscription;
    const { status } = this.#context;
    this.#end(subscription, error, dropUnread);
    const told = { type: "subscription-failed", subscription: id, destination, error } as const;
    if (isWatched) status.tell(told);
    else status.tellError(error, told);
  }

  #end(subscription: AnySubscription, reason: Error | undefined, dropUnread = reason === undefined): void {
    this.#subscriptions.delete(subscription, this.#connectionOf(subscription) !== undefined);
    this.#resubscriber.removed(subscription);
    subscription.end(reason, dropUnread);
    if (!subscription.isBusy) return;
    this.#leaving.add(subscription);
    void subscription.drain().then(() => this.#leaving.delete(subscription));
  }
}

/** What a codec throws may be anything. */
function asError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  const what = typeof thrown === "string" ? thrown : typeof thrown;
  return new TypeError(`the codec failed: ${what}`, { cause: thrown });
}
