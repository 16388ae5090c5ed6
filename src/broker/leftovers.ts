/** What UNSUBSCRIBE leaves behind, where brokers are not done with it at once. */
import type { Dialect } from "./dialect.js";
import type { Entry, Queue } from "./queue.js";
import type { Subscription } from "./subscription.js";

/** So many octets of messages are in flight at most, and one message more: they go out whatever the client takes. */
const MOST_OCTETS = 524_288;

/** The leftovers of one connection. */
export class Leftovers {
  readonly #terms: Dialect["unsubscribed"];
  /** What goes back when the session ends. */
  readonly #kept: { readonly queue: Queue; readonly entries: readonly Entry[] }[] = [];

  constructor({ unsubscribed }: Dialect) {
    this.#terms = unsubscribed;
  }

  /** A subscription is about to end by UNSUBSCRIBE. Returns the messages that are in flight to it. */
  take(subscription: Subscription): readonly Entry[] {
    const { inFlight, says, keeps } = this.#terms;
    const { queue, unacknowledged, ack } = subscription;
    const flight = inFlight === 0 ? [] : subscription.takeInFlight(inFlight, MOST_OCTETS);
    if (!keeps) return flight;
    const kept: Entry[] = [];
    for (let next = unacknowledged.shift(); next !== undefined; next = unacknowledged.shift()) kept.push(next.entry);
    if (says === "error" && ack === "auto") for (const entry of flight) queue.settle(entry);
    else kept.push(...flight);
    if (kept.length > 0) this.#kept.push({ queue, entries: kept });
    return flight;
  }

  /** Give back what was kept: the session has ended. */
  end(): void {
    for (const { queue, entries } of this.#kept.splice(0)) queue.giveBack(entries);
  }
}
