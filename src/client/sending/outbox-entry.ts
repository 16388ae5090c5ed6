/** A message in the outbox. */
import { ConnectionLostError, ReceiptTimeoutError, type StompError } from "../../errors.js";
import { type Deferred, deferred } from "../../internal/deferred.js";
import type { ListNode } from "../../internal/linked-list.js";
import type { StoredSend } from "../../store.js";

/** How long, and until what, a message is tried. */
export interface EntryWait {
  /** The id of its receipt, in each session. */
  readonly id: string;
  /** Names it in messages. */
  readonly what: string;
  /** In ms from the call on; perhaps `Infinity`. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** A message, and what is known of it. */
export interface Entry {
  readonly send: StoredSend;
  readonly wait: EntryWait;
  /** The length of its body. */
  readonly size: number;
  /** Whoever waits for it; nobody once that is told, or for one that the store kept. */
  waiter: Deferred<void> | undefined;
  /** Where it is: outside for want of room, yet to be sent in this session, with the broker, or done with. */
  state: "waiting" | "unsent" | "in-flight" | "over";
  /** Its place among those that are where it is. */
  place: ListNode<Entry> | undefined;
  /** Whether it may be sent: the store has it, or there is none. */
  isKept: boolean;
  /** Settles when the store, which is adding it, has it or has not. */
  keeping: Promise<void> | undefined;
  /** Whether the broker may have it. */
  wasSent: boolean;
  /** How many sessions ended, as if in answer to it, while it was the only one in flight. */
  strikes: number;
  /** When the first of them did, in ms of `performance.now()`. */
  struckAt: number;
  /** How many times the time of a receipt it has waited for its own, in this session. */
  lates: number;
  /** Whether a session was given up because its receipt did not come. */
  wasGivenUp: boolean;
  /** How many ERRORs had come in the session when it was sent. */
  errorsBefore: number;
}

/** A message that a caller sends. */
export function sentEntry(send: StoredSend, wait: EntryWait): Entry {
  return { ...entryOf(send, wait), waiter: deferred<void>() };
}

/** A message that a store kept: perhaps it was sent before. `receipt`: the id of its receipt. */
export function keptEntry(send: StoredSend, receipt: string): Entry {
  const wait = { id: receipt, what: `SEND to ${send.destination}`, timeout: Infinity, signal: undefined };
  return { ...entryOf(send, wait), isKept: true, wasSent: true };
}

/** The error of a message whose time is over. */
export function expiredError({ wait: { id, what, timeout }, wasSent }: Entry): ReceiptTimeoutError {
  const how = wasSent ? "" : "; it was not sent";
  return new ReceiptTimeoutError(`no receipt of ${what} within ${timeout} ms${how}`, id, timeout);
}

/** The error of a message that there will be no session for: what can truly be said of it. `isDurable`: there is a store. */
export function lostError(entry: Entry, isDurable: boolean, reason: StompError | undefined): ConnectionLostError {
  const { isKept, wasSent, wait } = entry;
  const outcome = isDurable && isKept ? "kept" : wasSent ? "unknown" : "not-sent";
  const why = reason?.message ?? "the client has disconnected";
  const cause = reason === undefined ? {} : { cause: reason };
  return new ConnectionLostError(`${wait.what} was not confirmed: ${why}`, outcome, cause);
}

function entryOf(send: StoredSend, wait: EntryWait): Entry {
  return {
    send,
    wait,
    size: send.body.length,
    waiter: undefined,
    state: "waiting",
    place: undefined,
    isKept: false,
    keeping: undefined,
    wasSent: false,
    strikes: 0,
    struckAt: 0,
    lates: 0,
    wasGivenUp: false,
    errorsBefore: 0,
  };
}
