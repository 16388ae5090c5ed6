/** Makes the subscriptions of a client again in each session, and sets aside a subscription that ends the session each time. */
import { ConnectionLostError, ReceiptTimeoutError, type StompError } from "../../errors.js";
import { Deadlines } from "../../internal/deadlines.js";
import { brokerKindOf } from "../../protocol/broker-kinds.js";
import { hasHeader, headerPairs } from "../../protocol/index.js";
import type { Connection } from "../connection/connection.js";
import { type Outgoing, type Pairs, outgoing } from "../connection/outgoing.js";
import { Suspects, answerOf, isAnswer } from "../connection/suspects.js";
import type { AnySubscription } from "./subscription.js";

/** What a resubscriber needs of its client. */
export interface ResubscriberHost {
  /** In ms. */
  readonly receiptTimeout: number;
  /** The broker does not accept this subscription. */
  refused(subscription: AnySubscription, error: Error): void;
  /** Fewer subscriptions wait for their turn, or are on trial. */
  progressed(): void;
}

/** A session that lives on for this long after a SUBSCRIBE has not ended because of it, in ms. */
const TRIAL = 5000;
/**
 * How many are on trial at a time. RabbitMQ reads nothing while it works off what it has read, some milliseconds for each SUBSCRIBE;
 * with thousands of them that takes longer than it waits for the heart-beats of a client, and it ends each session.
 */
const MOST_ON_TRIAL = 250;

/**
 * Brokers end the session over a SUBSCRIBE that they refuse (RabbitMQ over WebSocket without a word), so that each new session
 * would end in the same way for ever. A subscription is on trial from its SUBSCRIBE to its RECEIPT, its first MESSAGE, or
 * a time. If a session ends during a trial, the next one tries the {@link Suspects} one at a time, after the others.
 */
export class Resubscriber {
  readonly #host: ResubscriberHost;
  readonly #onTrial = new Set<AnySubscription>();
  /** Those that follow in this session when fewer are on trial. */
  readonly #rest = new Set<AnySubscription>();
  readonly #suspects = new Suspects<AnySubscription>();
  /** The suspects that are not tried yet in this session. */
  readonly #untried = new Set<AnySubscription>();
  /** What RECEIPTs tell in this session. `"mute"`: the broker confirmed none in time, so none is waited for. */
  #receipts: "unknown" | "come" | "mute" = "unknown";
  readonly #deadlines = new Deadlines<AnySubscription>((subscription) => {
    if (this.#receipts === "unknown") this.#receipts = "mute";
    this.#passed(subscription);
  });
  #connection: Connection | undefined;
  /** Whether an ERROR came that named nothing: after it a RECEIPT proves nothing, on RabbitMQ. */
  #hasErred = false;

  constructor(host: ResubscriberHost) {
    this.#host = host;
  }

  /** Whether the end of the session may be the answer to a subscription. */
  get isTrying(): boolean {
    return this.#onTrial.size > 0;
  }

  /** Whether there are SUBSCRIBEs that wait for others to be answered, and that are to be sent before all else. */
  get isHolding(): boolean {
    return this.#rest.size > 0;
  }

  /** A session is established. */
  established(connection: Connection, subscriptions: readonly AnySubscription[]): void {
    this.#connection = connection;
    this.#hasErred = false;
    for (const suspect of this.#suspects) this.#untried.add(suspect);
    for (const subscription of subscriptions) if (!this.#suspects.has(subscription)) this.#rest.add(subscription);
    this.#subscribeMore();
    if (this.#onTrial.size === 0) this.#tryNext();
  }

  /** A message of this subscription came: the broker has it. */
  delivered(subscription: AnySubscription): void {
    if (this.#onTrial.size > 0) this.#passed(subscription);
  }

  /** Whether a subscription waits for its turn: its SUBSCRIBE was not sent in this session. */
  waits(subscription: AnySubscription): boolean {
    return this.#rest.has(subscription) || this.#untried.has(subscription);
  }

  /** A subscription has ended. */
  removed(subscription: AnySubscription): void {
    this.#suspects.clear(subscription);
    this.#untried.delete(subscription);
    if (this.#rest.delete(subscription) && this.#rest.size === 0) this.#host.progressed();
    this.#passed(subscription);
  }

  /** An ERROR came that names nothing. */
  serverError(): void {
    this.#hasErred = true;
  }

  /** The session has ended, and another one may come. */
  interrupted(reason: StompError | undefined): void {
    const tried = [...this.#onTrial];
    this.#reset();
    if (!isAnswer(reason)) {
      this.#suspects.clearUnstruck();
      return;
    }
    const guilty = this.#suspects.blame(tried, reason, true, 0);
    if (guilty === undefined) return;
    this.#suspects.clear(guilty);
    this.#host.refused(guilty, answerOf(reason));
  }

  /** There will be no session. */
  ended(): void {
    this.#reset();
    this.#suspects.clearAll();
  }

  #reset(): void {
    this.#connection = undefined;
    this.#onTrial.clear();
    this.#rest.clear();
    this.#untried.clear();
    this.#receipts = "unknown";
    this.#deadlines.clear();
  }

  #subscribeMore(): void {
    for (const subscription of this.#rest) {
      if (this.#onTrial.size >= MOST_ON_TRIAL && this.#receipts !== "mute") return;
      this.#rest.delete(subscription);
      this.#subscribe(subscription);
    }
  }

  #tryNext(): void {
    for (const next of this.#untried) {
      this.#untried.delete(next);
      if (next.isLive) {
        this.#subscribe(next);
        return;
      }
    }
    this.#host.progressed();
  }

  #subscribe(subscription: AnySubscription): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#onTrial.add(subscription);
    this.#deadlines.set(subscription, TRIAL);
    const wait = { receipt: true, timeout: this.#host.receiptTimeout, isOptional: true };
    // At once: SUBSCRIBEs go out before all else. What `send` throws is a rejection too.
    new Promise<void>((resolve) => {
      resolve(connection.send(subscribeFrame(subscription, connection.server), wait));
    }).then(
      () => {
        if (this.#connection === connection) this.#receipts = "come";
        if (!this.#hasErred) this.#passed(subscription);
      },
      (error: unknown) => {
        this.#failed(subscription, error);
      },
    );
  }

  #failed(subscription: AnySubscription, error: unknown): void {
    if (error instanceof ConnectionLostError || !subscription.isLive) return;
    this.#passed(subscription);
    // A broker that answers no receipts may have it. Otherwise an ERROR named it, or this version of the protocol cannot say it:
    // what `send` rejects with is an error, since no signal has a reason.
    if (!(error instanceof ReceiptTimeoutError)) this.#host.refused(subscription, error as Error);
  }

  #passed(subscription: AnySubscription): void {
    if (!this.#onTrial.delete(subscription)) return;
    this.#deadlines.delete(subscription);
    this.#suspects.clear(subscription);
    if (this.#rest.size > 0) {
      this.#subscribeMore();
      if (this.#rest.size === 0) this.#host.progressed();
    }
    if (this.#onTrial.size === 0) this.#tryNext();
  }
}

/** The SUBSCRIBE of a subscription. `server`: the broker's header of that name. */
export function subscribeFrame(
  { destination, id, ack, terms: { headers, prefetch } }: AnySubscription,
  server: string | undefined,
): Outgoing {
  const pairs: Pairs = [["destination", destination], ["id", id], ["ack", ack], ...headerPairs(headers)];
  if (prefetch !== undefined) {
    for (const pair of brokerKindOf(server).prefetch(prefetch)) if (!hasHeader(headers, pair[0])) pairs.push(pair);
  }
  return outgoing("SUBSCRIBE", destination, pairs);
}
