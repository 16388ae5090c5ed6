/** A queue: messages in order, and the subscriptions that compete for them. */
import { LinkedList, type ListNode } from "../internal/linked-list.js";
import type { Refusal } from "./refusal.js";
import type { StoredMessage } from "./stored-message.js";

/** A message in a queue. */
export interface Entry {
  readonly message: StoredMessage;
  /** Where it stands in the order of its queue. */
  readonly position: number;
  /** How often it was sent to a client. */
  deliveries: number;
}

/** How much a queue may hold, counting what was sent and is not acknowledged. */
export interface QueueBounds {
  /** @default 100000 */
  readonly messages: number;
  /** Octets of headers and bodies, and 256 for each message. @default 268435456 (256 MiB) */
  readonly bytes: number;
}

/** A subscription as its queue sees it: it takes messages. */
export interface QueueSubscription {
  /** Its place among those of its queue that wait for a message; the queue's own business. */
  turn: ListNode<QueueSubscription> | undefined;
  /** Whether it may have another message. If not, it is offered to its queue again when it may. */
  readonly wantsMore: boolean;
  /** Send it a message. */
  deliver(entry: Entry): void;
  /** End it; `refusal` says why. */
  cancel(refusal: Refusal): void;
}

/** What a queue tells its owner. */
export interface QueueOwner {
  /** There may be something to deliver, or nothing left in it. */
  changed(queue: Queue): void;
  /** It holds so many octets more, or less. */
  grown(bytes: number): void;
}

/**
 * A queue. Subscriptions take turns: each message goes to the one whose turn is longest ago of those that want more. What
 * comes back goes before what was never delivered, in its old order.
 */
export class Queue {
  readonly name: string;
  readonly subscriptions: Set<QueueSubscription> = new Set();
  readonly #bounds: QueueBounds;
  readonly #owner: QueueOwner;
  /** All of it was delivered before all of #fresh, so its positions are the lower ones. */
  readonly #returned = new LinkedList<Entry>();
  readonly #fresh = new LinkedList<Entry>();
  /** Those that may want more. Who has no credit is dropped at its turn, and offered again when it has. */
  readonly #waiting = new LinkedList<QueueSubscription>();
  #position = 0;
  #held = 0;
  #bytes = 0;
  #isDeleted = false;

  constructor(name: string, bounds: QueueBounds, owner: QueueOwner) {
    this.name = name;
    this.#bounds = bounds;
    this.#owner = owner;
  }

  /** How many messages wait to be delivered. */
  get depth(): number {
    return this.#returned.size + this.#fresh.size;
  }

  /** How many messages it holds, with those that were sent and are not acknowledged. */
  get held(): number {
    return this.#held;
  }

  /** Whether nothing would be lost without it. */
  get isIdle(): boolean {
    return this.#held === 0 && this.subscriptions.size === 0;
  }

  /** Whether there is room for so many messages more, of so many octets. */
  hasRoom(messages: number, bytes: number): boolean {
    return this.#held + messages <= this.#bounds.messages && this.#bytes + bytes <= this.#bounds.bytes;
  }

  /** Put a message at the end. Whether there is room is the caller's question. */
  push(message: StoredMessage): void {
    this.#fresh.push({ message, position: this.#position++, deliveries: 0 });
    this.#held++;
    this.#bytes += message.size;
    this.#owner.grown(message.size);
    this.#owner.changed(this);
  }

  /** Drop the message that waits longest. Returns whether there was one. */
  dropOldest(): boolean {
    const entry = this.#take();
    if (entry === undefined) return false;
    this.settle(entry);
    return true;
  }

  /** Forget all messages, and those that are given back later. */
  delete(): void {
    this.#isDeleted = true;
    while (this.dropOldest());
  }

  /** Forget a message that was taken: it was acknowledged. */
  settle(entry: Entry): void {
    this.#held--;
    this.#bytes -= entry.message.size;
    this.#owner.grown(-entry.message.size);
    this.#owner.changed(this);
  }

  /** Take messages back that were sent and not acknowledged. */
  giveBack(entries: readonly Entry[]): void {
    if (this.#isDeleted) {
      for (const entry of entries) this.settle(entry);
      return;
    }
    let place = this.#returned.first;
    for (const entry of [...entries].sort((one, other) => one.position - other.position)) {
      const { last } = this.#returned;
      if (last === undefined || last.value.position < entry.position) place = undefined;
      else while (place !== undefined && place.value.position < entry.position) place = place.next;
      this.#returned.insertBefore(place, entry);
    }
    this.#owner.changed(this);
  }

  /** Let a subscription take part. */
  add(subscription: QueueSubscription): void {
    this.subscriptions.add(subscription);
    this.offer(subscription);
  }

  /** Let a subscription take part no more. */
  remove(subscription: QueueSubscription): void {
    if (!this.subscriptions.delete(subscription)) return;
    if (subscription.turn !== undefined) this.#waiting.remove(subscription.turn);
    subscription.turn = undefined;
    this.#owner.changed(this);
  }

  /** Give a subscription a turn, since it may want more now. */
  offer(subscription: QueueSubscription): void {
    if (subscription.turn !== undefined || !this.subscriptions.has(subscription)) return;
    subscription.turn = this.#waiting.push(subscription);
    this.#owner.changed(this);
  }

  /** Deliver what can be delivered. */
  pump(): void {
    while (this.depth > 0) {
      const subscription = this.#waiting.shift();
      if (subscription === undefined) return;
      subscription.turn = undefined;
      if (!subscription.wantsMore) continue;
      const entry = this.#take();
      if (entry === undefined) return;
      subscription.turn = this.#waiting.push(subscription);
      entry.deliveries++;
      subscription.deliver(entry);
    }
  }

  #take(): Entry | undefined {
    return this.#returned.shift() ?? this.#fresh.shift();
  }
}
