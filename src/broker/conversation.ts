/** What one client has asked for: its subscriptions, transactions and reply queues, and what each of its frames does. */
import type { ClientFrame, Version } from "../protocol/index.js";
import { Deliveries } from "./deliveries.js";
import type { Destinations } from "./destinations.js";
import type { Pairs } from "./encode.js";
import { Leftovers } from "./leftovers.js";
import type { StoreBounds } from "./options.js";
import type { Entry } from "./queue.js";
import { Refusal, quoted } from "./refusal.js";
import { StoredMessage } from "./stored-message.js";
import type { AckMode, Delivery, Outlet, Subscription } from "./subscription.js";
import { Subscriptions } from "./subscriptions.js";
import { Transactions } from "./transactions.js";

/** What a conversation needs of its connection. */
export interface Speaker {
  /** The id of the session. */
  readonly id: string;
  /** The version agreed on. */
  version(): Version;
  mayDeliver(subscription: Subscription): boolean;
  message(headers: Pairs, message: StoredMessage): void;
  /** Say that something is wrong that no frame of the client's is about. */
  refused(refusal: Refusal): void;
  /** Say that a subscription was ended. */
  subscriptionEnded(subscription: Subscription, refusal: Refusal): void;
}

const TEMP_QUEUE = "/temp-queue/";
const MOST_REPLY_QUEUES = 1000;

/** The client's side of the broker's state. It ends with the connection. */
export class Conversation implements Outlet {
  readonly #speaker: Speaker;
  readonly #destinations: Destinations;
  readonly #transactions: Transactions;
  readonly #subscriptions: Subscriptions;
  readonly #deliveries: Deliveries;
  readonly #leftovers: Leftovers;
  /** By the name that the client gave: `/temp-queue/x`. */
  readonly #replyQueues = new Map<string, string>();
  #isEnded = false;

  constructor(speaker: Speaker, destinations: Destinations, bounds: StoreBounds) {
    this.#speaker = speaker;
    this.#destinations = destinations;
    this.#transactions = new Transactions(bounds, destinations.dialect.beginsAgain);
    this.#subscriptions = new Subscriptions(destinations.dialect);
    this.#leftovers = new Leftovers(destinations.dialect);
    this.#deliveries = new Deliveries(speaker.id, destinations.dialect);
  }

  /** The subscriptions, those to reply queues included. */
  get subscriptions(): Iterable<Subscription> {
    return this.#subscriptions;
  }

  /** How many messages were sent to the client and not acknowledged. */
  get unacknowledged(): number {
    return this.#deliveries.size;
  }

  /**
   * Do what a frame asks for. The MESSAGEs that come of it go out at the next {@link Destinations.deliver}. Returns what
   * is to be done after its receipt.
   *
   * @throws Refusal when it cannot be done.
   */
  handle(frame: ClientFrame): (() => void) | undefined {
    const { headers } = frame;
    // A fault may end a connection and still have its last frame handled: what that sends counts, there is nothing else left.
    if (this.#isEnded && (frame.command !== "SEND" || headers.has("transaction"))) return undefined;
    if (this.#destinations.dialect.ignored.includes(frame.command)) return undefined;
    switch (frame.command) {
      case "SEND":
        this.#send(frame);
        break;
      case "SUBSCRIBE":
        this.#subscribe(headers);
        break;
      case "UNSUBSCRIBE":
        return this.#unsubscribe(headers);
      case "ACK":
        this.#acknowledge("ack", headers);
        break;
      case "NACK":
        this.#acknowledge("nack", headers);
        break;
      case "BEGIN":
        this.#transactions.begin(headers.get("transaction") ?? "");
        break;
      case "COMMIT":
        this.#commit(headers.get("transaction") ?? "");
        break;
      case "ABORT":
        this.#transactions.finish(headers.get("transaction") ?? "");
        break;
      default: // CONNECT, STOMP and DISCONNECT concern the connection
        break;
    }
    return undefined;
  }

  /** End everything: what was not acknowledged goes back, open transactions are aborted. */
  end(): void {
    this.#isEnded = true;
    this.#transactions.clear();
    for (const subscription of this.#subscriptions) this.#destinations.unsubscribe(subscription);
    this.#subscriptions.clear();
    this.#deliveries.clear();
    this.#leftovers.end();
    for (const queue of this.#replyQueues.values()) this.#destinations.drop(queue);
    this.#replyQueues.clear();
  }

  mayDeliver(subscription: Subscription): boolean {
    return this.#speaker.mayDeliver(subscription);
  }

  deliver(subscription: Subscription, entry: Entry): void {
    this.#speaker.message(this.#deliveries.add(subscription, entry, this.#speaker.version()), entry.message);
  }

  cancelled(subscription: Subscription, refusal: Refusal): void {
    if (!this.#subscriptions.has(subscription)) return;
    this.#end(subscription);
    this.#speaker.subscriptionEnded(subscription, refusal);
  }

  #send(frame: ClientFrame): void {
    const { headers } = frame;
    const { passedOn, ignored } = this.#destinations.dialect;
    const transaction = ignored.includes("BEGIN") ? undefined : headers.get("transaction");
    const replyTo = headers.get("reply-to");
    const reply = replyTo === undefined || this.#isEnded ? undefined : this.#replyQueue(replyTo);
    const destination = this.#resolve(headers.get("destination") ?? "");
    const message = StoredMessage.of(frame, destination, reply, passedOn);
    if (transaction !== undefined) {
      this.#transactions.add(transaction, { type: "send", message });
      return;
    }
    this.#destinations.check([message]);
    this.#destinations.send(message);
  }

  #subscribe(headers: ReadonlyMap<string, string>): void {
    const id = headers.get("id");
    const destination = headers.get("destination") ?? "";
    const ack = this.#ackMode(headers.get("ack") ?? "auto");
    const prefetch = prefetchOf(headers);
    if (destination.startsWith(TEMP_QUEUE) && this.#destinations.dialect.replyQueues?.subscribes === true) {
      throw new Refusal(`${quoted(destination)} is subscribed to by sending with it as reply-to`);
    }
    if (this.#destinations.isPrivate(destination))
      throw new Refusal(`${quoted(destination)} is private to a connection`);
    this.#add(id, destination, ack, prefetch, this.#resolve(destination));
  }

  #ackMode(asked: string): AckMode {
    const { takenAsAuto } = this.#destinations.dialect;
    if (takenAsAuto === "all") return "auto";
    if (isAckMode(asked)) return asked;
    if (takenAsAuto === "unknown") return "auto";
    throw new Refusal(`ack mode ${quoted(asked)} is unknown: it is auto, client or client-individual`);
  }

  #add(id: string | undefined, destination: string, ack: AckMode, prefetch: number, queue: string): void {
    this.#subscriptions.check(id, destination);
    this.#subscriptions.add(this.#destinations.subscribe({ id, destination, ack, prefetch }, queue, this));
  }

  #unsubscribe(headers: ReadonlyMap<string, string>): (() => void) | undefined {
    const id = headers.get("id");
    const destination = headers.get("destination") ?? "";
    const subscription = this.#subscriptions.find(id, destination);
    if (subscription === undefined)
      throw new Refusal(`there is no subscription ${quoted(id ?? destination)}`, "unknown-subscription");
    if (this.#destinations.dialect.replyQueues?.subscribes === true && this.#replyQueues.has(subscription.destination))
      throw new Refusal(
        `subscription ${quoted(subscription.destination)} lasts as long as the connection`,
        "unknown-subscription",
      );
    this.#deliveries.forget(subscription);
    const flight = this.#leftovers.take(subscription);
    this.#end(subscription);
    return flight.length === 0 ? undefined : () => this.#land(subscription, flight);
  }

  /** Say what comes of messages that were in flight to a subscription when it ended. */
  #land(subscription: Subscription, flight: readonly Entry[]): void {
    const { says, keeps } = this.#destinations.dialect.unsubscribed;
    const { id, destination, queue } = subscription;
    for (const entry of flight) {
      if (says === "error") {
        const message = `there is no subscription ${quoted(id ?? destination)} any more for a message in flight`;
        this.#speaker.refused(new Refusal(message, "unknown-message"));
      } else {
        const { headers } = this.#deliveries.describe(subscription, entry, this.#speaker.version());
        this.#speaker.message(headers, entry.message);
      }
    }
    if (!keeps) queue.giveBack(flight);
  }

  #end(subscription: Subscription): void {
    this.#subscriptions.remove(subscription);
    this.#deliveries.forget(subscription);
    this.#destinations.unsubscribe(subscription);
  }

  #acknowledge(type: "ack" | "nack", headers: ReadonlyMap<string, string>): void {
    const delivery = this.#deliveries.find(headers, this.#speaker.version(), this.#subscriptions);
    const deadLetter = this.#destinations.dialect.nack === "dead-letter" || headers.get("requeue") === "false";
    const transaction = headers.get("transaction");
    if (transaction === undefined) this.#settle(type, delivery, deadLetter);
    else this.#transactions.add(transaction, { type, delivery, deadLetter });
  }

  #commit(id: string): void {
    const operations = this.#transactions.finish(id);
    this.#destinations.check(operations.flatMap((operation) => (operation.type === "send" ? [operation.message] : [])));
    for (const operation of operations) {
      if (operation.type === "send") this.#destinations.send(operation.message);
      else if (this.#deliveries.has(operation.delivery)) {
        this.#settle(operation.type, operation.delivery, operation.deadLetter);
      }
    }
  }

  #settle(type: "ack" | "nack", delivery: Delivery, deadLetter: boolean): void {
    const { subscription } = delivery;
    const { queue } = subscription;
    const settled = this.#deliveries.take(delivery);
    if (type === "nack" && !deadLetter) queue.giveBack(settled);
    else {
      for (const entry of settled) {
        queue.settle(entry);
        if (type === "nack") this.#destinations.deadLetter(entry.message);
      }
    }
    queue.offer(subscription);
  }

  /** The queue, or topic, that a destination of the client's names. */
  #resolve(destination: string): string {
    if (destination === "") throw new Refusal("the destination is empty", "empty-destination");
    const { prefixes } = this.#destinations.dialect;
    if (prefixes !== undefined && destination.startsWith("/") && !prefixes.some((it) => destination.startsWith(it))) {
      throw new Refusal(`${quoted(destination)} begins with none of ${prefixes.join(", ")}`, "unknown-destination");
    }
    return this.#replyQueue(destination) ?? destination;
  }

  /** The queue of this connection that a destination names as `/temp-queue/…`, if it does; it is made if need be. */
  #replyQueue(name: string): string | undefined {
    const { replyQueues } = this.#destinations.dialect;
    if (replyQueues === undefined || !name.startsWith(TEMP_QUEUE)) return undefined;
    let queue = this.#replyQueues.get(name);
    if (queue === undefined) {
      if (this.#replyQueues.size >= MOST_REPLY_QUEUES)
        throw new Refusal(`the connection has ${MOST_REPLY_QUEUES} reply queues, which is the limit`);
      queue = `${replyQueues.prefix}${this.#speaker.id}-${this.#replyQueues.size + 1}`;
      if (replyQueues.subscribes) this.#add(name, name, "auto", Infinity, queue);
      else this.#destinations.queue(queue);
      this.#replyQueues.set(name, queue);
    }
    return queue;
  }
}

function isAckMode(text: string): text is AckMode {
  return text === "auto" || text === "client" || text === "client-individual";
}

/** How many messages may be unacknowledged, as RabbitMQ and ActiveMQ are told. */
function prefetchOf(headers: ReadonlyMap<string, string>): number {
  const text = headers.get("prefetch-count") ?? headers.get("activemq.prefetchSize") ?? "0";
  if (!/^[0-9]{1,9}$/.test(text)) throw new Refusal(`prefetch-count ${quoted(text)} is no number`);
  return Number(text) || Infinity;
}
