/** A message in the outbox. */
import type { Outcome } from "../errors.js";
import { type Deferred, deferred } from "../internal/deferred.js";
import type { ListNode } from "../internal/linked-list.js";
import type { StoredSend } from "../store.js";

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
  node: ListNode<Entry> | undefined;
  /** Whether it may be sent: the store has it, or there is none. */
  isKept: boolean;
  /** Settles when the store, which is adding it, has it or has not. */
  keeping: Promise<void> | undefined;
  /** Whether the broker may have it. */
  wasSent: boolean;
  /** How many sessions ended, as if in answer to it, while it was the only one in flight. */
  strikes: number;
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

/** What can truly be said of a message that nobody tries to send any longer. `isDurable`: there is a store. */
export function outcomeOf({ isKept, wasSent }: Entry, isDurable: boolean): Outcome {
  if (isDurable && isKept) return "kept";
  return wasSent ? "unknown" : "not-sent";
}

function entryOf(send: StoredSend, wait: EntryWait): Entry {
  return {
    send,
    wait,
    size: send.body.length,
    waiter: undefined,
    state: "waiting",
    node: undefined,
    isKept: false,
    keeping: undefined,
    wasSent: false,
    strikes: 0,
    errorsBefore: 0,
  };
}
