/** A message in the outbox. */
import type { Outcome } from "../errors.js";
import { type Deferred, deferred } from "../internal/deferred.js";
import type { StoredSend } from "../store.js";

/** How long, and until what, a message is to be tried. */
export interface EntryWait {
  /** The id of its receipt, where the caller gives one. */
  readonly receipt: string | undefined;
  /** In ms from the call on; absent: for ever. */
  readonly timeout: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A message, and what is known of it. */
export interface Entry {
  readonly send: StoredSend;
  readonly wait: EntryWait;
  readonly size: number;
  /** Whoever waits for it; nobody for one of an earlier process. */
  waiter: Deferred<void> | undefined;
  /** Whether the store has it: then it may be sent. */
  isStored: boolean;
  /** Whether it is still to be sent or confirmed. */
  isLive: boolean;
  /** Whether it may have reached the broker in an earlier session. */
  outcome: Outcome;
  /** How many sessions in a row ended while it was the only one in flight. */
  strikes: number;
}

/** A message that a caller sends. */
export function entryOf(key: string, send: Omit<StoredSend, "key">, wait: EntryWait): Entry {
  return { ...storedEntry({ ...send, key }), wait, waiter: deferred<void>(), isStored: false };
}

/** A message that a store kept: perhaps it was sent before the crash. */
export function storedEntry(send: StoredSend): Entry {
  const wait = { receipt: undefined, timeout: undefined, signal: undefined };
  const size = send.body.length;
  return { send, wait, size, waiter: undefined, isStored: true, isLive: true, outcome: "not-sent", strikes: 0 };
}

/** What can truly be said of a message that is given up. */
export function outcomeOf(entry: Entry, isDurable: boolean): Outcome {
  return isDurable && entry.isStored ? "kept" : entry.outcome;
}
