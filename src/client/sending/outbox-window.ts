/** The window of an outbox: the messages that are with the broker and not confirmed yet, never too many of them. */
import { ConnectionLostError, ReceiptTimeoutError, ServerError, type StompError } from "../../errors.js";
import { Deadlines } from "../../internal/deadlines.js";
import { answerOf, isAnswer } from "../connection/blame.js";
import type { Connection } from "../connection/connection.js";
import type { Entry } from "./outbox-entry.js";

/** What a window needs of its outbox. */
export interface OutboxWindowHost {
  /** How many may be in flight. */
  readonly most: number;
  /** After how long a receipt is late, in ms. */
  readonly receiptTimeout: number;
  /** Whether another session follows one that is given up. */
  readonly renews: boolean;
  /** Whether the session may end because of a subscription. */
  isResubscribing(): boolean;
  /** Whether what is sent has to wait for SUBSCRIBEs. */
  isHeld(): boolean;
  /** Take the message that is to be sent next, if it may be sent by now. */
  take(): Entry | undefined;
  /** These are to be sent again, before all others. */
  putBack(entries: readonly Entry[]): void;
  /** The RECEIPT came. */
  confirmed(entry: Entry): void;
  /** It is not to be sent again. */
  failed(entry: Entry, error: unknown): void;
}

/** So often a session must end because of a message. */
const MOST_STRIKES = 3;
/** For so long, in ms, sessions must end without a word before that is because of a message: brokers in trouble close them too. */
const LONGEST_DOUBT = 15_000;
/** After how many times the time of a receipt a session is given up for a fresh one, at first and at most. */
const FIRST_PATIENCE = 2;
const MOST_PATIENCE = 64;
const DONE = Promise.resolve();

/**
 * Sends messages over the session that there is, as many at a time as may be. When a session ends as if in answer to what was
 * in flight, those go one at a time in the next, and after the subscriptions, until they are confirmed; who is alone in
 * flight when three sessions end is rejected, and the others get through. A session in which a receipt stays out for too long is
 * given up: RabbitMQ never confirms what a queue refused that had lost its leader.
 */
export class OutboxWindow {
  readonly #host: OutboxWindowHost;
  /** In the order in which they were sent. */
  readonly #inFlight = new Set<Entry>();
  /** Those that were in flight when a session ended over one of them, and are not confirmed since. */
  readonly #suspects = new Set<Entry>();
  readonly #lateness = new Deadlines<Entry>((entry) => {
    this.#late(entry);
  });
  #connection: Connection | undefined;
  /** The connection that has so much to write that it is waited for. */
  #draining: Connection | undefined;
  #hasDrained = false;
  /** How many ERRORs came in this session that named nothing, and the last of them. */
  #errors = 0;
  #lastError: ServerError | undefined;
  /** Whether an ERROR named a message in this session. */
  #hasRefused = false;
  /** How many times the time of a receipt the next one is waited for. It grows: a broker that is short of memory confirms nothing for hours. */
  #patience = FIRST_PATIENCE;

  constructor(host: OutboxWindowHost) {
    this.#host = host;
  }

  /** How many are in flight. */
  get size(): number {
    return this.#inFlight.size;
  }

  /** There is a session. */
  established(connection: Connection): void {
    this.#connection = connection;
    this.#draining = undefined;
    this.#errors = 0;
    this.#lastError = undefined;
    this.#hasRefused = false;
  }

  /** An ERROR came that names nothing. */
  serverError(error: ServerError): void {
    this.#errors++;
    this.#lastError = error;
  }

  /** The session has ended. */
  interrupted(reason: StompError | undefined): void {
    this.#connection = undefined;
    this.#lateness.clear();
    const inFlight = [...this.#inFlight];
    this.#inFlight.clear();
    this.#host.putBack(inFlight);
    // A broker that names what it refuses has ended the session over that.
    if (isAnswer(reason) && !this.#hasRefused) this.#blame(inFlight, reason);
  }

  /** Nobody waits for it any longer. */
  forget(entry: Entry, reason: unknown): void {
    this.#suspects.delete(entry);
    if (!this.#inFlight.delete(entry)) return;
    this.#lateness.delete(entry);
    this.#connection?.abandonReceipt(entry.wait.id, reason);
  }

  /** Send what is next, as much as may be in flight. */
  fill(): void {
    for (;;) {
      const connection = this.#connection;
      const most = this.#suspects.size > 0 ? 1 : this.#host.most;
      if (connection?.isOpen !== true || this.#inFlight.size >= most) return;
      if (this.#host.isHeld()) return;
      // What ends the session must be one or the other: otherwise both would be blamed.
      if (this.#suspects.size > 0 && this.#host.isResubscribing()) return;
      if (this.#mustDrain(connection)) return;
      const entry = this.#host.take();
      if (entry === undefined) return;
      this.#send(connection, entry);
    }
  }

  /** Whether so much is to be written that it is waited for: what is given up leaves the window, but not the transport. */
  #mustDrain(connection: Connection): boolean {
    if (this.#draining === connection) return true;
    const mayPass = this.#hasDrained || !connection.isCrowded;
    this.#hasDrained = false; // at least one goes after each wait: a transport that has ended is no endless loop
    if (mayPass) return false;
    this.#draining = connection;
    void connection.drained().then(() => {
      if (this.#draining !== connection) return;
      this.#draining = undefined;
      this.#hasDrained = true;
      this.fill();
    });
    return true;
  }

  #send(connection: Connection, entry: Entry): void {
    const { destination, headers, body, contentLength } = entry.send;
    const { id, what } = entry.wait;
    const waiter = {
      promise: DONE,
      resolve: () => {
        if (entry.wasGivenUp || this.#inFlight.size === 1) this.#patience = FIRST_PATIENCE;
        this.#host.confirmed(entry);
      },
      reject: (error: unknown) => {
        this.#refused(entry, error);
      },
    };
    entry.state = "in-flight";
    entry.errorsBefore = this.#errors;
    entry.lates = 0;
    this.#inFlight.add(entry);
    try {
      const pairs = [["destination", destination], ...headers, ["receipt", id]] as const;
      const wait = { id, what, timeout: Infinity, signal: undefined, waiter };
      void connection.send("SEND", pairs, body, contentLength, wait);
    } catch (error) {
      this.#inFlight.delete(entry); // no receipt is waited for
      this.#host.failed(entry, error); // a wrong argument, found only now
      return;
    }
    entry.wasSent = true;
    this.#lateness.set(entry, this.#host.receiptTimeout);
  }

  #refused(entry: Entry, error: unknown): void {
    if (error instanceof ConnectionLostError) return; // the end of the session follows
    if (error instanceof ServerError) this.#hasRefused = true;
    this.#host.failed(entry, error);
  }

  /** A RECEIPT that is late comes yet (RabbitMQ holds them back for want of memory), unless the broker has complained since. */
  #late(entry: Entry): void {
    const connection = this.#connection;
    if (connection?.isOpen !== true) return; // the session is about to end, and the next one sends it again
    const { receiptTimeout, renews } = this.#host;
    const { id, what } = entry.wait;
    const error = this.#lastError;
    if (error === undefined || entry.errorsBefore === this.#errors) {
      // What is still on its way out is not late: a large body takes its time on a thin line.
      entry.lates = connection.isCrowded ? 0 : entry.lates + 1;
      this.#lateness.set(entry, receiptTimeout);
      if (renews && entry.lates >= this.#patience) this.#giveUp(connection, entry);
      return;
    }
    const message = `no receipt of ${what} within ${receiptTimeout} ms, and an ERROR came since: ${error.message}`;
    this.#host.failed(entry, new ReceiptTimeoutError(message, id, receiptTimeout, { cause: error }));
  }

  /** Give a session up in which a receipt stays out: in another one, perhaps with another node of a cluster, it comes. */
  #giveUp(connection: Connection, entry: Entry): void {
    const { id, what } = entry.wait;
    const time = entry.lates * this.#host.receiptTimeout;
    const cause = new ReceiptTimeoutError(`no receipt of ${what} within ${time} ms`, id, time);
    entry.wasGivenUp = true;
    this.#patience = Math.min(this.#patience * 2, MOST_PATIENCE);
    connection.abort(
      new ConnectionLostError(`the session is given up for a fresh one: ${cause.message}`, "unknown", { cause }),
    );
  }

  /** The session has ended over what was in flight. */
  #blame(inFlight: readonly Entry[], reason: ConnectionLostError): void {
    for (const entry of inFlight) this.#suspects.add(entry);
    const [only] = inFlight;
    if (only === undefined || inFlight.length > 1 || this.#host.isResubscribing()) return;
    only.strikes++;
    if (only.strikes === 1) only.struckAt = performance.now();
    if (only.strikes < MOST_STRIKES) return;
    const answer = answerOf(reason);
    const doubt = Math.min(this.#host.receiptTimeout, LONGEST_DOUBT);
    const isSure = answer instanceof ServerError || performance.now() - only.struckAt >= doubt;
    if (isSure) this.#host.failed(only, answer);
  }
}
