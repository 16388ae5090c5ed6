/** ACK and NACK: what each version and ack mode wants, and what a broker must never be sent. */
import { InvalidStateError, StaleMessageError } from "../errors.js";
import type { HeaderValue } from "../protocol/index.js";
import type { Connection } from "./connection.js";
import type { Message, SettleOptions, Settler } from "./message.js";
import type { AnySubscription } from "./subscription.js";

type Send = (
  command: "ACK" | "NACK",
  pairs: readonly (readonly [string, HeaderValue | undefined])[],
  options: SettleOptions,
) => Promise<void>;

interface Settlement {
  readonly command: "ACK" | "NACK";
  readonly done: Promise<void>;
  /** What was settled before it, in the mode "client". */
  readonly before: number;
}

/**
 * Settles the messages that one subscription got in one session. A message is settled once: brokers end the connection
 * over a second ACK.
 */
export class SessionSettler implements Settler {
  readonly #connection: Connection;
  readonly #subscription: AnySubscription;
  readonly #send: Send;
  /** How single messages were settled, while they matter. */
  readonly #settled = new WeakMap<Message<unknown>, Settlement>();
  /** In the mode "client": all up to this one are settled. */
  #settledUpTo = 0;

  constructor(connection: Connection, subscription: AnySubscription, send: Send) {
    this.#connection = connection;
    this.#subscription = subscription;
    this.#send = send;
  }

  /** Whether the message is settled, by itself or by a later one. */
  isSettled(message: Message<unknown>): boolean {
    return this.#settled.has(message) || message.sequence <= this.#settledUpTo;
  }

  unsettle(message: Message<unknown>): void {
    const settlement = this.#settled.get(message);
    if (settlement === undefined) return;
    this.#settled.delete(message);
    this.#settledUpTo = Math.min(this.#settledUpTo, settlement.before);
  }

  settle(command: "ACK" | "NACK", message: Message<unknown>, options: SettleOptions): Promise<void> {
    try {
      options.signal?.throwIfAborted();
      const before = this.#settled.get(message);
      if (before !== undefined) {
        if (before.command === command) return before.done;
        throw new InvalidStateError(`message ${message.messageId} was settled before, by ${before.command}`);
      }
      if (message.sequence <= this.#settledUpTo) {
        if (command === "ACK") return Promise.resolve();
        throw new InvalidStateError(`message ${message.messageId} was settled before, together with a later one`);
      }
      return this.#settle(command, message, options);
    } catch (error) {
      return Promise.reject(error); // what was thrown above, or the signal's reason, untouched
    }
  }

  #settle(command: "ACK" | "NACK", message: Message<unknown>, options: SettleOptions): Promise<void> {
    const { ack, id } = this.#subscription;
    if (ack === "auto") {
      // Brokers take an ACK here for an error, and some end the connection.
      if (command === "ACK") return Promise.resolve();
      throw new InvalidStateError(
        `NACK needs the ack mode "client" or "client-individual", subscription ${id} has "auto"`,
      );
    }
    if (command === "NACK" && this.#connection.version === "1.0") {
      throw new InvalidStateError("NACK needs STOMP 1.1, the session is of 1.0");
    }
    if (!this.#connection.isOpen) {
      throw new StaleMessageError(
        `message ${message.messageId} came in a session that has ended; the broker delivers it again`,
      );
    }
    if (!this.#subscription.isLive) {
      throw new InvalidStateError(`message ${message.messageId} is the broker's again: subscription ${id} has ended`);
    }
    const done = this.#send(command, this.#pairs(message, options), options);
    this.#settled.set(message, { command, done, before: this.#settledUpTo });
    if (ack === "client") this.#settledUpTo = message.sequence;
    this.#subscription.settledOne();
    return done;
  }

  #pairs(message: Message<unknown>, { transaction, headers }: SettleOptions): [string, HeaderValue | undefined][] {
    const pairs: [string, HeaderValue | undefined][] = [];
    const { version } = this.#connection;
    if (version === "1.2") {
      // STOMP 1.2, "ACK": the id is that of the `ack` header of the MESSAGE.
      pairs.push(["id", message.headers.get("ack") ?? message.messageId]);
    } else {
      pairs.push(["message-id", message.messageId]);
      if (version === "1.1") pairs.push(["subscription", this.#subscription.id]);
    }
    if (transaction !== undefined) pairs.push(["transaction", transaction]);
    for (const pair of Object.entries(headers ?? {})) pairs.push(pair);
    return pairs;
  }
}
