/** ACK and NACK: what each version and ack mode needs, and what a broker must never be sent. */
import { InvalidStateError, StaleMessageError } from "../../errors.js";
import type { Connection } from "../connection/connection.js";
import type { Message, SettleOptions, Settler } from "../messages/message.js";
import { type Pairs, addHeaders, outgoing } from "../connection/outgoing.js";
import type { AnySubscription } from "./subscription.js";

interface Settlement {
  readonly command: "ACK" | "NACK";
  readonly done: Promise<void>;
  /** What was settled before it, in the mode "client". */
  readonly before: number;
  /** The transaction that it is part of, while that can be aborted. */
  openIn: string | undefined;
}

/** Headers of ACK and NACK that are made from the message and the options. */
const OWN_HEADERS = ["id", "message-id", "subscription", "transaction", "receipt"];

/**
 * Settles the messages that one subscription got in one session. A message is settled once: brokers end the connection
 * after a second ACK.
 */
export class Acknowledger implements Settler {
  readonly #connection: Connection;
  readonly #subscription: AnySubscription;
  /** How single messages were settled, while they matter. */
  readonly #settled = new WeakMap<Message<unknown>, Settlement>();
  /** In the mode "client": all up to this one are settled. */
  #settledUpTo = 0;
  /** In the mode "client": the open transaction that has settled up to there. */
  #openIn: string | undefined;

  constructor(connection: Connection, subscription: AnySubscription) {
    this.#connection = connection;
    this.#subscription = subscription;
  }

  /** Whether the message is settled, by itself or by a later one. */
  isSettled(message: Message<unknown>): boolean {
    return this.#settled.has(message) || message.sequence <= this.#settledUpTo;
  }

  /** Whether it is settled in a transaction that can be aborted. */
  isTentative(message: Message<unknown>): boolean {
    return this.#openIn !== undefined || this.#settled.get(message)?.openIn !== undefined;
  }

  decide(message: Message<unknown>, isCommitted: boolean): void {
    const settlement = this.#settled.get(message);
    if (settlement === undefined) return;
    this.#openIn = undefined;
    settlement.openIn = undefined;
    if (!isCommitted) {
      this.#settled.delete(message);
      this.#settledUpTo = Math.min(this.#settledUpTo, settlement.before);
    }
    this.#subscription.settledOne();
  }

  settle(
    command: "ACK" | "NACK",
    message: Message<unknown>,
    options: SettleOptions,
    isTentative = false,
  ): Promise<void> {
    try {
      options.signal?.throwIfAborted();
      const before = this.#settled.get(message);
      // It would be settled twice when that transaction is committed.
      const openIn = this.#openIn ?? before?.openIn;
      if (openIn !== undefined && openIn !== options.transaction && this.#connection.isOpen) {
        throw new InvalidStateError(
          `message ${message.messageId} is settled in transaction ${openIn}, or after one that is: that must end first`,
        );
      }
      if (before !== undefined) {
        if (before.command === command) return before.done;
        throw new InvalidStateError(`message ${message.messageId} was settled before, by ${before.command}`);
      }
      if (message.sequence <= this.#settledUpTo) {
        if (command === "ACK") return Promise.resolve();
        throw new InvalidStateError(`message ${message.messageId} was settled before, together with a later one`);
      }
      return this.#settle(command, message, options, isTentative);
    } catch (error) {
      return Promise.reject(error); // what was thrown above, or the signal's reason, untouched
    }
  }

  #settle(
    command: "ACK" | "NACK",
    message: Message<unknown>,
    options: SettleOptions,
    isTentative: boolean,
  ): Promise<void> {
    const { ack, id } = this.#subscription;
    if (ack === "auto") {
      // An ACK is an error here, after which some brokers end the connection.
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
    const pairs = this.#pairs(command, message, options);
    const done = this.#connection.send(outgoing(command, this.#subscription.destination, pairs), options);
    const openIn = isTentative ? options.transaction : undefined;
    this.#settled.set(message, { command, done, before: this.#settledUpTo, openIn });
    if (ack === "client") {
      this.#settledUpTo = message.sequence;
      this.#openIn = openIn;
    }
    this.#subscription.settledOne();
    return done;
  }

  #pairs(command: "ACK" | "NACK", message: Message<unknown>, { transaction, headers }: SettleOptions): Pairs {
    const pairs: Pairs = [];
    const { version } = this.#connection;
    if (version === "1.2") {
      // STOMP 1.2, "ACK": the id is that of the `ack` header of the MESSAGE.
      pairs.push(["id", message.headers.get("ack") ?? message.messageId]);
    } else {
      // 1.0 does not require the subscription. Without it ActiveMQ Classic counts a message that an earlier subscription of the
      // session gave back as on its way for ever, and sends one less ahead.
      pairs.push(["message-id", message.messageId], ["subscription", this.#subscription.id]);
    }
    if (transaction !== undefined) pairs.push(["transaction", transaction]);
    addHeaders(pairs, headers, command, OWN_HEADERS);
    return pairs;
  }
}
