/** A message in the outbox. */
import { ConnectionLostError, type ReceiptTimeoutError, type ServerError, type StompError } from "../../errors.js";
import { type Deferred, deferred } from "../../internal/deferred.js";
import type { ListNode } from "../../internal/linked-list.js";
import type { StoredSend } from "../../store.js";
import { type Outgoing, type Pairs, nameOf, noReceipt, outgoing } from "../connection/outgoing.js";

/** How long, and until which signal, a message is tried. */
export interface EntryWait {
  /** The id of its receipt, in each session. */
  readonly id: string;
  /** In ms from the call on; may be `Infinity`. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** A message, and what is known of it. */
export interface Entry {
  readonly send: StoredSend;
  readonly wait: EntryWait;
  /** The length of its body. */
  readonly size: number;
  /** The call that waits for it; `undefined` once that is settled, and for a message that the store kept. */
  waiter: Deferred<void> | undefined;
  /** It waits outside because there is no room, is inside and not yet sent in this session, is with the broker, or is done. */
  state: "waiting" | "unsent" | "in-flight" | "over";
  /** Its place in the list of its state. */
  place: ListNode<Entry> | undefined;
  /** Whether it may be sent: the store has it, or there is none. */
  isKept: boolean;
  /** Settles when the store, which is adding it, is done with that. */
  keeping: Promise<void> | undefined;
  /** Whether the broker may have it. */
  wasSent: boolean;
  /** How many times the receipt time-out has passed since it was sent in this session. */
  lates: number;
  /** Whether a session was given up because its receipt did not come. */
  wasGivenUp: boolean;
  /** The last ERROR that had come when it was sent, and named nothing. */
  errorBefore: ServerError | undefined;
}

/** A message that a caller sends. */
export function sentEntry(send: StoredSend, wait: EntryWait): Entry {
  return entryOf(send, wait, deferred<void>());
}

/** A message that a store kept, which may have been sent before. `receipt`: the id of its receipt. */
export function keptEntry(send: StoredSend, receipt: string): Entry {
  const wait = { id: receipt, timeout: Infinity, signal: undefined };
  return entryOf(send, wait, undefined);
}

/** The SEND of a message; its receipt is yet to be added. */
export function frameOf({ send: { destination, headers, body, contentLength } }: Entry): Outgoing {
  const pairs: Pairs = [["destination", destination], ...headers];
  return { ...outgoing("SEND", destination, pairs, body, contentLength), ownsBody: true };
}

/** The error of a message whose time is over. */
export function expiredError(entry: Entry): ReceiptTimeoutError {
  const { id, timeout } = entry.wait;
  const how = entry.wasSent ? "" : "; it was not sent";
  return noReceipt(frameOf(entry), id, timeout, how);
}

/** The error of a message when there will be no more session. `isDurable`: there is a store. */
export function lostError(entry: Entry, isDurable: boolean, reason: StompError | undefined): ConnectionLostError {
  const { isKept, keeping, wasSent } = entry;
  // What a store has not answered for may be in it, and then goes out later.
  const outcome = isDurable && isKept ? "kept" : wasSent || keeping !== undefined ? "unknown" : "not-sent";
  const why = reason?.message ?? "the client ended the session";
  return new ConnectionLostError(`${nameOf(frameOf(entry))} was not confirmed: ${why}`, outcome, { cause: reason });
}

/** Without a `waiter` it comes from the store. */
function entryOf(send: StoredSend, wait: EntryWait, waiter: Deferred<void> | undefined): Entry {
  const isKept = waiter === undefined;
  return {
    send,
    wait,
    size: send.body.length,
    waiter,
    state: "waiting",
    place: undefined,
    isKept,
    keeping: undefined,
    wasSent: isKept,
    lates: 0,
    wasGivenUp: false,
    errorBefore: undefined,
  };
}
