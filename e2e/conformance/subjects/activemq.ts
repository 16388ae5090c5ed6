import type { Expectations, Subject } from "../subject.js";

const COMMON = {
  versions: ["1.0", "1.1", "1.2"],
  login: { login: "guest", passcode: "guest" },
  limited: { login: "limited", passcode: "limited" },
  deadLetters: (queue) => `/queue/DLQ.${queue.slice("/queue/".length)}`,
  durable: {
    connect: (name) => ({ "client-id": name }),
    subscribe: (name) => ({ "activemq.subscriptionName": name }),
    remove: async (subscription, client, name) => {
      await subscription.unsubscribe({ receipt: true });
      const headers = { id: subscription.id, destination: subscription.destination, "activemq.subscriptionName": name };
      await client.sendFrame("UNSUBSCRIBE", headers, "", { receipt: true });
    },
  },
  notes: [
    "Give the connector `stomp://0.0.0.0:61613?transport.tcpNoDelay=true`: without it a message may wait 40 ms for an acknowledgement of TCP.",
    "Over WebSocket (`ws://0.0.0.0:61614`) it takes text alone, a binary message is ignored without a word, so that a `send` of octets that are no UTF-8 ends by its time-out or never; and a message of more than 64 KiB ends the connection unless `websocket.maxTextMessageSize` allows more. Debian's package has no WebSocket.",
    "Without `content-length` a message is a JMS `TextMessage`, with it a `BytesMessage`: `contentLength: false`.",
    "A NACK moves the message to the dead letter queue at once: `ActiveMQ.DLQ`, or one for each queue with an `individualDeadLetterStrategy`, as here.",
    "Priorities need `prioritizedMessages` in the policy of the queue. Here they are off, as by default.",
    "Do not use STOMP 1.0: escapes are undone and not made, so that a `\\n` in a header becomes a line of its own.",
    "A durable subscription needs the header `client-id` in CONNECT and `activemq.subscriptionName` in SUBSCRIBE. It is removed by a second UNSUBSCRIBE, which has that header too.",
    "After UNSUBSCRIBE up to a prefetch (1000) of messages may still come, which the client drops, and which are delivered again.",
    "Its heart-beats come up to twice as late as agreed, for it looks once in that time whether anything was sent: leave `heartBeatTolerance` above 2.",
    "It undoes escapes in CONNECT, against the specification, and trims spaces there: a passcode with a backslash needs `escapeConnect: true`.",
  ],
} as const satisfies Partial<Subject>;

const EXPECTS: Expectations = {
  wrongPasscode: "ERROR, closes",
  noLogin: "is refused",
  unknownHost: "is ignored",
  server: "`ActiveMQ/…`",
  heartBeat: "1500 and 1500 ms, as asked",
  silence: "is dropped",
  connectTwice: "ERROR that names the receipt; goes on",
  binary: { ws: "is ignored", otherwise: "arrives as it was" },
  headers: { "1.0": "a backslash ends the connection", otherwise: "all arrive" },
  carriageReturn: { "1.2": "arrives", otherwise: "cannot be said in this version" },
  contentLength: "there when SEND had it",
  ownHeaders: "is the sender's own",
  priority: "in the order of sending",
  expiry: "`expires` (ms since 1970)",
  crash: "those with `persistent:true` are there",
  unknownDestination: "RECEIPT; goes on",
  emptyDestination: "not a word; ends",
  forbiddenSend: "ERROR that names the receipt; goes on",
  selector: "selects",
  badSelector: "ERROR that names the receipt; goes on",
  wildcards: "`*` is a word, `>` any number of words",
  durable: "gets what came while it was away",
  prefetch: "bounds what is on its way",
  forbiddenSubscribe: "ERROR that names the receipt; goes on",
  duplicateId: "RECEIPT; goes on",
  unknownUnsubscribe: "ERROR that names the receipt; goes on",
  request: "work",
  cumulative: "yes",
  individual: "yes",
  nack: { "1.0": undefined, otherwise: "is in the dead letter queue" },
  redelivered: "has `redelivered:true`",
  unsubscribed: "goes to the next consumer",
  unknownAck: { "1.2": "ERROR that names the receipt; goes on", otherwise: "not a word; ends" },
  ackTwice: "ERROR that names the receipt; goes on",
  committed: "after COMMIT",
  receiptInside: "at once",
  receiptAborted: "at once",
  ackAborted: "can be repeated",
  beginTwice: "ERROR that names the receipt; goes on",
  unknownTransaction: "ERROR that names the receipt; goes on",
  unknownCommand: "ERROR that names the receipt; ends",
  noColon: "RECEIPT; goes on",
  undefinedEscape: "RECEIPT; goes on",
  wrongLength: "ERROR that names nothing; ends",
};

/** ActiveMQ Classic 5.17, of Debian. */
export const activemq5: Subject = {
  ...COMMON,
  title: "ActiveMQ Classic 5.17",
  carriers: ["tcp", "tls"],
  expects: EXPECTS,
};

/** ActiveMQ Classic 6. */
export const activemq6: Subject = {
  ...COMMON,
  title: "ActiveMQ Classic 6",
  carriers: ["tcp", "tls", "ws", "wss"],
  expects: { ...EXPECTS, connectTwice: "ERROR that names nothing; ends" },
};
