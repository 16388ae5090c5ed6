/** What a client counts. */

/** What a client counts over all its sessions. */
export interface Totals {
  /** Sessions that were established. */
  readonly connects: number;
  /** Those of them that came after the loss of another one. */
  readonly reconnects: number;
  /** Frames that were handed to the transport. */
  readonly framesSent: number;
  /** Frames that came. */
  readonly framesReceived: number;
  /** MESSAGE frames among those received. */
  readonly messagesReceived: number;
  /** SEND frames among those sent. */
  readonly messagesSent: number;
  /** ERROR frames among those received. */
  readonly errorsReceived: number;
  /** Octets handed to the transport; of a text message, UTF-16 units. */
  readonly bytesSent: number;
  /** Octets that the transport delivered; of a text message, UTF-16 units. */
  readonly bytesReceived: number;
  /** Heart-beats that were sent because nothing else was. */
  readonly heartBeatsSent: number;
  /** Those that came apart from frames: the EOL that RabbitMQ writes after each frame is none. */
  readonly heartBeatsReceived: number;
  /** How often the broker was silent for so long that it was taken for dead. */
  readonly heartBeatsMissed: number;
  /** Messages for no subscription, and those dropped because a subscription was not read fast enough. */
  readonly messagesDropped: number;
}

/** How much there is at this moment. */
export interface Gauges {
  /** Receipts that are waited for now. */
  readonly receiptsPending: number;
  /** Octets that are handed to the transport and not written yet, now. */
  readonly bytesBuffered: number;
  /** Subscriptions that live now. */
  readonly subscriptions: number;
  /** Messages that were delivered and not read yet, now. */
  readonly messagesUnread: number;
  /** Messages in the outbox, now. */
  readonly outboxMessages: number;
  /** Requests that wait for their reply, now. */
  readonly requestsPending: number;
}

/** Counters of a client over all its sessions, and how much there is at this moment. */
export interface Metrics extends Totals, Gauges {}

/** The counters themselves: a connection adds to them. */
export class Counters implements Totals {
  connects = 0;
  reconnects = 0;
  framesSent = 0;
  framesReceived = 0;
  messagesSent = 0;
  messagesReceived = 0;
  errorsReceived = 0;
  bytesSent = 0;
  bytesReceived = 0;
  heartBeatsSent = 0;
  heartBeatsReceived = 0;
  heartBeatsMissed = 0;
  messagesDropped = 0;

  /** All of them, as they are now. */
  values(): Totals {
    // The fields are the object's own; its methods are not.
    return Object.assign({}, this);
  }
}
