/** A subscription of a client, from the broker's side. */
import { LinkedList, type ListNode } from "../internal/linked-list.js";
import type { Consumer, Entry, Queue } from "./queue.js";

/** How messages of a subscription are acknowledged. */
export type AckMode = "auto" | "client" | "client-individual";

/** A message that was sent to a client and is not acknowledged yet. */
export interface Delivery {
  readonly subscription: Subscription;
  readonly entry: Entry;
  /** What the client names in ACK and NACK. */
  readonly id: string;
  /** The open transaction in which it was acknowledged. */
  transaction: string | undefined;
  /** Its place in {@link Subscription.unacknowledged}. */
  node: ListNode<Delivery> | undefined;
}

/** Where the messages of a subscription go out: a client's connection. */
export interface Outlet {
  /** Whether a MESSAGE may be sent now. If not, the outlet offers the subscription to its queue again when it may. */
  mayDeliver(subscription: Subscription): boolean;
  /** Send a MESSAGE. */
  deliver(subscription: Subscription, entry: Entry): void;
  /** Its private queue has no room for another message. */
  overflowed(subscription: Subscription): void;
}

/** What makes a subscription what it is. */
export interface SubscriptionTerms {
  /** The `id` header; only clients of 1.0 may have none. */
  readonly id: string | undefined;
  /** As the client wrote it. */
  readonly destination: string;
  readonly ack: AckMode;
  /** How many messages may be unacknowledged. */
  readonly prefetch: number;
}

/** A subscription: takes from a queue, as far as it has credit. */
export class Subscription implements Consumer {
  readonly id: string | undefined;
  readonly destination: string;
  readonly ack: AckMode;
  readonly queue: Queue;
  /** What was sent and not acknowledged, in the order it was sent. */
  readonly unacknowledged: LinkedList<Delivery> = new LinkedList();
  turn: ListNode<Consumer> | undefined;
  readonly #prefetch: number;
  readonly #outlet: Outlet;

  constructor(terms: SubscriptionTerms, queue: Queue, outlet: Outlet) {
    this.id = terms.id;
    this.destination = terms.destination;
    this.ack = terms.ack;
    this.queue = queue;
    this.#prefetch = terms.prefetch;
    this.#outlet = outlet;
  }

  /** Whether it may have another message. If not, an ACK or its outlet offers it to its queue again. */
  get wantsMore(): boolean {
    return this.unacknowledged.size < this.#prefetch && this.#outlet.mayDeliver(this);
  }

  /** Send it a message. */
  deliver(entry: Entry): void {
    this.#outlet.deliver(this, entry);
  }

  /** Say that its private queue has no room for another message. */
  overflowed(): void {
    this.#outlet.overflowed(this);
  }
}
