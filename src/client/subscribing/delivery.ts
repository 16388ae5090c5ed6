/**
 * Delivery: the life of one message in one session.
 *
 *     queued ──▶ decoding ──▶ handed-out ──▶ tentative ──▶ settled
 *        │  └─ without ──▶┘       └─ without ─────────▶┘
 *        │     a codec               a transaction
 *
 * A message that leaves the buffer unread is dropped, and nobody sees it again: in the mode auto by drop-oldest, or when its
 * subscription ends; it is counted, and status reports it.
 *
 * In ack modes every state before `settled` becomes `released` when the session or the subscription ends: the broker delivers the
 * message again (RabbitMQ after UNSUBSCRIBE only when the session ends). In the mode auto `handed-out` is the end. {@link NEXT} has all
 * transitions. Only {@link SessionDelivery} writes a state; everybody else asks it.
 */
import { InvalidStateError } from "../../errors.js";
import { type Connection, SENT } from "../connection/connection.js";
import { type Pairs, addHeaders, checkReceiptOptions, outgoing, wrongOptions } from "../connection/outgoing.js";
import type { Delivery, DeliveryState, Message, SettleOptions } from "../messages/message.js";
import type { SubscriptionTerms } from "./terms.js";

/** What a delivery needs of its subscription. */
export interface DeliveryHost extends Pick<SubscriptionTerms<unknown>, "id" | "destination" | "ack"> {
  /** Something was settled or released: it may be idle now. */
  checkIdle(): void;
}

type Event = "decode" | "handOut" | "settle" | "settleTentatively" | "commit" | "abort";

/** By state and event the next state. What is absent must not happen. */
export const NEXT: Readonly<Record<DeliveryState, Readonly<Partial<Record<Event, DeliveryState>>>>> = {
  // One that has no valid value is settled before it is handed out.
  queued: { decode: "decoding", handOut: "handed-out", settle: "settled", settleTentatively: "tentative" },
  decoding: { handOut: "handed-out", settle: "settled", settleTentatively: "tentative" },
  "handed-out": { settle: "settled", settleTentatively: "tentative" },
  tentative: { commit: "settled", abort: "handed-out" },
  settled: {},
};

/** What is settled in the mode `client`, where an ACK or NACK includes all messages before its own. Numbers count from 1 in a session. */
interface Covered {
  /** Everything up to this one. */
  readonly upTo: number;
  /** By NACKs: everything from the first to the last of these, if they are one run; otherwise it is not known what is between them. */
  readonly nackFrom: number;
  readonly nackTo: number;
  readonly nackRuns: number;
  /** The last ACK or NACK with a receipt. */
  readonly confirmed: { readonly upTo: number; readonly done: Promise<boolean> } | undefined;
}

const NOTHING: Covered = { upTo: 0, nackFrom: Infinity, nackTo: 0, nackRuns: 0, confirmed: undefined };
const TRUE = Promise.resolve(true);
const FALSE = Promise.resolve(false);

/** The error that says of a message why something cannot be done with it. */
function impossible({ messageId }: Message<unknown>, why = "was released: the broker delivers it again"): Error {
  return new InvalidStateError(`message ${messageId} ${why}`);
}

/** Headers of ACK and NACK that are made from the message and the options. */
const OWN_HEADERS = ["id", "message-id", "subscription", "transaction", "receipt"];

/** Decides the life of the messages that one subscription gets in one session. */
export class SessionDelivery implements Delivery {
  /** The connection that the messages came by. */
  readonly connection: Connection;
  readonly #host: DeliveryHost;
  /** How many messages the subscription had before this session. */
  readonly #before: number;
  #isLive = true;
  /** How many messages are handed out and not settled, in the mode `client-individual`. */
  #unsettled = 0;
  /** How many messages are settled in transactions that have not ended. */
  #tentative = 0;
  // The mode `client`:
  #handedUpTo = 0;
  #covered = NOTHING;
  /** The open transaction that has settled messages, and what was covered before it. */
  #open: { readonly transaction: string | undefined; readonly before: Covered } | undefined;
  /** The messages that were asked for their signal, and can still be released. */
  #signalled: Set<Message<unknown>> | undefined;

  /** `before`: how many messages the subscription had in earlier sessions. */
  constructor(connection: Connection, host: DeliveryHost, before: number) {
    this.connection = connection;
    this.#host = host;
    this.#before = before;
  }

  /** Whether messages can be settled: they are not released. */
  get isLive(): boolean {
    return this.#isLive;
  }

  /** How many messages are handed out and not settled. */
  get outstanding(): number {
    if (!this.#isLive) return 0;
    return this.#host.ack === "client" ? Math.max(0, this.#handedUpTo - this.#covered.upTo) : this.#unsettled;
  }

  /** Whether transactions that have not ended settle messages: their ACKs count only if the subscription lives until then. */
  get isTentative(): boolean {
    return this.#isLive && this.#tentative > 0;
  }

  decode(message: Message<unknown>): void {
    if (message.state === "queued") this.#move(message, "decode"); // the codec may have settled it
  }

  handOut(message: Message<unknown>): boolean {
    if (this.#host.ack === "auto") return true; // there is nothing more to decide
    // It may be released, or settled by whoever has it from the codec.
    if (!this.#isLive || NEXT[message.state].handOut === undefined) return false;
    this.#unsettled++;
    this.#handedUpTo = Math.max(this.#handedUpTo, this.#placeOf(message));
    this.#move(message, "handOut");
    return true;
  }

  /** The session or the subscription has ended: what is not settled is the broker's again. */
  release(reason: Error | undefined): void {
    if (!this.#isLive || this.#host.ack === "auto") return;
    this.#isLive = false;
    if (this.#open !== undefined) this.#covered = this.#open.before;
    this.#open = undefined;
    for (const message of this.#signalled ?? []) {
      if (!this.isSettled(message)) message.rare.abort?.abort(reason ?? impossible(message));
    }
    this.#signalled = undefined;
    this.#host.checkIdle();
  }

  isSettled(message: Message<unknown>): boolean {
    return this.#settledBy(message) !== undefined;
  }

  isDone(message: Message<unknown>): boolean {
    return !this.#isLive || (this.isSettled(message) && this.#openIn(message) === undefined);
  }

  signalOf(message: Message<unknown>): AbortSignal {
    let { abort } = message.rare;
    if (abort === undefined) {
      abort = new AbortController();
      message.rare = { ...message.rare, abort };
      if (!this.isDone(message)) {
        if (this.#host.ack !== "auto") (this.#signalled ??= new Set()).add(message);
      } else if (!this.isSettled(message)) abort.abort(impossible(message));
    }
    return abort.signal;
  }

  settle(
    command: "ACK" | "NACK",
    message: Message<unknown>,
    options: SettleOptions,
    session?: unknown,
  ): Promise<boolean> {
    const wrong = wrongOptions(options);
    if (wrong !== undefined) return wrong;
    try {
      checkReceiptOptions(options);
      const openIn = this.#openIn(message);
      // It would be settled twice when that transaction is committed.
      if (openIn !== undefined && openIn !== options.transaction) {
        throw impossible(message, `is settled in transaction ${openIn}, or after one that is: that must end first`);
      }
      const was = this.#settledBy(message);
      if (was !== undefined) return this.#again(command, was, message, options);
      const { ack, id } = this.#host;
      if (ack === "auto") {
        if (command === "ACK") return TRUE;
        throw new InvalidStateError(`NACK needs an ack mode, subscription ${id} has "auto"`);
      }
      if (command === "NACK" && this.connection.version === "1.0") {
        throw new InvalidStateError("NACK needs STOMP 1.1, the session is of 1.0");
      }
      const isTentative = session !== undefined;
      if (!this.#isLive || !this.connection.isOpen) {
        if (isTentative) throw impossible(message);
        return FALSE;
      }
      if (isTentative && session !== this.connection) {
        throw impossible(message, "and the transaction are not of the same session");
      }
      return this.#send(command, message, options, isTentative);
    } catch (error) {
      return Promise.reject(error); // what was thrown above, or the signal's reason, untouched
    }
  }

  decide(message: Message<unknown>, isCommitted: boolean): void {
    if (message.state !== "tentative" || !this.#isLive) return;
    this.#move(message, isCommitted ? "commit" : "abort");
    this.#tentative--;
    const { abort, confirmed } = message.rare;
    message.rare = isCommitted ? { abort, confirmed } : { abort };
    if (!isCommitted) {
      message.settledBy = undefined;
      this.#unsettled++;
      if (this.#open !== undefined) this.#covered = this.#open.before;
    }
    this.#open = undefined;
    this.#forgetSignals(message);
    this.#host.checkIdle();
  }

  #move(message: Message<unknown>, event: Event): void {
    const next = NEXT[message.state][event];
    if (next === undefined) throw new InvalidStateError(`a message that is ${message.state} cannot ${event}`);
    message.state = next;
  }

  #placeOf(message: Message<unknown>): number {
    return message.sequence - this.#before;
  }

  /** What settled a message, by itself or together with a later one. */
  #settledBy(message: Message<unknown>): "ACK" | "NACK" | "either" | undefined {
    if (message.settledBy !== undefined) {
      // What was done in a transaction that did not end in time is undone.
      return message.state === "tentative" && !this.#isLive ? undefined : message.settledBy;
    }
    const { upTo, nackFrom, nackTo, nackRuns } = this.#covered;
    const place = this.#placeOf(message);
    if (place > upTo) return undefined;
    if (place < nackFrom || place > nackTo) return "ACK";
    return nackRuns === 1 ? "NACK" : "either";
  }

  /** The open transaction that a message is settled in, or that must end before it can be settled. */
  #openIn(message: Message<unknown>): string | undefined {
    return this.#isLive ? (this.#open?.transaction ?? message.rare.openIn) : undefined;
  }

  #again(
    command: "ACK" | "NACK",
    was: "ACK" | "NACK" | "either",
    message: Message<unknown>,
    { receipt }: SettleOptions,
  ): Promise<boolean> {
    const own = message.settledBy !== undefined;
    if (was !== command) {
      throw impossible(message, `was settled before, ${own ? `by ${was}` : "together with a later one"}`);
    }
    if (!receipt) return TRUE;
    const { confirmed } = this.#covered;
    const later = !own && this.#placeOf(message) <= (confirmed?.upTo ?? 0) ? confirmed?.done : undefined;
    const done = message.rare.confirmed ?? later;
    if (done === undefined) throw impossible(message, "was settled before, without a receipt");
    return done;
  }

  #send(
    command: "ACK" | "NACK",
    message: Message<unknown>,
    options: SettleOptions,
    isTentative: boolean,
  ): Promise<boolean> {
    const { ack, destination } = this.#host;
    const sent = this.connection.send(outgoing(command, destination, this.#pairs(command, message, options)), options);
    const done = sent === SENT ? TRUE : sent.then(() => true);
    if (message.state === "handed-out") this.#unsettled--;
    this.#move(message, isTentative ? "settleTentatively" : "settle");
    message.settledBy = command;
    const { receipt, transaction } = options;
    const confirmed = receipt ? done : undefined;
    if (confirmed !== undefined || isTentative) {
      message.rare = { ...message.rare, confirmed, openIn: isTentative ? transaction : undefined };
    }
    if (isTentative) {
      this.#tentative++;
      if (ack === "client") this.#open ??= { transaction, before: this.#covered };
    }
    if (ack === "client") this.#cover(command, this.#placeOf(message), confirmed);
    this.#forgetSignals(message);
    this.#host.checkIdle();
    return done;
  }

  /** In the mode `client`: everything up to a place is settled. */
  #cover(command: "ACK" | "NACK", place: number, done: Promise<boolean> | undefined): void {
    const { upTo, nackFrom, nackTo, nackRuns, confirmed } = this.#covered;
    const isNack = command === "NACK";
    this.#covered = {
      upTo: place,
      nackFrom: isNack ? Math.min(nackFrom, upTo + 1) : nackFrom,
      nackTo: isNack ? place : nackTo,
      nackRuns: isNack && !(nackRuns > 0 && nackTo === upTo) ? nackRuns + 1 : nackRuns,
      confirmed: done === undefined ? confirmed : { upTo: place, done },
    };
  }

  /** Signals of what is done never abort: of a message, or in the mode `client` of all. */
  #forgetSignals(message: Message<unknown>): void {
    if (this.#signalled === undefined) return;
    const concerned = this.#host.ack === "client" ? this.#signalled : [message];
    for (const one of concerned) if (this.isDone(one)) this.#signalled.delete(one);
  }

  #pairs(command: "ACK" | "NACK", message: Message<unknown>, { transaction, headers }: SettleOptions): Pairs {
    const pairs: Pairs = [];
    if (this.connection.version === "1.2") {
      // STOMP 1.2, "ACK": the id is that of the `ack` header of the MESSAGE.
      pairs.push(["id", message.headers.get("ack") ?? message.messageId]);
    } else {
      // 1.0 does not require the subscription. Without it ActiveMQ Classic counts a message that an earlier subscription of the
      // session gave back as on its way for ever, and sends one less ahead.
      pairs.push(["message-id", message.messageId], ["subscription", this.#host.id]);
    }
    if (transaction !== undefined) pairs.push(["transaction", transaction]);
    addHeaders(pairs, headers, command, OWN_HEADERS);
    return pairs;
  }
}
