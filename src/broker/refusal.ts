/** Why the broker answers a frame with ERROR. */

/** What a refusal is about, as far as dialects differ in what they make of it. */
export type RefusalReason =
  /** CONNECT is not let in. */
  | "connect"
  /** CONNECT accepts no version that the broker speaks. */
  | "version"
  /** The destination is empty. */
  | "empty-destination"
  /** The destination has no prefix that the broker knows. */
  | "unknown-destination"
  /** The id of a SUBSCRIBE is in use. */
  | "duplicate-subscription"
  /** UNSUBSCRIBE names no subscription. */
  | "unknown-subscription"
  /** ACK or NACK names no message of a subscription that there is; or a message is for none. */
  | "unknown-message"
  /** ACK or NACK names a message that needs none any more. */
  | "settled-message"
  /** There is no such transaction, or one already. */
  | "transaction"
  /** The broker ended a subscription. */
  | "cancelled";

/** Thrown by what handles a frame; the connection makes an ERROR of it. It never leaves the broker. */
export class Refusal extends Error {
  static {
    this.prototype.name = "Refusal";
  }
  /** Absent: nothing that dialects differ in. */
  readonly reason: RefusalReason | undefined;

  constructor(message: string, reason?: RefusalReason) {
    super(message);
    this.reason = reason;
  }
}

const LONGEST = 100;

/** Show a name of the client's in a message: in quotes, short, and without anything that a header cannot have. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
}
