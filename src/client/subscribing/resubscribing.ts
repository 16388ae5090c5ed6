/** Makes the subscriptions of a client again in each session, and sets aside one that ends the session each time. */
import { ConnectionLostError, ReceiptTimeoutError, type StompError } from "../../errors.js";
import { Deadlines } from "../../internal/deadlines.js";
import { hasHeader, headerPairs } from "../../protocol/index.js";
import { answerOf, isAnswer } from "../connection/blame.js";
import type { Connection } from "../connection/connection.js";
import { prefetchHeaders } from "../../protocol/prefetch.js";
import type { Pairs } from "../connection/outgoing.js";
import type { AnySubscription } from "./subscription.js";

/** What a resubscriber needs of its client. */
export interface ResubscriberHost {
  /** In ms. */
  readonly receiptTimeout: number;
  receiptId(): string;
  /** The broker does not want this subscription. */
  refused(subscription: AnySubscription, error: Error): void;
  /** None is on trial any longer, or all are that are not tried one at a time. */
  tried(): void;
}

/** So often a session must end because of a subscription. */
const MOST_STRIKES = 3;
/** A session that lives on for so long after a SUBSCRIBE has not ended because of it, in ms. */
const TRIAL = 5000;
/**
 * So many are on trial at a time. RabbitMQ reads nothing while it works off what it has read, some milliseconds for each SUBSCRIBE;
 * with thousands of them that takes longer than it waits for the heart-beats of a client, and it ends each session.
 */
const MOST_ON_TRIAL = 250;

/**
 * Brokers end the session over a SUBSCRIBE that they refuse (RabbitMQ over WebSocket without a word), so that each new session
 * would end in the same way for ever. A subscription is on trial from its SUBSCRIBE to its RECEIPT, its first MESSAGE, or
 * a time. If sessions end during a trial, the next one tries the suspects one at a time; who is alone on trial when
 * three sessions end is set aside, and the others live.
 */
export class Resubscriber {
  readonly #host: ResubscriberHost;
  readonly #onTrial = new Set<AnySubscription>();
  /** Those that are to follow when there are fewer on trial, in this session. */
  readonly #rest = new Set<AnySubscription>();
  /** Whether the broker has confirmed one in this session, and whether it has confirmed none in time: then none is waited for. */
  #confirms = false;
  #isMute = false;
  /** Those that were on trial when the last session ended and have not been tried in this one. */
  #suspects: AnySubscription[] = [];
  readonly #strikes = new WeakMap<AnySubscription, number>();
  readonly #deadlines = new Deadlines<AnySubscription>((subscription) => {
    this.#isMute = !this.#confirms;
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
    const suspects = new Set(this.#suspects);
    for (const subscription of subscriptions) if (!suspects.has(subscription)) this.#rest.add(subscription);
    this.#subscribeMore();
    if (this.#onTrial.size === 0) this.#tryNext();
  }

  /** A message of this subscription came: the broker has it. */
  delivered(subscription: AnySubscription): void {
    if (this.#onTrial.size > 0) this.#passed(subscription);
  }

  /** Whether a subscription waits for its turn: this session has had no SUBSCRIBE of it. */
  waits(subscription: AnySubscription): boolean {
    return this.#connection !== undefined && (this.#rest.has(subscription) || this.#suspects.includes(subscription));
  }

  /** A subscription has ended. */
  removed(subscription: AnySubscription): void {
    this.#suspects = this.#suspects.filter((one) => one !== subscription);
    if (this.#rest.delete(subscription) && this.#rest.size === 0) this.#host.tried();
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
      this.#suspects = [...new Set([...tried, ...this.#suspects])].filter((one) => this.#strikes.has(one));
      return;
    }
    const [only] = tried;
    if (tried.length === 1 && only !== undefined) {
      const strikes = (this.#strikes.get(only) ?? 0) + 1;
      this.#strikes.set(only, strikes);
      if (strikes >= MOST_STRIKES) {
        this.#suspects = this.#suspects.filter((one) => one !== only);
        this.#host.refused(only, answerOf(reason));
        return;
      }
    }
    this.#suspects = [...new Set([...this.#suspects, ...tried])];
  }

  /** There will be no session. */
  ended(): void {
    this.#reset();
    this.#suspects = [];
  }

  #reset(): void {
    this.#connection = undefined;
    this.#onTrial.clear();
    this.#rest.clear();
    this.#confirms = this.#isMute = false;
    this.#deadlines.clear();
  }

  #subscribeMore(): void {
    for (const subscription of this.#rest) {
      if (this.#onTrial.size >= MOST_ON_TRIAL && !this.#isMute) return;
      this.#rest.delete(subscription);
      this.#subscribe(subscription);
    }
  }

  #tryNext(): void {
    for (let next = this.#suspects.shift(); next !== undefined; next = this.#suspects.shift()) {
      if (next.isLive) {
        this.#subscribe(next);
        return;
      }
    }
    this.#host.tried();
  }

  #subscribe(subscription: AnySubscription): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#onTrial.add(subscription);
    this.#deadlines.set(subscription, TRIAL);
    const id = this.#host.receiptId();
    const what = `SUBSCRIBE to ${subscription.destination}`;
    const wait = { id, what, timeout: this.#host.receiptTimeout, signal: undefined, isOptional: true };
    // At once: SUBSCRIBEs go out before all else. What `send` throws is a rejection too.
    new Promise<void>((resolve) => {
      resolve(connection.send("SUBSCRIBE", subscribePairs(subscription, connection.server, id), "", true, wait));
    }).then(
      () => {
        if (this.#connection === connection) this.#confirms = true;
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
    // A broker that answers no receipts may have it. Otherwise an ERROR named it, or this version of the protocol cannot say it.
    if (!(error instanceof ReceiptTimeoutError)) this.#host.refused(subscription, asError(error));
  }

  #passed(subscription: AnySubscription): void {
    if (!this.#onTrial.delete(subscription)) return;
    this.#deadlines.delete(subscription);
    this.#strikes.delete(subscription);
    if (this.#rest.size > 0) {
      this.#subscribeMore();
      if (this.#rest.size === 0) this.#host.tried();
    }
    if (this.#onTrial.size === 0) this.#tryNext();
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new TypeError(String(error));
}

/** The headers of SUBSCRIBE. */
export function subscribePairs(
  { destination, id, ack, terms: { headers, prefetch } }: AnySubscription,
  server: string | undefined,
  receipt: string | undefined,
): Pairs {
  const pairs: Pairs = [["destination", destination], ["id", id], ["ack", ack], ...headerPairs(headers)];
  for (const pair of prefetchHeaders(prefetch, server)) if (!hasHeader(headers, pair[0])) pairs.push(pair);
  if (receipt !== undefined) pairs.push(["receipt", receipt]);
  return pairs;
}
