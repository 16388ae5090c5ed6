/** The messages of an outbox that are parked: in the store, and not sent any more. */
import { ConnectionLostError, InvalidStateError } from "../../errors.js";
import type { StoredSend } from "../../store.js";
import type { StatusListeners } from "../observing/status-listeners.js";
import type { OutboxStore } from "./outbox-store.js";

/** A message that stays in the outbox's store unsent, until the program retries or discards it. */
export interface UnsentMessage extends StoredSend {
  /** Why it is not sent. */
  readonly parked: string;
}

/**
 * The messages that the outbox's store keeps and that are not sent any more, because the broker refuses them or the session's version
 * cannot express them, and no call waited for them. There are none while the store is not open: it is opened with the first session.
 */
export interface UnsentMessages {
  /** Those there are. */
  list(): readonly UnsentMessage[];
  /**
   * Send the one with that key again, or without a key all of them, before all others. Resolves when the store has noted that. What is
   * given up again is an unsent message again.
   *
   * Rejects with InvalidStateError when none has that key, and with the store's error: the message is sent all the same, but after a
   * crash it is unsent again.
   */
  retry(key?: string): Promise<void>;
  /**
   * Delete the one with that key from the store, or without a key all of them. Resolves when that would survive a crash.
   *
   * Rejects with InvalidStateError when none has that key, and with the store's error: then the message is still there.
   */
  discard(key?: string): Promise<void>;
}

/** Tell whether a message in a store is parked. */
export function isParked(send: StoredSend): send is UnsentMessage {
  return send.parked !== undefined;
}

/** What {@link ParkedMessages} need of their outbox. */
export interface ParkedMessagesHost {
  /** Send these after all. */
  restore(messages: readonly StoredSend[]): void;
  /** There is more room. */
  goOn(): void;
}

/** How much of a reason is stored: brokers send megabytes. */
const LONGEST_REASON = 1000;

/** The messages that are parked. */
export class ParkedMessages implements UnsentMessages {
  readonly #status: StatusListeners;
  readonly #store: OutboxStore;
  readonly #host: ParkedMessagesHost;
  readonly #messages = new Map<string, UnsentMessage>();
  /** The length of their bodies. */
  bytes = 0;

  constructor(status: StatusListeners, store: OutboxStore, host: ParkedMessagesHost) {
    this.#status = status;
    this.#store = store;
    this.#host = host;
  }

  /** How many there are. */
  get size(): number {
    return this.#messages.size;
  }

  /** Park a message because of an error that nobody else gets. Resolves when that would survive a crash. */
  park(send: StoredSend, error: unknown): Promise<void> {
    const reason = String((error as Error | undefined)?.message ?? error).slice(0, LONGEST_REASON); // it may be anything
    const done = this.#store.park(send.key, reason); // first: a listener may retry it
    this.add({ ...send, parked: reason }, error);
    return done;
  }

  /**
   * A message is parked. Where nobody listens, that is no unhandled rejection: what a broker refuses would end the process at each
   * start.
   */
  add(
    message: UnsentMessage,
    error: unknown = new ConnectionLostError(`not sent in an earlier session: ${message.parked}`, "kept"),
  ): void {
    const { key, destination, body } = message;
    this.#messages.set(key, message);
    this.bytes += body.length;
    this.#status.tellOrWarn(
      { type: "unsent-message", error, key, destination },
      `a message to ${destination} is not sent any more, see client.unsent`,
    );
  }

  list(): readonly UnsentMessage[] {
    return this.#choose();
  }

  /** The one with that key, or all. @throws InvalidStateError if there is none with that key. */
  #choose(key?: string): readonly UnsentMessage[] {
    if (key === undefined) return [...this.#messages.values()];
    const message = this.#messages.get(key);
    if (message === undefined) throw new InvalidStateError(`no unsent message has the key ${JSON.stringify(key)}`);
    return [message];
  }

  async retry(key?: string): Promise<void> {
    const messages = this.#choose(key);
    this.#host.restore(messages);
    const done = messages.map((message) => {
      this.#remove(message);
      return this.#store.park(message.key);
    });
    this.#host.goOn();
    await Promise.all(done);
  }

  async discard(key?: string): Promise<void> {
    const forget = async (message: UnsentMessage): Promise<void> => {
      await this.#store.delete(message.key);
      this.#remove(message);
      this.#host.goOn();
    };
    await Promise.all(this.#choose(key).map(forget));
  }

  /** The store is let go of. */
  clear(): void {
    this.#messages.clear();
    this.bytes = 0;
  }

  #remove({ key, body }: UnsentMessage): void {
    if (this.#messages.delete(key)) this.bytes -= body.length;
  }
}
