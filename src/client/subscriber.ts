/** Subscribing over the connection that there is: makes subscriptions, brings them their messages, ends them. */
import { type ServerError, type StompError } from "../errors.js";
import type { ServerFrame } from "../protocol/index.js";
import type { Connection } from "./connection.js";
import type { ClientContext } from "./context.js";
import type { Message, Settler } from "./message.js";
import { type Pairs, addHeaders, receiptWait } from "./request.js";
import { Resubscriber, subscribePairs } from "./resubscriber.js";
import { SessionSettler } from "./session-settler.js";
import type {
  MessageHandler,
  SubscribeOptions,
  TypedSubscribeOptions,
  UnsubscribeOptions,
} from "./subscribe-options.js";
import { type AnySubscription, Subscription, type SubscriptionHost } from "./subscription.js";
import { Subscriptions, termsOf } from "./subscriptions.js";

/** What a subscriber needs of its client. */
export interface SubscriberHost extends ClientContext {
  /** A MESSAGE came for no subscription. Whether somebody else takes it. */
  unclaimed(frame: ServerFrame): boolean;
  /** The broker has taken the subscriptions that were made again in this session. */
  resubscribed(): void;
}

/** The subscriptions of a client. */
export class Subscriber implements SubscriptionHost {
  readonly #context: SubscriberHost;
  readonly #subscriptions = new Subscriptions();
  readonly #crowded = new Set<AnySubscription>();
  readonly #resubscriber: Resubscriber;
  /** How many messages of a subscription were dropped because it was not read fast enough. */
  readonly #overflows = new WeakMap<AnySubscription, number>();
  /** Who settles the messages of a subscription in the session that there is. */
  #settlers = new WeakMap<AnySubscription, SessionSettler>();
  constructor(context: SubscriberHost) {
    this.#context = context;
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
    connection.hold(this.#crowded.size > 0);
    this.#resubscriber.established(connection, [...this.#subscriptions]);
  }

  /** The session has ended, and another one may come. */
  interrupted(reason: StompError | undefined): void {
    this.#settlers = new WeakMap();
    this.#subscriptions.renew();
    for (const subscription of this.#subscriptions) subscription.interrupted();
    this.#resubscriber.interrupted(reason);
  }

  /** The session has ended for good: with it, all subscriptions. Without a `reason` it was meant to. */
  ended(reason: StompError | undefined): void {
    this.#crowded.clear();
    this.#settlers = new WeakMap();
    this.#resubscriber.ended();
    for (const subscription of this.#subscriptions) subscription.end(reason, false);
    this.#subscriptions.clear();
  }

  /** Hand out no more messages. Resolves when what was handed out is done with. */
  async drain(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.drain()));
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
    const count = ++this.#context.counters.messagesDropped;
    this.#context.status.tell({ type: "message-dropped", subscription: frame.headers.get("subscription"), count });
  }

  /** An ERROR came that concerns no receipt. Whether it concerns a subscription, which has ended with it. */
  serverError(error: ServerError): boolean {
    const subscription = this.#subscriptions.get(error.headers.get("subscription") ?? "");
    if (subscription === undefined) {
      this.#resubscriber.serverError();
      return false;
    }
    this.#end(subscription, error);
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
      const sent = this.#context.connection()?.send("UNSUBSCRIBE", pairs, "", true, wait);
      this.#end(subscription, undefined);
      return sent ?? Promise.resolve();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  run(message: Message<unknown>, call: () => unknown): unknown {
    const { run } = this.#context.options.propagation;
    return run === undefined ? call() : run(message, call);
  }

  invalid(subscription: AnySubscription, message: Message<unknown>, error: unknown): void {
    const { destination, terms } = subscription;
    this.#context.status.tellError(error, { type: "invalid-message", error, destination, message });
    if (terms.invalid === "fail") {
      this.fail(subscription, error instanceof Error ? error : new TypeError(String(error)));
    } else if (terms.invalid === "nack") {
      if (subscription.ack !== "auto") this.settleAfterHandler("NACK", subscription, message);
    } else {
      try {
        terms.invalid(message, error);
      } catch (fault) {
        this.handlerFailed(subscription, fault);
      }
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
    const sent = this.#context.connection()?.send("UNSUBSCRIBE", [["id", subscription.id]], "", true);
    sent?.catch(() => undefined); // the reader gets the error that matters
    this.#end(subscription, reason);
  }

  crowded(subscription: AnySubscription, isCrowded: boolean): void {
    if (isCrowded) this.#crowded.add(subscription);
    else this.#crowded.delete(subscription);
    this.#context.connection()?.hold(this.#crowded.size > 0);
  }

  handlerFailed({ destination }: AnySubscription, error: unknown): void {
    this.#context.status.tellError(error, { type: "handler-error", error, destination });
  }

  settleAfterHandler(command: "ACK" | "NACK", { terms }: AnySubscription, message: Message<unknown>): void {
    // STOMP 1.0 has no NACK: the message stays the broker's to deliver again.
    if (message.isSettled || (command === "NACK" && this.#context.connection()?.version === "1.0")) return;
    const { nackHeaders: headers } = terms;
    const settled = command === "ACK" ? message.ack() : message.nack(headers === undefined ? {} : { headers });
    settled.catch(() => undefined); // its session or subscription has ended: the broker delivers the message again
  }

  /** Who settles the messages that a subscription gets over this connection. */
  #settlerOf(subscription: AnySubscription, connection: Connection): Settler {
    const known = this.#settlers.get(subscription);
    if (known !== undefined) return known;
    const { options, ids } = this.#context;
    const settler = new SessionSettler(connection, subscription, (command, pairs, given) => {
      const wait = receiptWait(given, `${command} on ${subscription.destination}`, options.receiptTimeout, ids);
      return connection.send(command, wait === undefined ? pairs : [...pairs, ["receipt", wait.id]], "", true, wait);
    });
    this.#settlers.set(subscription, settler);
    return settler;
  }

  #end(subscription: AnySubscription, reason: Error | undefined): void {
    this.#subscriptions.delete(subscription);
    subscription.end(reason, reason === undefined);
  }
}
