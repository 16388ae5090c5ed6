/** What was sent to one client and is not acknowledged, and how the client names it. */
import type { Version } from "../protocol/index.js";
import type { Dialect } from "./dialect.js";
import type { Pairs } from "./encode.js";
import type { Entry } from "./queue.js";
import { Refusal, quoted } from "./refusal.js";
import type { Delivery, Subscription } from "./subscription.js";

/** The deliveries of one connection. */
export class Deliveries {
  readonly #session: string;
  readonly #dialect: Dialect;
  /** By what ACK names. */
  readonly #open = new Map<string, Delivery>();
  #messages = 0;

  /** `session` is the id of the session, which makes the ids of its messages unique. */
  constructor(session: string, dialect: Dialect) {
    this.#session = session;
    this.#dialect = dialect;
  }

  /** How many messages were sent and not acknowledged. */
  get size(): number {
    return this.#open.size;
  }

  /** Note that a message is sent. Returns the headers of its MESSAGE. */
  add(subscription: Subscription, entry: Entry, version: Version): Pairs {
    const { id, headers } = this.describe(subscription, entry, version);
    if (subscription.ack === "auto") {
      subscription.queue.settle(entry);
    } else {
      const delivery: Delivery = { subscription, entry, id, transaction: undefined, node: undefined };
      delivery.node = subscription.unacknowledged.push(delivery);
      this.#open.set(id, delivery);
    }
    return headers;
  }

  /** Make the headers of a MESSAGE, and what ACK is to name. */
  describe(
    subscription: Subscription,
    entry: Entry,
    version: Version,
  ): { readonly id: string; readonly headers: Pairs } {
    const { alwaysRedelivered, messageIdIsTagged } = this.#dialect;
    const number = ++this.#messages;
    const messageId = messageIdIsTagged
      ? `${tagOf(subscription)}@@${this.#session}@@${number}`
      : `${this.#session}-${number}`;
    const ackId = messageIdIsTagged ? messageId : `ack-${number}`;
    const redelivered = entry.deliveries > 1;
    const headers: Pairs = [
      ["subscription", subscription.id],
      ["destination", entry.message.destination],
      ["message-id", messageId],
      // STOMP 1.2, "MESSAGE": the ack header is there when the subscription needs acknowledgement.
      ["ack", subscription.ack !== "auto" && version === "1.2" ? ackId : undefined],
      ["redelivered", redelivered || alwaysRedelivered ? redelivered : undefined],
      ...entry.message.headers,
    ];
    return { id: version === "1.2" ? ackId : messageId, headers };
  }

  /**
   * Find what an ACK or NACK names. `subscriptions` are those that there are.
   *
   * @throws Refusal when it names nothing that could be acknowledged.
   */
  find(headers: ReadonlyMap<string, string>, version: Version, subscriptions: Iterable<Subscription>): Delivery {
    const id = (version === "1.2" ? headers.get("id") : headers.get("message-id")) ?? "";
    const delivery = this.#open.get(id);
    if (delivery === undefined || delivery.transaction !== undefined) {
      const isSettled = delivery === undefined && this.#wasOf(id, subscriptions);
      throw new Refusal(
        `there is no message ${quoted(id)} to acknowledge`,
        isSettled ? "settled-message" : "unknown-message",
      );
    }
    const named = version === "1.2" ? undefined : headers.get("subscription");
    if (named !== undefined && named !== delivery.subscription.id) {
      throw new Refusal(`message ${quoted(id)} is not of subscription ${quoted(named)}`);
    }
    return delivery;
  }

  /** Whether a delivery is still there: it may be gone with its subscription. */
  has(delivery: Delivery): boolean {
    return this.#open.get(delivery.id) === delivery;
  }

  /** Take what an ACK or NACK of `delivery` concerns: it, and in the mode "client" all that was sent before it. */
  take(delivery: Delivery): Entry[] {
    const { subscription, node } = delivery;
    const { unacknowledged } = subscription;
    const taken: Entry[] = [];
    let next = subscription.ack === "client" ? unacknowledged.first : node;
    while (next !== undefined) {
      const { value, next: following } = next;
      unacknowledged.remove(next);
      this.#open.delete(value.id);
      taken.push(value.entry);
      next = value === delivery ? undefined : following;
    }
    return taken;
  }

  /** Forget what was sent to a subscription that ends. */
  forget(subscription: Subscription): void {
    for (const { id } of subscription.unacknowledged) this.#open.delete(id);
  }

  /** Forget all. */
  clear(): void {
    this.#open.clear();
  }

  #wasOf(id: string, subscriptions: Iterable<Subscription>): boolean {
    if (!this.#dialect.messageIdIsTagged) return false;
    for (const subscription of subscriptions) {
      if (id.startsWith(`${tagOf(subscription)}@@${this.#session}@@`)) return true;
    }
    return false;
  }
}

function tagOf({ id, destination }: Subscription): string {
  return id === undefined ? `Q_${destination}` : `T_${id}`;
}
