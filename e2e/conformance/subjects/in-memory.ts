import type { Expectations, Subject } from "../subject.js";
import { activemq5 } from "./activemq.js";
import { rabbitmq } from "./rabbitmq.js";

const COMMON = {
  versions: ["1.0", "1.1", "1.2"],
  carriers: ["tcp", "tls", "ws", "wss"],
  login: { login: "guest", passcode: "guest" },
  notes: [],
} as const;

/** The broker of this project, as it is by default. */
export const inMemory: Subject = {
  ...COMMON,
  title: "the in-memory broker",
  heartBeat: "500,500",
  deadLetters: () => "/queue/DLQ",
  expects: {
    wrongPasscode: "ERROR, closes",
    noLogin: "is refused",
    unknownHost: "is refused",
    server: "`stompede`",
    heartBeat: { "1.0": "none, in this version", otherwise: "what the server is set to" },
    silence: { "1.0": "is kept", otherwise: "is dropped" },
    connectTwice: "ERROR that names nothing; ends",
    binary: "arrives as it was",
    headers: { "1.0": "all but spaces at the ends", otherwise: "all arrive" },
    carriageReturn: { "1.2": "arrives", otherwise: "cannot be said in this version" },
    contentLength: "always there",
    ownHeaders: "is the sender's own",
    priority: "in the order of sending",
    expiry: "no header",
    crash: undefined,
    unknownDestination: "RECEIPT; goes on",
    emptyDestination: "ERROR that names the receipt; ends",
    forbiddenSend: undefined,
    selector: "is ignored",
    badSelector: "RECEIPT; goes on",
    wildcards: "`*` is a word, `>` and `#` any number of words",
    durable: "there is none",
    prefetch: "bounds what is on its way",
    forbiddenSubscribe: undefined,
    duplicateId: "ERROR that names the receipt; ends",
    unknownUnsubscribe: "ERROR that names the receipt; ends",
    request: "work",
    cumulative: "yes",
    individual: "yes",
    nack: { "1.0": undefined, otherwise: "comes again at once" },
    redelivered: "has `redelivered:true`",
    unsubscribed: "goes to the next consumer",
    unknownAck: "ERROR that names the receipt; ends",
    ackTwice: "ERROR that names the receipt; ends",
    committed: "after COMMIT",
    receiptInside: "at once",
    receiptAborted: "at once",
    ackAborted: "can be repeated",
    beginTwice: "ERROR that names the receipt; ends",
    unknownTransaction: "ERROR that names the receipt; ends",
    unknownCommand: "ERROR that names nothing; ends",
    noColon: "ERROR that names nothing; ends",
    undefinedEscape: { "1.0": "RECEIPT; goes on", otherwise: "ERROR that names nothing; ends" },
    wrongLength: "ERROR that names nothing; ends",
  },
};

/** The same, imitating RabbitMQ: what is expected of that is expected of it, but for what is named here. */
const LIKE_RABBITMQ: Partial<Expectations> = {
  noLogin: "is refused",
  heartBeat: { "1.0": "none, in this version", otherwise: rabbitmq.expects.heartBeat },
  silence: { "1.0": "is kept", otherwise: rabbitmq.expects.silence },
  undefinedEscape: { "1.0": "RECEIPT; goes on", otherwise: rabbitmq.expects.undefinedEscape },
  unknownCommand: "not a word; ends",
  expiry: "no header",
  wildcards: inMemory.expects.wildcards,
  durable: "there is none",
  forbiddenSend: undefined,
  forbiddenSubscribe: undefined,
  crash: undefined,
};

export const likeRabbitMq: Subject = {
  ...COMMON,
  title: "the in-memory broker as RabbitMQ",
  expects: { ...rabbitmq.expects, ...LIKE_RABBITMQ },
};

/** The same, imitating ActiveMQ Classic 5.17. */
const LIKE_ACTIVEMQ: Partial<Expectations> = {
  unknownHost: "is refused",
  heartBeat: { "1.0": "none, in this version", otherwise: activemq5.expects.heartBeat },
  silence: { "1.0": "is kept", otherwise: activemq5.expects.silence },
  connectTwice: "ERROR that names nothing; ends",
  headers: { "1.0": "all but spaces at the ends", otherwise: "all arrive" },
  expiry: "no header",
  crash: undefined,
  emptyDestination: "ERROR that names the receipt; goes on",
  forbiddenSend: undefined,
  selector: "is ignored",
  badSelector: "RECEIPT; goes on",
  wildcards: inMemory.expects.wildcards,
  durable: "there is none",
  forbiddenSubscribe: undefined,
  nack: undefined, // one queue of dead letters for all of these tests; test/broker/activemq.test.ts has it
  unknownAck: "ERROR that names the receipt; goes on",
  unknownCommand: "ERROR that names nothing; ends",
  noColon: "ERROR that names nothing; ends",
  undefinedEscape: { "1.0": "RECEIPT; goes on", otherwise: "ERROR that names nothing; ends" },
};

export const likeActiveMq: Subject = {
  ...COMMON,
  title: "the in-memory broker as ActiveMQ",
  expects: { ...activemq5.expects, ...LIKE_ACTIVEMQ },
};
