/** A client's connection, as the broker shows it to its owner. Types only. */
import type { HeadersInit, HeartBeat, Version } from "../protocol/index.js";
import type { AckMode } from "./subscription.js";

/** A client's connection. */
export interface BrokerConnection {
  /** The id of the session, as CONNECTED names it. */
  readonly id: string;
  /** Whom it is connected to. */
  readonly peer: string;
  /** The version agreed on; `undefined` before CONNECTED. */
  readonly version: Version | undefined;
  /** The login that was given in CONNECT. */
  readonly login: string | undefined;
  /** The heart-beats agreed on, from the broker's side. */
  readonly heartBeat: HeartBeat;
  /** The subscriptions, those to reply queues included. */
  readonly subscriptions: readonly SubscriptionInfo[];
  /** How many messages were sent and are not acknowledged. */
  readonly unacknowledged: number;
  /**
   * Send nothing any more, heart-beats included, but stay connected and go on reading. Messages wait in their queues. The
   * function that is returned ends the silence: what was to be sent is sent then.
   */
  silence(): () => void;
  /** Send an ERROR. */
  error(answer: ErrorAnswer): void;
  /** Let so many octets through from now on, then {@link BrokerConnection.close}: perhaps in the middle of a frame. */
  closeAfter(octets: number): void;
  /** End at once, as a reset does; what was just sent may be lost. */
  cut(): void;
  /** End in order, as a FIN or the close frame of a WebSocket does, without a word of STOMP. Resolves at the end. */
  close(): Promise<void>;
}

/** A subscription, as {@link BrokerConnection.subscriptions} shows it. */
export interface SubscriptionInfo {
  /** The `id` header; a client of 1.0 may have given none. */
  readonly id: string | undefined;
  /** As the client wrote it. */
  readonly destination: string;
  /** How its messages are acknowledged. */
  readonly ack: AckMode;
  /** How many of its messages are not acknowledged. */
  readonly unacknowledged: number;
}

/** An ERROR that a script answers with, or that {@link BrokerConnection.error} sends. */
export interface ErrorAnswer {
  /** The `message` header. */
  readonly message: string;
  /** @default "" */
  readonly body?: string;
  /** More headers, as `subscription`. */
  readonly headers?: HeadersInit;
  /** Whether it names the receipt that the frame asked for. @default what the dialect does */
  readonly receiptId?: boolean;
  /**
   * Whether the connection is closed after it. Over WebSocket RabbitMQ's dialect closes without it then.
   * @default what the dialect does: true
   */
  readonly close?: boolean;
  /** Whether the RECEIPT that the frame asked for is sent all the same: before the ERROR or after it. @default it is not */
  readonly receipt?: "before" | "after";
}
