/** Subscribing over the connection that there is: makes subscriptions, brings them their messages, ends them. */
import { InvalidStateError, type ServerError, type StompError } from "../errors.js";
import { type ServerFrame, headerPairs } from "../protocol/index.js";
import { SessionSettler } from "./session-settler.js";
import type { Connection } from "./connection.js";
import type { Message, Settler } from "./message.js";
import type { ResolvedOptions } from "./options.js";
import { type Ids, type Pairs, addHeaders, receiptWait } from "./request.js";
import type { StatusListeners } from "./status.js";
import {
  type MessageHandler,
  type SubscribeOptions,
  Subscription,
  type SubscriptionHost,
  type UnsubscribeOptions,
} from "./subscription.js";
import { Subscriptions, termsOf } from "./subscriptions.js";

/** What all of a client's calls share. */
export interface ClientContext {
  readonly options: ResolvedOptions;
  readonly ids: Ids;
  readonly status: StatusListeners;
  /** The connection, when there is one that frames may be sent on. */
  readonly connection: () => Connection | undefined;
  /** The error of a call that needs a connection where there is none. */
  readonly notConnected: (what: string) => StompError;
}

/** The subscriptions of a client. */
export class Subscriber implements SubscriptionHost {
  readonly #context: ClientContext;
  readonly #subscriptions = new Subscriptions();
  readonly #crowded = new Set<Subscription>();
  /** Who settles the messages of a subscription in the session that there is. */
  #settlers = new WeakMap<Subscription, SessionSettler>();
  #dropped = 0;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  /** How many messages came for no subscription. */
  get dropped(): number {
    return this.#dropped;
  }

  /** See {@link DialClient.subscribe}. */
  async subscribe(
    destination: string,
    handler: MessageHandler | undefined,
    options: SubscribeOptions,
  ): Promise<Subscription> {
    const { ids, options: defaults } = this.#context;
    const terms = termsOf(destination, handler, options, defaults.buffer, () => ids.next("sub"));
    const connection = this.#context.connection();
    const what = `SUBSCRIBE to ${destination}`;
    const wait = receiptWait(options, what, defaults.receiptTimeout, ids);
    if (connection === undefined && wait !== undefined) throw this.#context.notConnected(`${what} with a receipt`);
    const subscription = new Subscription(terms, this);
    this.#subscriptions.add(subscription);
    if (connection === undefined) return subscription;
    try {
      await connection.send("SUBSCRIBE", subscribePairs(subscription, wait?.id), "", true, wait);
      return subscription;
    } catch (error) {
      // Perhaps the broker has it all the same: it is not to go on unseen.
      if (wait !== undefined && subscription.isLive) this.unsubscribe(subscription, {}).catch(() => undefined);
      this.#end(subscription, error as Error);
      throw error;
    }
  }

  /** A session is established: subscribe what was made before it. */
  established(connection: Connection): void {
    for (const subscription of this.#subscriptions) {
      this.#tell(() => connection.send("SUBSCRIBE", subscribePairs(subscription, undefined), "", true), subscription);
    }
  }

  /** The session has ended: with it, all subscriptions. Without a `reason` it was meant to. */
  ended(reason: StompError | undefined): void {
    this.#crowded.clear();
    this.#settlers = new WeakMap();
    for (const subscription of this.#subscriptions) subscription.end(reason, false);
    this.#subscriptions.clear();
  }

  /** A MESSAGE came. */
  deliver(frame: ServerFrame): void {
    const subscription = this.#subscriptions.of(frame);
    if (subscription !== undefined) {
      subscription.deliver(frame);
      return;
    }
    // Messages are on their way when UNSUBSCRIBE is sent; RabbitMQ and ActiveMQ send them after its receipt as well.
    this.#dropped++;
    const id = frame.headers.get("subscription");
    this.#context.status.tell({ type: "message-dropped", subscription: id, count: this.#dropped });
  }

  /** An ERROR came that concerns no receipt. Whether it concerns a subscription, which has ended with it. */
  serverError(error: ServerError): boolean {
    const subscription = this.#subscriptions.get(error.headers.get("subscription") ?? "");
    if (subscription === undefined) return false;
    this.#end(subscription, error);
    return true;
  }

  unsubscribe(subscription: Subscription, options: UnsubscribeOptions): Promise<void> {
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

  fail(subscription: Subscription, reason: StompError): void {
    const sent = this.#context.connection()?.send("UNSUBSCRIBE", [["id", subscription.id]], "", true);
    sent?.catch(() => undefined); // the reader gets the error that matters
    this.#end(subscription, reason);
  }

  crowded(subscription: Subscription, isCrowded: boolean): void {
    if (isCrowded) this.#crowded.add(subscription);
    else this.#crowded.delete(subscription);
    this.#context.connection()?.hold(this.#crowded.size > 0);
  }

  handlerFailed({ destination }: Subscription, error: unknown): void {
    this.#context.status.tellError(error, { type: "handler-error", error, destination });
  }

  settlerOf(subscription: Subscription): Settler {
    const known = this.#settlers.get(subscription);
    if (known !== undefined) return known;
    const { options, ids, connection: current } = this.#context;
    const connection = current();
    if (connection === undefined) throw new InvalidStateError("there is no connection");
    const settler = new SessionSettler(connection, subscription, (command, pairs, given) => {
      const wait = receiptWait(given, `${command} on ${subscription.destination}`, options.receiptTimeout, ids);
      return connection.send(command, wait === undefined ? pairs : [...pairs, ["receipt", wait.id]], "", true, wait);
    });
    this.#settlers.set(subscription, settler);
    return settler;
  }

  settleAfterHandler(command: "ACK" | "NACK", _subscription: Subscription, message: Message): void {
    // STOMP 1.0 has no NACK: the message stays the broker's to deliver again.
    if (message.isSettled || (command === "NACK" && this.#context.connection()?.version === "1.0")) return;
    const settled = command === "ACK" ? message.ack() : message.nack();
    settled.catch(() => undefined); // its session or subscription has ended: the broker delivers the message again
  }

  #end(subscription: Subscription, reason: Error | undefined): void {
    this.#subscriptions.delete(subscription);
    subscription.end(reason, reason === undefined);
  }

  /** Send for a subscription that nobody waits for any more: its reader is told when that fails. */
  #tell(send: () => Promise<void>, subscription: Subscription): void {
    Promise.resolve()
      .then(send)
      .catch((error: unknown) => {
        this.#end(subscription, error as Error);
      });
  }
}

function subscribePairs({ destination, id, ack, headers }: Subscription, receipt: string | undefined): Pairs {
  const pairs: Pairs = [["destination", destination], ["id", id], ["ack", ack], ...headerPairs(headers)];
  if (receipt !== undefined) pairs.push(["receipt", receipt]);
  return pairs;
}
