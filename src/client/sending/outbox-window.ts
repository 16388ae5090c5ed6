/** The window of an outbox: the messages that are with the broker and not confirmed yet, never too many of them. */
import { ConnectionLostError, ServerError, type StompError } from "../../errors.js";
import { Deadlines } from "../../internal/deadlines.js";
import type { Connection } from "../connection/connection.js";
import type { ClientContext } from "../connection/context.js";
import { noReceipt } from "../connection/outgoing.js";
import type { SessionStart } from "../connection/session-part.js";
import { Suspects, answerOf, isAnswer } from "../connection/suspects.js";
import type { ResolvedOptions } from "../options/resolved-options.js";
import { type Entry, frameOf } from "./outbox-entry.js";

/** What a window needs of its outbox. */
export interface OutboxWindowHost {
  /** Take the message that is to be sent next, if it may be sent by now. */
  take(): Entry | undefined;
  /** These are to be sent again, before all others. */
  putBack(entries: readonly Entry[]): void;
  /** The RECEIPT came. */
  confirmed(entry: Entry): void;
  /** It is not to be sent again. */
  failed(entry: Entry, error: unknown): void;
}

/** How long sessions must keep ending without an ERROR before a message is blamed, in ms: brokers in trouble end them too. */
const LONGEST_DOUBT = 15_000;
/** After how many receipt time-outs a session is given up for a new one, at first and at most. */
const FIRST_PATIENCE = 2;
const MOST_PATIENCE = 64;
const DONE = Promise.resolve();

/**
 * Sends messages over the session that there is, as many at a time as are allowed. When a session ends as if in answer to what was
 * in flight, those messages are {@link Suspects}: they go one at a time in the next session, after the subscriptions, until they are
 * confirmed or given up. A session in which a receipt does not come for too long is given up for a new one: RabbitMQ never
 * confirms what a queue refused that had lost its leader.
 */
export class OutboxWindow {
  readonly #options: ResolvedOptions;
  readonly #start: SessionStart;
  readonly #host: OutboxWindowHost;
  /** In the order in which they were sent. */
  readonly #inFlight = new Set<Entry>();
  readonly #suspects = new Suspects<Entry>();
  readonly #lateness = new Deadlines<Entry>((entry) => {
    this.#late(entry);
  });
  #connection: Connection | undefined;
  /** The connection that must write first before more is sent. */
  #draining: Connection | undefined;
  #hasDrained = false;
  #isFilling = false;
  /** The last ERROR that named nothing in this session. */
  #lastError: ServerError | undefined;
  /** Whether an ERROR named a message in this session. */
  #hasRefused = false;
  /** How many receipt time-outs a session has. It grows: a broker that is short of memory confirms nothing for hours. */
  #patience = FIRST_PATIENCE;

  /** `start`: what is sent before all else in each session. */
  constructor({ options }: ClientContext, start: SessionStart, host: OutboxWindowHost) {
    this.#options = options;
    this.#start = start;
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
    this.#lastError = undefined;
    this.#hasRefused = false;
  }

  /** An ERROR came that names nothing. */
  serverError(error: ServerError): void {
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
    this.#suspects.clear(entry);
    if (!this.#inFlight.delete(entry)) return;
    this.#lateness.delete(entry);
    this.#connection?.abandonReceipt(entry.wait.id, reason);
  }

  /** Send what is next, as much as may be in flight. */
  fill(): void {
    if (this.#isFilling) return; // the answer came while a message was sent: the loop below goes on
    this.#isFilling = true;
    try {
      while (this.#sendNext());
    } finally {
      this.#isFilling = false;
    }
  }

  /** Returns whether there may be more to send. */
  #sendNext(): boolean {
    const connection = this.#connection;
    const most = this.#suspects.size > 0 ? 1 : this.#options.outbox.inFlight;
    if (connection?.isOpen !== true || this.#inFlight.size >= most || !this.#start.isDone) return false;
    // Either a subscription or a message may end the session, never both: otherwise both would be blamed.
    if ((this.#suspects.size > 0 && this.#start.isOnTrial) || this.#mustDrain(connection)) return false;
    const entry = this.#host.take();
    if (entry !== undefined) this.#send(connection, entry);
    return entry !== undefined;
  }

  /** Whether the transport must write first. A message that has failed leaves the window, but its bytes are still in the transport. */
  #mustDrain(connection: Connection): boolean {
    if (this.#draining === connection) return true;
    const mayPass = this.#hasDrained || !connection.isCrowded;
    this.#hasDrained = false; // one goes after each wait, so that a transport that has ended does not cause an endless loop
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
    entry.errorBefore = this.#lastError;
    entry.lates = 0;
    this.#inFlight.add(entry);
    try {
      void connection.send(frameOf(entry), { receipt: entry.wait.id, timeout: Infinity, waiter });
    } catch (error) {
      this.#inFlight.delete(entry); // no receipt is waited for
      this.#host.failed(entry, error); // a wrong argument, found only now
      return;
    }
    entry.wasSent = true;
    if (this.#inFlight.has(entry)) this.#lateness.set(entry, this.#options.receiptTimeout); // unless the answer came at once
  }

  #refused(entry: Entry, error: unknown): void {
    if (error instanceof ConnectionLostError) return; // the end of the session follows
    if (error instanceof ServerError) this.#hasRefused = true;
    this.#host.failed(entry, error);
  }

  /** A RECEIPT that is late may still come (RabbitMQ holds them back while it is short of memory), unless an ERROR came since. */
  #late(entry: Entry): void {
    const connection = this.#connection;
    if (connection?.isOpen !== true) return; // the session is about to end, and the next one sends it again
    const { receiptTimeout, reconnect } = this.#options;
    const { id } = entry.wait;
    const error = this.#lastError;
    if (error === undefined || error === entry.errorBefore) {
      // What is still being written is not late: a large body takes its time on a slow line.
      entry.lates = connection.isCrowded ? 0 : entry.lates + 1;
      this.#lateness.set(entry, receiptTimeout);
      if (reconnect !== false && entry.lates >= this.#patience) this.#giveUp(connection, entry);
      return;
    }
    const more = `, and an ERROR came since: ${error.message}`;
    this.#host.failed(entry, noReceipt(frameOf(entry), id, receiptTimeout, more, error));
  }

  /** Give up a session in which a receipt does not come: in another one, perhaps with another node of a cluster, it may. */
  #giveUp(connection: Connection, entry: Entry): void {
    const { id } = entry.wait;
    const time = entry.lates * this.#options.receiptTimeout;
    const cause = noReceipt(frameOf(entry), id, time);
    entry.wasGivenUp = true;
    this.#patience = Math.min(this.#patience * 2, MOST_PATIENCE);
    connection.abort(new ConnectionLostError(`the session was given up: ${cause.message}`, "unknown", { cause }));
  }

  /** The session has ended over what was in flight. */
  #blame(inFlight: readonly Entry[], reason: ConnectionLostError): void {
    const doubt = Math.min(this.#options.receiptTimeout, LONGEST_DOUBT);
    const guilty = this.#suspects.blame(inFlight, reason, !this.#start.isOnTrial, doubt);
    if (guilty !== undefined) this.#host.failed(guilty, answerOf(reason));
  }
}
