/**
 * Every error that the library makes.
 *
 *     StompError (code, cause)
 *     ├─ ProtocolError ── LimitError           the peer broke the protocol: the connection ends
 *     ├─ InvalidStateError                     the call is not allowed in this phase or version (NACK in 1.0)
 *     ├─ ServerError                           an ERROR frame
 *     ├─ ConnectError                          no session came about
 *     ├─ ConnectionLostError ── HeartBeatError an established session ended without us
 *     ├─ ReceiptTimeoutError                   the broker did not confirm in time
 *     ├─ ReplyTimeoutError                     nobody answered a request in time
 *     ├─ SlowConsumerError                     a subscription was not read fast enough
 *     ├─ TransactionError                      a transaction ended without its commit
 *     └─ OutboxFullError                       a message does not fit into the outbox
 *
 * Wrong arguments are TypeError or RangeError, before a byte leaves. An aborted call rejects with `signal.reason`, untouched.
 */

/** The `code` of every {@link StompError}: stable, for programs; the message is for people and may change. */
export type StompErrorCode =
  | "protocol"
  | "limit"
  | "invalid-state"
  | "server"
  | "connect"
  | "connection-lost"
  | "heart-beat"
  | "receipt-timeout"
  | "reply-timeout"
  /** `flush` was not done in time; a StompError without a class of its own. */
  | "flush-timeout"
  | "slow-consumer"
  | "transaction"
  | "outbox-full";

/** The root of all errors that the library makes. `cause` is the error behind it, where there is one. */
export class StompError extends Error {
  /** A stable name of the kind of error. */
  readonly code: StompErrorCode;

  constructor(code: StompErrorCode, message: string, options?: { cause?: unknown }) {
    // Without an own property for a cause that there is not.
    super(message, options?.cause === undefined ? undefined : options);
    this.code = code;
  }

  static {
    // On the prototype, as with the built-in errors: not an own property of each instance, and safe from minifiers.
    this.prototype.name = "StompError";
  }
}

/** Which rule of STOMP the peer broke. What a decoder can find has the same name in the test vectors. */
export type ProtocolErrorReason =
  /** A header has an escape sequence that the version does not define. */
  | "invalid-escape"
  /** A header line has no colon between name and value. */
  | "missing-colon"
  /** A header line begins with the colon: its name is empty. */
  | "empty-header-name"
  /** A header value is malformed: `heart-beat` is not two numbers; strictly also a raw colon, or in 1.0 an empty value. */
  | "invalid-header"
  /** A header has a carriage return without a line feed, which STOMP 1.2 forbids. */
  | "invalid-cr"
  /** The command line or a header is not valid UTF-8. */
  | "invalid-utf8"
  /** The command is not one of STOMP, or not one that this peer may send. */
  | "unknown-command"
  /** The value of `content-length` is not a number written in decimal digits only. */
  | "bad-content-length"
  /** No NUL follows a body of the length that `content-length` announced. */
  | "missing-nul"
  /** The frame has a body, or announces one, but its command allows none. */
  | "unexpected-body"
  /** The frame lacks a header that its command requires in this version. */
  | "missing-header"
  /** The frame is not allowed at this point of the session, or not in this version (NACK in 1.0). */
  | "unexpected-frame"
  /** Client and server have no version in common, or the server chose one that was not offered. */
  | "version-mismatch"
  /** The frame exceeds one of our limits; see {@link LimitError}. STOMP lets a server set limits. */
  | "too-large"
  /** The stream ended inside a frame. */
  | "truncated";

/** The peer broke the protocol: its octets are no frame, or the frame is not allowed there. The connection ends. */
export class ProtocolError extends StompError {
  /** Which rule was broken. */
  readonly reason: ProtocolErrorReason;

  constructor(reason: ProtocolErrorReason, message: string, options?: { cause?: unknown }) {
    super(reason === "too-large" ? "limit" : "protocol", message, options);
    this.reason = reason;
  }

  static {
    this.prototype.name = "ProtocolError";
  }
}

/** The peer sent more than the limits allow: more header octets, more headers, or a larger body. The connection ends. */
export class LimitError extends ProtocolError {
  /** The limit that was passed. */
  readonly limit: number;
  /** How much it was: what was announced, or what had arrived when it was noticed. */
  readonly actual: number;

  constructor(message: string, actual: number, limit: number) {
    super("too-large", message);
    this.actual = actual;
    this.limit = limit;
  }

  static {
    this.prototype.name = "LimitError";
  }
}

/** The call is not allowed now, or not in this version of the protocol. Nothing was sent. */
export class InvalidStateError extends StompError {
  constructor(message: string, options?: { cause?: unknown }) {
    super("invalid-state", message, options);
  }

  static {
    this.prototype.name = "InvalidStateError";
  }
}

/** The broker sent an ERROR frame. `message` is its `message` header. */
export class ServerError extends StompError {
  /** The body of the ERROR as text: what the broker says in more detail. At most its first 4096 characters. */
  readonly details: string;
  /** The headers of the ERROR. */
  readonly headers: ReadonlyMap<string, string>;
  /** The receipt that the ERROR names: it answers the frame that asked for it. */
  readonly receiptId: string | undefined;

  constructor(message: string, details: string, headers: ReadonlyMap<string, string>) {
    super("server", message);
    this.details = details;
    this.headers = headers;
    this.receiptId = headers.get("receipt-id");
  }

  static {
    this.prototype.name = "ServerError";
  }
}

/**
 * Where an attempt to connect failed: in what a function of the user's was asked for, in opening the transport, or in the
 * exchange of CONNECT and CONNECTED.
 */
export type ConnectStage = "prepare" | "dial" | "handshake";

/** No session came about. The message tells what to do; `cause` is the original error. */
export class ConnectError extends StompError {
  /** How far the attempt came. */
  readonly stage: ConnectStage;

  constructor(stage: ConnectStage, message: string, options?: { cause?: unknown }) {
    super("connect", message, options);
    this.stage = stage;
  }

  static {
    this.prototype.name = "ConnectError";
  }
}

/**
 * What is known of a frame when its connection is lost: it never left; nobody can tell whether the broker has it; or it is
 * in the outbox's store, and is sent when a client opens that again.
 */
export type Outcome = "not-sent" | "unknown" | "kept";

/** An established session ended without us, or before a call was confirmed. */
export class ConnectionLostError extends StompError {
  /**
   * `"not-sent"`: the broker cannot have the frame. `"unknown"`: it may have it, and may have acted on it. `"kept"`: the
   * outbox's store has it; whether the broker has it too is not known.
   */
  readonly outcome: Outcome;

  constructor(
    message: string,
    outcome: Outcome,
    options?: { cause?: unknown; code?: "connection-lost" | "heart-beat" },
  ) {
    super(options?.code ?? "connection-lost", message, options);
    this.outcome = outcome;
  }

  static {
    this.prototype.name = "ConnectionLostError";
  }
}

/** The broker was silent for longer than the agreed heart-beat and its tolerance. */
export class HeartBeatError extends ConnectionLostError {
  /** For how long nothing came, in ms. */
  readonly silence: number;

  constructor(message: string, silence: number) {
    super(message, "unknown", { code: "heart-beat" });
    this.silence = silence;
  }

  static {
    this.prototype.name = "HeartBeatError";
  }
}

/** The broker did not confirm in time. Whether it has the frame is not known. */
export class ReceiptTimeoutError extends StompError {
  /** The receipt that did not come. */
  readonly receiptId: string;
  /** How long it was waited for, in ms. */
  readonly timeout: number;

  constructor(message: string, receiptId: string, timeout: number, options?: { cause?: unknown }) {
    super("receipt-timeout", message, options);
    this.receiptId = receiptId;
    this.timeout = timeout;
  }

  static {
    this.prototype.name = "ReceiptTimeoutError";
  }
}

/** More messages of a subscription arrived than its buffer may hold, because nobody read them. */
export class SlowConsumerError extends StompError {
  constructor(message: string) {
    super("slow-consumer", message);
  }

  static {
    this.prototype.name = "SlowConsumerError";
  }
}

/** Nobody answered a request in time. Whether it was acted on is not known. */
export class ReplyTimeoutError extends StompError {
  /** How long the reply was waited for, in ms. */
  readonly timeout: number;

  constructor(message: string, timeout: number) {
    super("reply-timeout", message);
    this.timeout = timeout;
  }

  static {
    this.prototype.name = "ReplyTimeoutError";
  }
}

/** A transaction ended without its commit: with its session, or because it was aborted. */
export class TransactionError extends StompError {
  /** `"aborted"`: nothing of it has taken effect. `"unknown"`: the session ended before its commit was confirmed. */
  readonly outcome: "aborted" | "unknown";

  constructor(message: string, outcome: "aborted" | "unknown", options?: { cause?: unknown }) {
    super("transaction", message, options);
    this.outcome = outcome;
  }

  static {
    this.prototype.name = "TransactionError";
  }
}

/** A message does not fit into the outbox. Nothing was sent or kept. */
export class OutboxFullError extends StompError {
  constructor(message: string) {
    super("outbox-full", message);
  }

  static {
    this.prototype.name = "OutboxFullError";
  }
}
