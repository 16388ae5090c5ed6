/** What the tests know of another client, whichever it is. */
import type { AckMode, Version } from "../../src/index.js";
import type { BrokerAddress } from "../brokers/broker.js";

/** A message as another client has read it. */
export interface PeerMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** A connected client that is not ours. What it does is confirmed by a receipt, but in a transaction. */
export interface Peer extends AsyncDisposable {
  send(destination: string, body: Uint8Array, headers?: Record<string, string>, transaction?: string): Promise<void>;
  /** Subscribe with an ack mode; its messages come from {@link take}. */
  subscribe(destination: string, ack?: AckMode): Promise<void>;
  /** Answer every request to a destination with its body in capitals. */
  respond(destination: string): Promise<void>;
  /** The next messages of its subscriptions. */
  take(count: number): Promise<PeerMessage[]>;
  ack(message: PeerMessage, transaction?: string): Promise<void>;
  nack(message: PeerMessage): Promise<void>;
  begin(transaction: string): Promise<void>;
  commit(transaction: string): Promise<void>;
  abort(transaction: string): Promise<void>;
  /** End the connection without a DISCONNECT. */
  drop(): Promise<void>;
}

/** A kind of client. */
export interface PeerKind {
  readonly name: string;
  /** Make sure that it is there. Resolves with what is wrong where it cannot be had. */
  ensure(): Promise<string | undefined>;
  connect(address: BrokerAddress, version: Version): Promise<Peer>;
  /** Whether it can read a body that is no text: RabbitMQ sends it in text messages over WebSocket. */
  readonly readsOctets: boolean;
  /** What it makes of a header value that comes escaped as the version says. */
  reads(version: Version, value: string): string;
  /** Whether it can write a header value so that it comes through. */
  writes(version: Version, value: string): boolean;
}

/** What comes one after another, and whoever waits for it. */
export class Inbox {
  readonly #messages: PeerMessage[] = [];
  #wake: (() => void) | undefined;

  put(message: PeerMessage): void {
    this.#messages.push(message);
    this.#wake?.();
  }

  async take(count: number): Promise<PeerMessage[]> {
    while (this.#messages.length < count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#messages.splice(0, count);
  }
}
