/** The options of a client, as callers give them. */
import type { HeadersInit, HeaderValue } from "../../protocol/headers.js";
import type { HeartBeat } from "../../protocol/heart-beat.js";
import type { Limits } from "../../protocol/limits.js";
import type { Version } from "../../protocol/version.js";
import type { SendStore } from "../../store.js";
import type { CredentialsFunction, HeadersFunction } from "./credentials.js";
import type { Message } from "../messages/message.js";
import type { ReconnectPolicy } from "./reconnect-policy.js";

/** How much of what was delivered and not yet read a subscription keeps. */
export interface BufferLimits {
  /** Messages. @default 10000 */
  readonly messages: number;
  /** Octets of their bodies (UTF-16 units of those that came as text). A single message may have more. @default 67108864 (64 MiB) */
  readonly bytes: number;
}

/** What happens when a subscription's buffer is full: it fails with `SlowConsumerError`, or its oldest unread message is dropped. */
export type SlowPolicy = "fail" | "drop-oldest";

/** How a client sends. */
export type Delivery = "at-most-once" | "at-least-once";

/** What an outbox may hold, and where it keeps it. */
export interface OutboxOptions {
  /** Messages that wait for their confirmation; those that wait for room are not among them. @default 10000 */
  readonly messages?: number;
  /** Octets of their bodies (UTF-16 units of those that are text). @default 67108864 (64 MiB) */
  readonly bytes?: number;
  /** What `send` does when the outbox is full: it waits for room, or rejects with OutboxFullError. @default "wait" */
  readonly whenFull?: "wait" | "reject";
  /**
   * How many messages are with the broker at a time and not confirmed yet. After a session that the broker ended over one of
   * them it is one at a time, until those are confirmed.
   * @default 256
   */
  readonly inFlight?: number;
  /** Keeps the messages over a crash: `fileStore(path)` of stompede/store/file, `indexedDbStore(name)` of stompede/store/indexed-db. @default memory only */
  readonly store?: SendStore;
}

/**
 * Carries a context along with messages, as W3C Trace Context does in the headers `traceparent` and `tracestate`.
 * docs/trace-context.md has recipes.
 */
export interface Propagation {
  /**
   * Write the headers that a message is to have along into `headers`, which is empty: called by each `send`, `request` and reply,
   * at once, so in the caller's context. Headers that the caller gives count before them. What it throws is what the call
   * rejects with, and nothing is sent.
   */
  readonly inject?: (headers: Record<string, HeaderValue>, destination: string) => void;
  /**
   * Call `handle` in the context that a message brings, and give what it gives: that is what acknowledges the message. It is
   * called around each handler, and around {@link TypedSubscribeOptions.invalid} where that is a function. There is nothing to
   * call it around for who reads by `for await`: call it yourself, around what the loop does with a message. What it
   * throws is taken for the handler's fault.
   */
  readonly run?: <R>(message: Message<unknown>, handle: () => R) => R;
}

/** Options of a {@link Client} that do not concern its transport. All durations are in ms. */
export interface ClientOptions {
  /** The user's name. Absent: none is sent (RabbitMQ then logs in its default user). */
  readonly login?: string;
  /** The user's secret. It is never logged, and hidden from frame listeners. */
  readonly passcode?: string;
  /** Instead of `login` and `passcode`: asked for them at each attempt to connect, so that a token is always fresh. */
  readonly credentials?: CredentialsFunction;
  /**
   * The virtual host. The specification lets a client choose any name; RabbitMQ knows virtual hosts by name and has `/`,
   * the other brokers ignore it.
   * @default "/"
   */
  readonly host?: string;
  /** More headers of CONNECT, or a function that is asked for them at each attempt to connect. */
  readonly headers?: HeadersInit | HeadersFunction;
  /**
   * The versions to offer.
   * @default ["1.2", "1.1", "1.0"]
   */
  readonly versions?: readonly Version[];
  /**
   * Heart-beats to offer: what we send at least this often, and what we want to get. `false`: none.
   * Beats from the client are under 60 s by default because RabbitMQ closes a WebSocket on which it hears nothing for that long.
   * @default { outgoing: 10000, incoming: 10000 }
   */
  readonly heartBeat?: Partial<HeartBeat> | false;
  /**
   * The broker is taken for dead when nothing came for the agreed time multiplied by this. Less than 2 is for brokers known to be
   * prompt: ActiveMQ Classic looks whether something was sent once in the agreed time, so that its beats come up to twice as late.
   * @default 3
   */
  readonly heartBeatTolerance?: number;
  /**
   * How long an attempt to connect to one target may take, from asking for credentials and looking up the name to CONNECTED.
   * @default 10000
   */
  readonly connectTimeout?: number;
  /**
   * When to connect again after a connection was lost; `false`: not at all. Subscriptions live on.
   * @default exponentialBackoff()
   */
  readonly reconnect?: ReconnectPolicy | false;
  /**
   * Try again by the same policy when the first attempt fails too: `connect` then rejects only when the policy gives up.
   * @default false
   */
  readonly retryFirstConnect?: boolean;
  /**
   * Stop for good when a target has refused CONNECT with an ERROR in so many rounds in a row (each target is tried once in a round),
   * and no other one gave a session: most likely the credentials are wrong. More than one because a RabbitMQ that has just
   * been started refuses good ones for a moment.
   * @default 3
   */
  readonly refusalLimit?: number;
  /**
   * Where there are several targets: `"given"` tries them in their order from the first on, `"shuffled"` in a new order each time.
   * @default "given"
   */
  readonly targetOrder?: "given" | "shuffled";
  /**
   * How long a receipt is waited for where a call does not say. `Infinity`: as long as the connection lasts.
   * @default 15000
   */
  readonly receiptTimeout?: number;
  /**
   * How long `disconnect` waits for running handlers, for pending receipts and then for its own: some servers (Spring's
   * simple broker) never answer.
   * @default 2000
   */
  readonly disconnectTimeout?: number;
  /**
   * Write `content-length` on what is sent. ActiveMQ takes a message without it for a JMS TextMessage, and with it for a BytesMessage.
   * @default true
   */
  readonly contentLength?: boolean;
  /**
   * Escape the headers of CONNECT, against the specification: RabbitMQ and ActiveMQ undo escapes there, so that a
   * passcode with a backslash reaches them only so.
   * @default false
   */
  readonly escapeConnect?: boolean;
  /**
   * Hold the broker to the letter of the specification.
   * @default false
   */
  readonly strict?: boolean;
  /** Limits on what the broker may send. */
  readonly limits?: Partial<Limits>;
  /**
   * What a subscription may keep unread. From a tenth of it on the broker is held back where the platform can (TCP, and
   * WebSocket in Node) unless a receipt or a reply is awaited; beyond it `whenSlow` says what happens.
   */
  readonly buffer?: Partial<BufferLimits>;
  /**
   * What happens when a subscription's buffer is full. `"drop-oldest"` is for messages that nobody acknowledges (`ack: "auto"`);
   * what was dropped is told by status, and counted.
   * @default "fail"
   */
  readonly whenSlow?: SlowPolicy;
  /**
   * `"at-most-once"`: a message is sent once, and `send` rejects when there is no connection. `"at-least-once"`: it is kept
   * in the outbox until the broker has confirmed it, and sent again in the next session; it may then arrive twice.
   * @default "at-most-once"
   */
  readonly delivery?: Delivery;
  /** The outbox, for `"at-least-once"`. */
  readonly outbox?: OutboxOptions;
  /** Carries a context along with messages: a trace, for one. */
  readonly propagation?: Propagation;
}

/** Options of {@link Client.flush}. */
export interface FlushOptions {
  /**
   * How long it may take, in ms; `Infinity`: as long as the connection lasts.
   * @default ClientOptions.receiptTimeout
   */
  readonly timeout?: number;
  /** Ends the wait: the call rejects with `signal.reason`. */
  readonly signal?: AbortSignal;
}

/** Options of {@link Client.disconnect}. */
export interface DisconnectOptions {
  /**
   * How long running handlers, pending receipts and the receipt of DISCONNECT are waited for, in ms. Where the outbox has a store, the
   * last tenth of it is for closing that.
   * @default ClientOptions.disconnectTimeout
   */
  readonly timeout?: number;
  /** More headers of DISCONNECT. */
  readonly headers?: HeadersInit;
}
