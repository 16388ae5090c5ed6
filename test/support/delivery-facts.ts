/** What is known of messages, and of all that decides about them. */
import type { AckMode, Message } from "../../src/client/messages/message.js";
import type { Subscription } from "../../src/client/subscribing/subscription.js";

/** What a handler, a codec or a policy will do with a message. */
export interface Plan {
  readonly codec: "ok" | "bad" | "later" | "acks" | "acks-later";
  readonly act: "nothing" | "ack" | "nack" | "ack-last" | "unsubscribe" | "disconnect" | "reconnect";
  readonly ends: "return" | "throw" | "later";
}

/** What a subscription is asked to be. */
export interface ModelTerms {
  readonly id: string;
  readonly destination: string;
  readonly ack: AckMode;
  readonly hasHandler: boolean;
  readonly hasCodec: boolean;
  readonly concurrency: number;
  readonly invalid: "nack" | "fail" | "policy";
  readonly whenSlow: "fail" | "drop-oldest";
  /** How many may be unread. */
  readonly most: number;
  readonly prefetch: number | undefined;
}

/** A receipt of an ACK or NACK. */
export interface ModelReceipt {
  readonly id: string;
  readonly session: number;
  readonly due: number;
  /** In whose name it is waited for. */
  readonly tx: ModelTransaction | undefined;
  /** What `message.ack()` with it comes to. */
  end: string | undefined;
}

export interface ModelTransaction {
  readonly id: string;
  readonly session: number;
  state: "open" | "finished" | "abandoned";
}

export interface ModelMessage {
  readonly key: string;
  readonly id: string;
  readonly ackHeader: string | undefined;
  readonly sub: ModelSubscription;
  readonly session: number;
  /** In its subscription and session, from 1. */
  readonly place: number;
  readonly plan: Plan;
  where: "unread" | "decoding" | "decoded" | "invalid" | "out" | "gone";
  by: "ACK" | "NACK" | undefined;
  /** Whether a frame named it, and not only a later one. */
  isOwn: boolean;
  receipt: ModelReceipt | undefined;
  /** The open transaction that it is settled in. */
  tx: ModelTransaction | undefined;
  isReleased: boolean;
  /** It was settled before it was handed out, by whoever has it from the codec: it is not handed out any more. */
  isTouched: boolean;
  wasHandedOut: boolean;
  real: Message<unknown> | undefined;
  signal: AbortSignal | undefined;
}

/** A call of `next`; `got` is a message, or how it ends. */
export interface ModelReader {
  got: ModelMessage | "done" | "rejected" | undefined;
}

export interface ModelSubscription {
  readonly terms: ModelTerms;
  readonly messages: ModelMessage[];
  /** The ACKs and NACKs that stand. */
  frames: { readonly last: ModelMessage; readonly receipt: ModelReceipt | undefined }[];
  running: number;
  readonly readers: ModelReader[];
  /** What its reader may still work on. */
  reading: ModelMessage[];
  state: "live" | "draining" | "ended";
  /** It is about to end, and waits for handlers and transactions until this time. */
  leavesAt: number | undefined;
  /** Why it is about to end, if it was not meant to. */
  failure: { readonly reason: unknown; readonly dropUnread: boolean } | undefined;
  /** Whether it got messages in this session that can still be settled, or could have been. */
  isFed: boolean;
  /** Nothing more is handed out, not even what is being decoded. */
  isOver: boolean;
  /** Whether status was told that a reader waits in vain. */
  isUsedUp: boolean;
  /** The client has ended: what still runs is not waited for. */
  isForgotten: boolean;
  /** `disconnect` has found nothing to wait for. In the mode auto more may come then, for which it does not wait. */
  hasDrained: boolean;
  reason: unknown;
  real: Subscription<unknown> | undefined;
}

/** What a call to settle must do: the frame that it must send, and what its promise comes to (`undefined`: nothing yet). */
export interface Expected {
  readonly frame: string | undefined;
  readonly end: () => string | undefined;
}

export const nothing = (end: string): Expected => ({ frame: undefined, end: () => end });

export const RECEIPT_TIMEOUT = 400;
