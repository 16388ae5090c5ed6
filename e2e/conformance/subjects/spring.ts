import type { Subject } from "../subject.js";
import { rabbitmq } from "./rabbitmq.js";

const COMMON = {
  versions: ["1.0", "1.1", "1.2"],
  carriers: ["ws", "sockjs"],
  login: { login: "guest", passcode: "guest" },
} as const;

const ERROR = "ERROR that names nothing; ends";
/** The connection may be closed before the ERROR has left. */
const ENDS = { anyOf: [ERROR, "not a word; ends"] } as const;
/** SockJS carries texts alone. */
const OCTETS = {
  sockjs: "cannot be sent",
  otherwise: "arrives with `content-type:application/octet-stream`, ends the connection without",
} as const;

/** Spring's simple broker, which is told to keep the order of frames. */
export const springSimple: Subject = {
  ...COMMON,
  title: "Spring's simple broker",
  heartBeat: "1000,1000",
  lacks: ["receipts", "queues", "acknowledgements", "transactions"],
  notes: [
    "It may close the connection before its ERROR has left: then there is only the end.",
    "Its destinations are all topics: what nobody subscribed to is gone. There are no receipts but that of DISCONNECT, no acknowledgements and no transactions.",
    "Keep the order of frames: `setPreserveReceiveOrder(true)` and `setPreservePublishOrder(true)`, as here. With the former a refused login gets no answer, and connecting ends by `connectTimeout`.",
    "[Spring](spring.md) has more, and how to go over SockJS.",
  ],
  expects: {
    wrongPasscode: "not a word, stays open",
    noLogin: "is refused",
    unknownHost: "is ignored",
    server: "none",
    heartBeat: "what the server is set to",
    silence: { anyOf: ["is dropped after an ERROR", "is dropped"] },
    connectTwice: ENDS,
    binary: OCTETS,
    headers: { "1.0": "a backslash ends the connection", otherwise: "all arrive" },
    carriageReturn: { "1.2": "arrives", otherwise: "cannot be said in this version" },
    contentLength: "always there",
    ownHeaders: "comes back in MESSAGE",
    priority: undefined,
    expiry: undefined,
    crash: undefined,
    unknownDestination: "not a word; goes on",
    emptyDestination: "not a word; goes on",
    forbiddenSend: undefined,
    selector: "is ignored",
    badSelector: "not a word; goes on",
    wildcards: "`*` is any text, `**` too across slashes",
    durable: "there is none",
    prefetch: undefined,
    forbiddenSubscribe: undefined,
    duplicateId: "not a word; goes on",
    unknownUnsubscribe: "not a word; goes on",
    request: "need `replyTo`",
    cumulative: "there are no acknowledgements",
    individual: "there are no acknowledgements",
    nack: { "1.0": undefined, otherwise: "is gone" },
    redelivered: "there is none",
    unsubscribed: "is gone",
    unknownAck: "not a word; goes on",
    ackTwice: "not a word; goes on",
    committed: "at once",
    receiptInside: "never",
    receiptAborted: "never",
    ackAborted: undefined,
    beginTwice: "not a word; goes on",
    unknownTransaction: "not a word; goes on",
    unknownCommand: ENDS,
    noColon: ENDS,
    undefinedEscape: ENDS,
    wrongLength: ENDS,
  },
};

/** Spring's relay to RabbitMQ: what RabbitMQ answers, but that every ERROR ends the session. */
export const springRelay: Subject = {
  ...COMMON,
  title: "Spring's relay to RabbitMQ",
  lacks: ["calm unsubscribing"],
  ...(rabbitmq.durable === undefined ? {} : { durable: rabbitmq.durable }),
  notes: [
    "It has what RabbitMQ has, but **every ERROR ends the session**, also one that RabbitMQ sends after a correct UNSUBSCRIBE while messages come: let them run out first, or count on reconnecting.",
    "It passes on only the destinations it was told to (`enableStompBrokerRelay`), so that `/temp-queue/` is not known: a `request` without `replyTo` ends by its time-out.",
    "When RabbitMQ is away, every session ends and CONNECT is refused: `refusalLimit: Infinity` waits for it.",
  ],
  expects: {
    ...rabbitmq.expects,
    crash: undefined,
    wrongPasscode: "not a word, stays open",
    noLogin: "is refused",
    unknownHost: "is ignored",
    silence: { anyOf: ["is dropped after an ERROR", "is dropped"] },
    connectTwice: ENDS,
    binary: OCTETS,
    contentLength: "always there",
    unknownDestination: "not a word; goes on",
    emptyDestination: "not a word; goes on",
    forbiddenSend: undefined,
    forbiddenSubscribe: undefined,
    duplicateId: { anyOf: [...ENDS.anyOf, "ERROR that names nothing, RECEIPT; ends"] },
    unknownUnsubscribe: ENDS,
    request: "need `replyTo`",
    unknownAck: ENDS,
    ackTwice: { anyOf: ["RECEIPT, ERROR that names nothing; ends", "RECEIPT; ends"] },
    unknownTransaction: ENDS,
    unknownCommand: ENDS,
    noColon: ENDS,
    undefinedEscape: ENDS,
    wrongLength: ENDS,
  },
};
