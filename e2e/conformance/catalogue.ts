/**
 * What brokers differ in: each behaviour with the answers that are known. A probe of the suite observes the answer of a
 * broker, `subjects.ts` has what is expected of each, and `docs/brokers.md` is made of both.
 */

/** What can follow a frame that a broker does not like, as `RawPeer.answerTo` says it. */
const ERROR_ANSWERS = [
  "ERROR that names the receipt; goes on",
  "ERROR that names the receipt; ends",
  "ERROR that names nothing; goes on",
  "ERROR that names nothing; ends",
  "ERROR that names nothing, RECEIPT; goes on",
  "ERROR that names nothing, RECEIPT; ends",
  "RECEIPT, ERROR that names nothing; goes on",
  "RECEIPT, ERROR that names nothing; ends",
  "RECEIPT; goes on",
  "RECEIPT; ends",
  "not a word; goes on",
  "not a word; ends",
] as const;
/** One of them. */
export type ErrorAnswer = (typeof ERROR_ANSWERS)[number];

/** A section of the table. */
export interface Section {
  readonly title: string;
  readonly behaviours: Readonly<Record<string, Behaviour>>;
}

/** Something that brokers differ in. */
export interface Behaviour {
  readonly title: string;
  readonly answers: readonly string[];
}

const error = (title: string) => ({ title, answers: ERROR_ANSWERS }) as const;

/** Everything that brokers differ in, in the order of the table. */
export const CATALOGUE = {
  connecting: {
    title: "Connecting",
    behaviours: {
      wrongPasscode: {
        title: "a wrong passcode",
        answers: ["ERROR, closes", "ERROR, stays open", "closes without a word", "not a word, stays open"],
      },
      noLogin: { title: "CONNECT without a login", answers: ["is the default user", "is refused"] },
      unknownHost: { title: "a virtual host that does not exist", answers: ["is refused", "is ignored"] },
      server: {
        title: "`server` in CONNECTED, by which the client knows the kind of broker",
        answers: ["`RabbitMQ/…`", "`ActiveMQ/…`", "`ActiveMQ-Artemis/…`", "`stompede`", "none"],
      },
      heartBeat: {
        title: "heart-beats of 1500 ms asked for, both ways",
        answers: [
          "1500 and 1500 ms, as asked",
          "1000 and 1000 ms: whole seconds, rounded down",
          "what the server is set to",
          "none, in this version",
        ],
      },
      silence: {
        title: "a client that promised a heart-beat each second, and is silent",
        answers: ["is dropped", "is dropped after an ERROR", "is kept"],
      },
      connectTwice: error("CONNECT within a session"),
    },
  },
  sending: {
    title: "Sending",
    behaviours: {
      binary: {
        title: "a body that is no text, with NULs in it",
        answers: [
          "arrives as it was",
          "arrives damaged",
          "ends the connection",
          "arrives with `content-type:application/octet-stream`, ends the connection without",
          "is ignored",
          "cannot be sent",
        ],
      },
      headers: {
        title: "headers with a colon, a backslash, a line feed, or spaces at their ends (what the version can express)",
        answers: [
          "all arrive",
          "all but names with a colon",
          "all but a line feed",
          "all but spaces at the ends",
          "a backslash ends the connection",
        ],
      },
      carriageReturn: {
        title: "a header with a carriage return (1.2)",
        answers: ["arrives", "arrives damaged", "cannot be said in this version"],
      },
      contentLength: {
        title: "`content-length` of MESSAGE",
        answers: ["always there", "there when SEND had it", "there unless the body is empty"],
      },
      ownHeaders: {
        title: "`receipt` of SEND",
        answers: ["comes back in MESSAGE", "is the sender's own"],
      },
      priority: {
        title: "`priority` of messages that wait",
        answers: ["higher ones first", "in the order of sending"],
      },
      expiry: {
        title: "a message expires by",
        answers: ["`expires` (ms since 1970)", "`expiration` (ms from now)", "no header"],
      },
      crash: {
        title: "messages in a queue after the broker was killed and started again",
        answers: ["those with `persistent:true` are there", "all are there", "none are there"],
      },
      unknownDestination: error("SEND to a destination without a known prefix"),
      emptyDestination: error("SEND to the empty destination"),
      forbiddenSend: error("SEND without the right to"),
    },
  },
  subscribing: {
    title: "Subscribing",
    behaviours: {
      selector: { title: "`selector`", answers: ["selects", "is ignored"] },
      badSelector: error("SUBSCRIBE with a selector that is none"),
      wildcards: {
        title: "wildcards in topics",
        answers: [
          "`*` is a word, `#` any number of words",
          "`*` is a word, `>` any number of words",
          "`*` is a word, `>` and `#` any number of words",
          "`*` is any text, `**` too across slashes",
          "none",
        ],
      },
      durable: {
        title: "a durable subscription to a topic",
        answers: ["gets what came while it was away", "there is none"],
      },
      prefetch: {
        title: "`prefetch` of `subscribe`",
        answers: [
          "bounds what is on its way",
          "bounds the octets that are on their way",
          "one message at a time, whatever it is",
          "is ignored",
        ],
      },
      forbiddenSubscribe: error("SUBSCRIBE without the right to"),
      duplicateId: error("SUBSCRIBE with an id that is in use"),
      unknownUnsubscribe: error("UNSUBSCRIBE of nothing"),
      request: {
        title: "`request()` and `respond()`, with a temporary queue",
        answers: ["work", "need `replyTo`"],
      },
    },
  },
  acknowledging: {
    title: "Acknowledging",
    behaviours: {
      cumulative: {
        title: "`client`: an ACK is for the messages before it too",
        answers: ["yes", "no", "there are no acknowledgements"],
      },
      individual: {
        title: "`client-individual`: an ACK is for its message alone",
        answers: ["yes", "no", "there are no acknowledgements"],
      },
      nack: {
        title: "a message after NACK",
        answers: ["comes again at once", "is in the dead letter queue", "is gone", "is as unacknowledged as before"],
      },
      redelivered: {
        title: "a message that comes again",
        answers: ["has `redelivered:true`", "has nothing that says so", "there is none"],
      },
      unsubscribed: {
        title: "what was not acknowledged at UNSUBSCRIBE",
        answers: ["goes to the next consumer", "stays out until the session ends", "is gone"],
      },
      unknownAck: error("ACK of nothing"),
      ackTwice: error("ACK for the second time"),
    },
  },
  transactions: {
    title: "Transactions",
    behaviours: {
      committed: { title: "what was sent in one is delivered", answers: ["after COMMIT", "at once"] },
      receiptInside: {
        title: "the RECEIPT of a SEND within one",
        answers: ["at once", "after that of COMMIT", "before that of COMMIT", "never"],
      },
      receiptAborted: { title: "the RECEIPT of a SEND in one that is aborted", answers: ["at once", "never"] },
      ackAborted: {
        title: "an ACK in one that is aborted",
        answers: ["can be repeated", "has counted", "cannot be repeated"],
      },
      beginTwice: error("BEGIN of one that is open"),
      unknownTransaction: error("SEND in one that was not begun"),
    },
  },
  faults: {
    title: "Frames that are wrong",
    behaviours: {
      unknownCommand: error("an unknown command"),
      noColon: error("a header line without a colon"),
      undefinedEscape: error("an undefined escape in a header"),
      wrongLength: error("a `content-length` too small"),
    },
  },
} as const satisfies Readonly<Record<string, Section>>;

type Behaviours = UnionToIntersection<(typeof CATALOGUE)[keyof typeof CATALOGUE]["behaviours"]>;
type UnionToIntersection<U> = (U extends unknown ? (one: U) => void : never) extends (all: infer I) => void ? I : never;

/** The name of a behaviour. */
export type BehaviourId = keyof Behaviours;
/** What may be observed of a behaviour. */
export type AnswerOf<Id extends BehaviourId> = Behaviours[Id] extends { readonly answers: readonly (infer A)[] }
  ? A
  : never;

const all: Record<string, Behaviour> = Object.fromEntries(
  Object.values(CATALOGUE).flatMap(({ behaviours }) => Object.entries(behaviours)),
);

/** A behaviour by its name. */
export function behaviour(id: BehaviourId): Behaviour {
  const found = all[id];
  if (found === undefined) throw new Error(`no such behaviour: ${id}`);
  return found;
}
