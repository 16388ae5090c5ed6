/** All queues and topics of a broker. */
import type { Dialect } from "./dialect.js";
import type { StoreBounds } from "./options.js";
import { Queue, type QueueOwner } from "./queue.js";
import { Refusal, quoted } from "./refusal.js";
import { StoredMessage } from "./stored-message.js";
import { type Outlet, Subscription, type SubscriptionTerms } from "./subscription.js";
import { Topics } from "./topics.js";

/** Where refused messages go. */
export const DEAD_LETTERS = "/queue/DLQ";

/** Queues by name, topics, and what is to be delivered next. A destination that is no topic is a queue. */
export class Destinations implements QueueOwner {
  readonly dialect: Dialect;
  readonly #bounds: StoreBounds;
  readonly #queues = new Map<string, Queue>();
  readonly #topics = new Topics();
  #changed = new Set<Queue>();
  #bytes = 0;

  constructor(bounds: StoreBounds, dialect: Dialect) {
    this.#bounds = bounds;
    this.dialect = dialect;
  }

  /** Whether a destination is a reply queue: private to a connection, which knows it as `/temp-queue/…`. */
  isPrivate(destination: string): boolean {
    const { replyQueues } = this.dialect;
    return replyQueues !== undefined && destination.startsWith(replyQueues.prefix);
  }

  /** How many messages wait in a queue. */
  depth(destination: string): number {
    return this.#queues.get(destination)?.depth ?? 0;
  }

  /** How many messages a queue holds, with those that were sent and are not acknowledged. */
  held(destination: string): number {
    return this.#queues.get(destination)?.held ?? 0;
  }

  /** How many subscriptions get what is sent to a destination. */
  subscriptions(destination: string): number {
    if (!this.#isTopic(destination)) return this.#queues.get(destination)?.subscriptions.size ?? 0;
    let count = 0;
    for (const _ of this.#topics.subscriptionsTo(destination)) count++;
    return count;
  }

  /**
   * Check that messages can be sent, all of them.
   *
   * @throws Refusal when a queue has no room.
   */
  check(messages: Iterable<StoredMessage>): void {
    const sums = new Map<string, { count: number; bytes: number }>();
    let total = this.#bytes;
    for (const { destination, size } of messages) {
      if (this.#isTopic(destination)) continue;
      const sum = sums.get(destination) ?? { count: 0, bytes: 0 };
      sum.count++;
      sum.bytes += size;
      total += size;
      sums.set(destination, sum);
    }
    if (sums.size > 0 && total > this.#bounds.totalBytes) {
      throw new Refusal(`the broker is full: it holds ${this.#bytes} bytes, limit is ${this.#bounds.totalBytes}`);
    }
    for (const [destination, { count, bytes }] of sums) {
      const room =
        this.#queues.get(destination)?.hasRoom(count, bytes) ??
        (count <= this.#bounds.messages && bytes <= this.#bounds.bytes);
      if (!room)
        throw new Refusal(
          `queue ${quoted(destination)} is full: limits are ${this.#bounds.messages} messages, ${this.#bounds.bytes} bytes`,
        );
    }
  }

  /**
   * Put a message into its queue, or into those of all subscriptions to its topic. The caller has checked that there is room.
   * It goes out at the next {@link Destinations.deliver}.
   */
  send(message: StoredMessage): void {
    const { destination } = message;
    if (!this.#isTopic(destination)) {
      // A reply queue is gone with its connection, and a late reply with it.
      const queue = this.isPrivate(destination) ? this.#queues.get(destination) : this.queue(destination);
      queue?.push(message);
      return;
    }
    const crowded: Subscription[] = [];
    for (const subscription of this.#topics.subscriptionsTo(destination)) {
      if (subscription.queue.hasRoom(1, message.size)) subscription.queue.push(message);
      else crowded.push(subscription);
    }
    for (const subscription of crowded) {
      const destination = quoted(subscription.destination);
      subscription.cancel(new Refusal(`subscription to ${destination} is too slow: its queue is full`));
    }
  }

  /** Put a refused message aside. */
  deadLetter(message: StoredMessage): void {
    if (message.destination === DEAD_LETTERS) return;
    const headers = [...message.headers, ["original-destination", message.destination] as const];
    const letter = new StoredMessage(DEAD_LETTERS, headers, message.body, message.isCounted);
    const queue = this.queue(DEAD_LETTERS);
    while (!queue.hasRoom(1, letter.size)) if (!queue.dropOldest()) return;
    queue.push(letter);
  }

  /** The queue of that name; it is made if need be. */
  queue(name: string): Queue {
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = new Queue(name, this.#bounds, this);
      this.#queues.set(name, queue);
    }
    return queue;
  }

  /** Forget a queue with all that is in it. */
  drop(name: string): void {
    const queue = this.#queues.get(name);
    if (queue === undefined) return;
    this.#queues.delete(name);
    queue.delete();
  }

  /** Forget a queue, and end its subscriptions. Returns whether there was one. */
  delete(name: string): boolean {
    const queue = this.#queues.get(name);
    if (queue === undefined) return false;
    const subscriptions = [...queue.subscriptions];
    this.drop(name);
    for (const subscription of subscriptions)
      subscription.cancel(new Refusal(`queue ${quoted(name)} was deleted`, "cancelled"));
    return true;
  }

  /** Make a subscription to a topic, or to the queue `queue`. */
  subscribe(terms: SubscriptionTerms, queue: string, outlet: Outlet): Subscription {
    const topic = this.#isTopic(queue);
    const source = topic
      ? new Queue(queue, this.#bounds, { changed: (it) => this.changed(it), grown: () => undefined })
      : this.queue(queue);
    const subscription = new Subscription(terms, source, outlet);
    source.add(subscription);
    if (topic) this.#topics.add(subscription);
    return subscription;
  }

  /** End a subscription: what it has not acknowledged goes back. */
  unsubscribe(subscription: Subscription): void {
    const { queue, unacknowledged } = subscription;
    queue.remove(subscription);
    if (this.#isTopic(queue.name)) this.#topics.remove(subscription);
    else queue.giveBack([...unacknowledged].map(({ entry }) => entry));
  }

  /** Deliver what can be delivered. */
  deliver(): void {
    while (this.#changed.size > 0) {
      const changed = this.#changed;
      this.#changed = new Set();
      for (const queue of changed) {
        queue.pump();
        if (queue.isIdle && !this.isPrivate(queue.name) && this.#queues.get(queue.name) === queue)
          this.#queues.delete(queue.name);
      }
    }
  }

  changed(queue: Queue): void {
    this.#changed.add(queue);
  }

  grown(bytes: number): void {
    this.#bytes += bytes;
  }

  #isTopic(destination: string): boolean {
    return destination.startsWith(this.dialect.topicPrefix) && !this.isPrivate(destination);
  }
}
