/** Where brokers differ in what they may do, in one table. */
import type { ClientCommand } from "../protocol/index.js";
import type { HeartBeatPolicy } from "./heart-beat-offer.js";
import type { RefusalReason } from "./refusal.js";

/** Whose behaviour a broker follows. */
export type DialectName = "strict" | "rabbitmq" | "activemq" | "spring";

/** How a dialect refuses. */
export interface RefusalManner {
  /** The `message` header; what the broker has to say itself is in the body then. @default that, and no body */
  readonly message?: string;
  /** Whether the connection ends. @default as {@link Dialect.errorsEnd} says */
  readonly ends?: boolean;
  /** Whether the frame gets its RECEIPT all the same: before the ERROR, or after it. @default it does not */
  readonly receipt?: "before" | "after";
}

/** What a dialect decides. */
export interface Dialect {
  /** The `server` header of CONNECTED. */
  readonly server: string | undefined;
  /** The `heart-beat` header of CONNECTED. */
  readonly heartBeat: HeartBeatPolicy;
  readonly nack: "requeue" | "dead-letter";
  /** Which errors end the connection: all of them, as STOMP 1.2 has it ("ERROR"), or only broken octets. */
  readonly errorsEnd: "always" | "malformed";
  /** Whether octets that are no frame, or a frame that is out of place, get an ERROR before the connection ends. */
  readonly tellsOfMalformed: boolean;
  /** What is done otherwise about a refusal, by its reason. */
  readonly refusals: Readonly<Partial<Record<RefusalReason, RefusalManner>>>;
  /** Whether a refused CONNECT ends the connection; RabbitMQ leaves it open until its login time-out. */
  readonly refusalEnds: boolean;
  /** Whether an ERROR names the receipt that its frame asked for. */
  readonly errorNamesReceipt: boolean;
  /** Whether an ERROR says in `version` which versions are spoken, whatever it is about. */
  readonly errorHasVersion: boolean;
  /** Which MESSAGEs have a `content-length`: all, those with a body, or those whose SEND had one. */
  readonly messageHasLength: "always" | "non-empty" | "as-sent";
  /** Whether an ERROR has a `content-length`. */
  readonly errorHasLength: boolean;
  /**
   * Whether MESSAGEs go out at the end of the turn, after all frames that arrived together (one chunk, or what was sent in memory
   * without waiting; 100 of them at most) and their receipts; else after each frame.
   */
  readonly deliversLater: boolean;
  /**
   * Whether the receipt of a SEND comes at the end of the turn, after the receipts of later frames and after MESSAGEs, and
   * not in the order of the SENDs; in a transaction, after the COMMIT, and never if it is aborted. A DISCONNECT before the end of
   * the turn leaves them out.
   */
  readonly delaysSendReceipts: boolean;
  /** What UNSUBSCRIBE leaves behind. */
  readonly unsubscribed: {
    /**
     * How many messages may be in flight. Those are in flight which the subscription would get next if its client took more: what
     * arrived in the same turn, and what waits because the client does not take what it is sent, or because
     * its connection is silent.
     */
    readonly inFlight: number;
    /** What comes for each message in flight, after the RECEIPT: the MESSAGE all the same, or an ERROR that names nothing. */
    readonly says: "message" | "error";
    /**
     * Whether what was not acknowledged, and what was in flight, goes back only when the session ends; in flight with ack auto
     * it is lost. Else all goes back at once.
     */
    readonly keeps: boolean;
  };
  /** Whether every MESSAGE has `redelivered`, or only those that are. */
  readonly alwaysRedelivered: boolean;
  /**
   * Whether a `message-id` tells the subscription, and `ack` is the same over again. Then an ACK of a message that needs none (any
   * more), of a subscription that is still there, is told from one of no message at all.
   */
  readonly messageIdIsTagged: boolean;
  /** How a destination that begins with a slash must begin; `undefined`: as it likes. */
  readonly prefixes: readonly string[] | undefined;
  /** Headers of SEND that go into MESSAGE though they are the sender's own business. */
  readonly passedOn: readonly string[];
  /**
   * What `/temp-queue/x` is: a queue of the connection's own, which others know by this prefix and the id of the session, and to
   * which a SEND with it as `reply-to` subscribes, unasked, if `subscribes`. `undefined`: a destination like others.
   */
  readonly replyQueues: { readonly prefix: string; readonly subscribes: boolean } | undefined;
  /** How the destinations begin that are topics; with `""` there are no queues. */
  readonly topicPrefix: string;
  /** Whether BEGIN of an open transaction begins it again, without what was in it. */
  readonly beginsAgain: boolean;
  /** Frames about which nothing is done. Without BEGIN there are no transactions, and SEND does not ask for one. */
  readonly ignored: readonly ClientCommand[];
  /** Whether receipts are sent, ever. */
  readonly hasReceipts: boolean;
  /** Whether a second subscription may take the id of a first, which then lasts as long as the connection. */
  readonly sameIdTwice: boolean;
  /** What is taken as ack auto: nothing else, modes that are unknown, or all. */
  readonly takenAsAuto: "none" | "unknown" | "all";
  /** What follows each frame: on a stream, and in a message. */
  readonly trailer: { readonly stream: string; readonly messages: string };
  /**
   * Whether over WebSocket a text message is one frame, whole: what follows it is dropped without a word, and so are binary
   * messages; a message without a whole frame, that is no heart-beat, ends the connection.
   */
  readonly oneFrameAMessage: boolean;
  /** Whether a client over WebSocket gets the last words before its end: an ERROR that ends it, the receipt of DISCONNECT. */
  readonly lastWordsInMessages: boolean;
}

const STRICT: Dialect = {
  server: "stompede",
  heartBeat: { outgoing: 10_000, incoming: 10_000 },
  nack: "requeue",
  errorsEnd: "always",
  tellsOfMalformed: true,
  refusals: {},
  refusalEnds: true,
  errorNamesReceipt: true,
  errorHasVersion: false,
  messageHasLength: "always",
  errorHasLength: true,
  deliversLater: false,
  delaysSendReceipts: false,
  unsubscribed: { inFlight: 0, says: "message", keeps: false },
  alwaysRedelivered: false,
  messageIdIsTagged: false,
  prefixes: undefined,
  passedOn: [],
  replyQueues: { prefix: "/reply-queue/", subscribes: true },
  topicPrefix: "/topic/",
  beginsAgain: false,
  ignored: [],
  hasReceipts: true,
  sameIdTwice: false,
  takenAsAuto: "none",
  trailer: { stream: "", messages: "" },
  oneFrameAMessage: false,
  lastWordsInMessages: true,
};

/**
 * As RabbitMQ 3.10 and ActiveMQ Classic 5.17 were seen to behave; and as Spring's simple broker is known to: it has topics alone, and
 * passes over what it does not know.
 */
export const DIALECTS: Readonly<Record<DialectName, Dialect>> = {
  strict: STRICT,
  rabbitmq: {
    ...STRICT,
    server: "RabbitMQ/3.10.8",
    heartBeat: "in-seconds",
    errorsEnd: "malformed",
    tellsOfMalformed: false,
    refusals: {
      connect: { message: "Bad CONNECT" },
      version: { message: "Version mismatch" },
      "empty-destination": { message: "Invalid destination" },
      "unknown-destination": { message: "Unknown destination" },
      "duplicate-subscription": { message: "Duplicated subscription identifier", ends: true, receipt: "after" },
      "unknown-subscription": { message: "No subscription found" },
      "unknown-message": { message: "Subscription not found" },
      "settled-message": { message: "precondition_failed", ends: true, receipt: "before" },
      transaction: { message: "Bad transaction" },
      cancelled: { message: "Server cancelled subscription" },
    },
    refusalEnds: false,
    errorNamesReceipt: false,
    errorHasVersion: true,
    messageHasLength: "non-empty",
    deliversLater: true,
    delaysSendReceipts: true,
    unsubscribed: { inFlight: 200, says: "error", keeps: true },
    alwaysRedelivered: true,
    messageIdIsTagged: true,
    beginsAgain: true,
    prefixes: ["/topic/", "/exchange/", "/queue/", "/amq/queue/", "/reply-queue/", "/temp-queue/"],
    passedOn: ["receipt", "transaction"],
    trailer: { stream: "\n", messages: "\n" },
    lastWordsInMessages: false,
  },
  activemq: {
    ...STRICT,
    server: "ActiveMQ/5.17.2",
    heartBeat: "as-asked",
    nack: "dead-letter",
    errorsEnd: "malformed",
    messageHasLength: "as-sent",
    errorHasLength: false,
    deliversLater: true,
    unsubscribed: { inFlight: 1000, says: "message", keeps: false },
    replyQueues: { prefix: "/remote-temp-queue/ID:", subscribes: false },
    sameIdTwice: true,
    takenAsAuto: "unknown",
    trailer: { stream: "\n", messages: "" },
    oneFrameAMessage: true,
  },
  spring: {
    ...STRICT,
    server: undefined,
    heartBeat: { outgoing: 0, incoming: 0 },
    replyQueues: undefined,
    topicPrefix: "",
    ignored: ["ACK", "NACK", "BEGIN", "COMMIT", "ABORT"],
    hasReceipts: false,
    takenAsAuto: "all",
  },
};
