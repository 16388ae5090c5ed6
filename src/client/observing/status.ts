/** What a client reports of itself. */
import type { ServerError, StompError } from "../../errors.js";
import type { Message } from "../messages/message.js";
import type { SessionInfo } from "./session-info.js";

/** Something that happened to a client; `type` tells which. */
export type Status =
  | ConnectingStatus
  | ConnectedStatus
  | DisconnectingStatus
  | DisconnectedStatus
  | ReconnectingStatus
  | ServerErrorStatus
  | HandlerErrorStatus
  | SubscriptionRefusedStatus
  | SubscriptionFailedStatus
  | InvalidMessageStatus
  | MessageDroppedStatus
  | SlowConsumerStatus
  | PrefetchUsedUpStatus
  | HeartBeatStatus
  | HeartBeatMissedStatus
  | UnsentMessageStatus
  | StoreErrorStatus;

/** Is called with what happens. An error that it throws becomes an unhandled rejection, and affects nothing else. */
export type StatusListener = (status: Status) => void;

/** An attempt to connect to a target has begun. */
export interface ConnectingStatus {
  /** Tells this status from the others. */
  readonly type: "connecting";
  /** The address, without credentials. */
  readonly target: string;
  /** 0 for the first attempt, then counted as in {@link ReconnectPolicy}. */
  readonly attempt: number;
}

/** A session is established. */
export interface ConnectedStatus extends SessionInfo {
  /** Tells this status from the others. */
  readonly type: "connected";
}

/** `disconnect` was called: what is pending is waited for, and attempts to connect stop. */
export interface DisconnectingStatus {
  /** Tells this status from the others. */
  readonly type: "disconnecting";
}

/** The session has ended, or no session came about. */
export interface DisconnectedStatus {
  /** Tells this status from the others. */
  readonly type: "disconnected";
  /** Why. `undefined` after `disconnect` and `reconnect`. */
  readonly reason: StompError | undefined;
  /** Whether the client tries for another session. */
  readonly reconnects: boolean;
}

/**
 * The next attempt to connect starts after a delay: earlier when `reconnect` is called, or when a page sees a sign that the network is
 * back.
 */
export interface ReconnectingStatus {
  /** Tells this status from the others. */
  readonly type: "reconnecting";
  /** The number of the attempt to come, from 1. */
  readonly attempt: number;
  /** In ms. */
  readonly delay: number;
  /** What went wrong last. */
  readonly error: StompError;
}

/** The broker sent an ERROR that concerns no call and no subscription. The session goes on unless the broker ends it. */
export interface ServerErrorStatus {
  /** Tells this status from the others. */
  readonly type: "server-error";
  /** The ERROR. */
  readonly error: ServerError;
}

/** A message handler threw or rejected. That concerns its message alone. Without a listener it becomes an unhandled rejection. */
export interface HandlerErrorStatus {
  /** Tells this status from the others. */
  readonly type: "handler-error";
  /** What went wrong. */
  readonly error: unknown;
  /** The destination that it concerns. */
  readonly destination: string;
}

/** The broker ended several sessions in a row because of this SUBSCRIBE, or refused it by name: the subscription has ended. */
export interface SubscriptionRefusedStatus {
  /** Tells this status from the others. */
  readonly type: "subscription-refused";
  /** Why. */
  readonly error: Error;
  /** The destination that it concerns. */
  readonly destination: string;
}

/**
 * A subscription has ended without `unsubscribe`: the broker cancelled it, it was not read fast enough, or (with `invalid: "fail"`) a
 * message had no valid value. Its reader gets the same `error`. Without a listener it becomes a warning on the console, if the
 * subscription has a handler.
 */
export interface SubscriptionFailedStatus {
  /** Tells this status from the others. */
  readonly type: "subscription-failed";
  /** Why. */
  readonly error: Error;
  /** The id of the subscription. */
  readonly subscription: string;
  /** The destination that it concerns. */
  readonly destination: string;
}

/** The codec of a subscription could not make a value of a message. Without a listener it becomes a warning on the console. */
export interface InvalidMessageStatus {
  /** Tells this status from the others. */
  readonly type: "invalid-message";
  /** What went wrong. */
  readonly error: unknown;
  /** The destination that it concerns. */
  readonly destination: string;
  /** The message. */
  readonly message: Message<unknown>;
}

/** Messages were dropped: one came for a subscription that does not exist (any more), or some were unread when a subscription in the mode `auto` ended. */
export interface MessageDroppedStatus {
  /** Tells this status from the others. */
  readonly type: "message-dropped";
  /** The id of the subscription, as in the messages' `subscription` header. */
  readonly subscription: string | undefined;
  /** How many were unread; otherwise how many came for no subscription so far. */
  readonly count: number;
}

/**
 * A subscription is not read fast enough, and a message was dropped: its oldest unread one, or with `whenSlow: "fail"` the one that
 * came, and the subscription ends.
 */
export interface SlowConsumerStatus {
  /** Tells this status from the others. */
  readonly type: "slow-consumer";
  /** The id of the subscription. */
  readonly subscription: string;
  /** The destination that it concerns. */
  readonly destination: string;
  /** How many of its messages were dropped so far. */
  readonly count: number;
}

/**
 * A reader waits for a message, or a handler has nothing to do, but the broker sends no more: as many messages as
 * {@link SubscribeOptions.prefetch} says are handed out, and not acknowledged. Reported once each time that happens.
 */
export interface PrefetchUsedUpStatus {
  /** Tells this status from the others. */
  readonly type: "prefetch-used-up";
  /** The id of the subscription. */
  readonly subscription: string;
  /** The destination that it concerns. */
  readonly destination: string;
  /** The option. */
  readonly prefetch: number;
}

/** A heart-beat of the broker came. Frames are signs of life too, but are not reported here. */
export interface HeartBeatStatus {
  /** Tells this status from the others. */
  readonly type: "heart-beat";
}

/** The broker was silent for too long: the client drops the connection. */
export interface HeartBeatMissedStatus {
  /** Tells this status from the others. */
  readonly type: "heart-beat-missed";
  /** For how long nothing came, in ms. */
  readonly silence: number;
}

/**
 * A message that the outbox's store kept from an earlier run, and that no call waits for, is not sent any more: the broker refuses it, or
 * the session's version cannot express it. It stays in the store, and is reported again whenever that is opened, until the program
 * retries or discards it: see {@link Client.unsent}.
 */
export interface UnsentMessageStatus {
  /** Tells this status from the others. */
  readonly type: "unsent-message";
  /** Why; at a later start a ConnectionLostError whose message tells it. */
  readonly error: unknown;
  /** Its key, for {@link UnsentMessages.retry} and {@link UnsentMessages.discard}. */
  readonly key: string;
  /** The destination that it concerns. */
  readonly destination: string;
}

/**
 * The outbox's store could not be opened, which is tried again, or could not delete a message, which will be sent again some day.
 * Without a listener it becomes an unhandled rejection, unless a call rejects with it.
 */
export interface StoreErrorStatus {
  /** Tells this status from the others. */
  readonly type: "store-error";
  /** What went wrong. */
  readonly error: unknown;
}
