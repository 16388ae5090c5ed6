/** Where brokers differ in what they may do, in one table. */

/** Whose behaviour a broker follows. */
export type DialectName = "strict" | "rabbitmq" | "activemq";

/** What a dialect decides. */
export interface Dialect {
  /** The `server` header of CONNECTED. */
  readonly server: string;
  readonly nack: "requeue" | "dead-letter";
  /** Which errors end the connection: all of them, as STOMP 1.2 has it ("ERROR"), or only broken octets. */
  readonly errorsEnd: "always" | "malformed";
  /** Whether a refused CONNECT ends the connection; RabbitMQ leaves it open until its login time-out. */
  readonly refusalEnds: boolean;
  /** Whether an ERROR names the receipt that its frame asked for. */
  readonly errorNamesReceipt: boolean;
  /** Whether an ERROR says in `version` which versions are spoken, whatever it is about. */
  readonly errorHasVersion: boolean;
  /** Whether an ERROR has a `content-length`. */
  readonly errorHasLength: boolean;
  /** Whether the sender's own subscription gets a message before the sender gets the receipt of it. */
  readonly messageBeforeReceipt: boolean;
  /** Whether every MESSAGE has `redelivered`, or only those that are. */
  readonly alwaysRedelivered: boolean;
  /** Whether `ack` is the `message-id` over again. */
  readonly ackIsMessageId: boolean;
  /** Headers of SEND that go into MESSAGE though they are the sender's own business. */
  readonly passedOn: readonly string[];
  /** What a SEND with `reply-to:/temp-queue/x` does, besides making the queue: subscribe to it, unasked. */
  readonly subscribesToReplies: boolean;
  /** What follows each frame: on a stream, and in a message. */
  readonly trailer: { readonly stream: string; readonly messages: string };
  /** Whether DISCONNECT gets its receipt over WebSocket. */
  readonly receiptOfDisconnectInMessages: boolean;
}

const STRICT: Dialect = {
  server: "stompede",
  nack: "requeue",
  errorsEnd: "always",
  refusalEnds: true,
  errorNamesReceipt: true,
  errorHasVersion: false,
  errorHasLength: true,
  messageBeforeReceipt: false,
  alwaysRedelivered: false,
  ackIsMessageId: false,
  passedOn: [],
  subscribesToReplies: true,
  trailer: { stream: "", messages: "" },
  receiptOfDisconnectInMessages: true,
};

/** As RabbitMQ 3.10 and ActiveMQ Classic 5.17 were seen to behave. */
export const DIALECTS: Readonly<Record<DialectName, Dialect>> = {
  strict: STRICT,
  rabbitmq: {
    ...STRICT,
    server: "RabbitMQ/3.10.8",
    errorsEnd: "malformed",
    refusalEnds: false,
    errorNamesReceipt: false,
    errorHasVersion: true,
    messageBeforeReceipt: true,
    alwaysRedelivered: true,
    ackIsMessageId: true,
    passedOn: ["receipt", "transaction"],
    trailer: { stream: "\n", messages: "\n" },
    receiptOfDisconnectInMessages: false,
  },
  activemq: {
    ...STRICT,
    server: "ActiveMQ/5.17.2",
    nack: "dead-letter",
    errorsEnd: "malformed",
    errorHasLength: false,
    subscribesToReplies: false,
    trailer: { stream: "\n", messages: "" },
  },
};
