/** A subscription of a client, from the broker's side. */
import { LinkedList, type ListNode } from "../internal/linked-list.js";
import type { Entry, Queue, QueueSubscription } from "./queue.js";
import type { Refusal } from "./refusal.js";

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
  /** The broker ends it; `refusal` says why. */
  cancelled(subscription: Subscription, refusal: Refusal): void;
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
export class Subscription implements QueueSubscription {
  readonly id: string | undefined;
  readonly destination: string;
  readonly ack: AckMode;
  readonly queue: Queue;
  /** What was sent and not acknowledged, in the order it was sent. */
  readonly unacknowledged: LinkedList<Delivery> = new LinkedList();
  turn: ListNode<QueueSubscription> | undefined;
  readonly #prefetch: number;
  readonly #outlet: Outlet;
  /** Set while what is in flight is taken. */
  #inFlight: { readonly entries: Entry[]; readonly most: number; octets: number } | undefined;

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
    const flight = this.#inFlight;
    if (flight !== undefined) return flight.entries.length < flight.most && flight.octets > 0;
    return this.unacknowledged.size < this.#prefetch && this.#outlet.mayDeliver(this);
  }

  /** Send it a message. */
  deliver(entry: Entry): void {
    if (this.#inFlight === undefined) this.#outlet.deliver(this, entry);
    else {
      this.#inFlight.entries.push(entry);
      this.#inFlight.octets -= entry.message.size;
    }
  }

  /** Take its share of what waits in its queue, as if its outlet took it: so many messages at most, and little more than so many octets. */
  takeInFlight(most: number, octets: number): readonly Entry[] {
    const room = this.ack === "auto" ? most : Math.min(most, this.#prefetch - this.unacknowledged.size);
    const entries: Entry[] = [];
    this.#inFlight = { entries, most: room, octets };
    this.queue.offer(this);
    this.queue.pump();
    this.#inFlight = undefined;
    return entries;
  }

  /** End it; `refusal` says why. */
  cancel(refusal: Refusal): void {
    this.#outlet.cancelled(this, refusal);
  }
}
