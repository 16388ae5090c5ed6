/** Finds out what ends sessions: brokers end them over a frame that they refuse, often without a word. */
import { ConnectionLostError, HeartBeatError, ServerError, type StompError } from "../../errors.js";

/** How many sessions must end while something is alone on trial. */
const MOST_STRIKES = 3;

interface Strikes {
  count: number;
  /** When the first one was, in ms of `performance.now()`. */
  readonly since: number;
}

/**
 * Something is on trial from the time that it is sent until the broker has answered it. When a session ends, all that was on trial is
 * suspect, and goes one at a time in the next session. An item that is alone on trial when three sessions end is set aside; the others
 * go on.
 */
export class Suspects<T extends object> {
  /** In the order in which they are to be tried. */
  readonly #suspects = new Set<T>();
  readonly #strikes = new WeakMap<T, Strikes>();

  /** How many there are. */
  get size(): number {
    return this.#suspects.size;
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#suspects.values();
  }

  /** Whether something is suspect. */
  has(item: T): boolean {
    return this.#suspects.has(item);
  }

  /** The broker has taken it, or it is not sent any more. */
  clear(item: T): void {
    this.#suspects.delete(item);
    this.#strikes.delete(item);
  }

  /** Nothing is suspect any more. */
  clearAll(): void {
    for (const item of this.#suspects) this.clear(item);
  }

  /** A session ended for another reason: only what already has a strike stays suspect. */
  clearUnstruck(): void {
    for (const item of this.#suspects) if (!this.#strikes.has(item)) this.#suspects.delete(item);
  }

  /**
   * A session ended over what was on trial. Returns what is to be given up, if that is known now. `isAlone`: nothing else was on trial.
   * `doubt`: for how long sessions must keep ending without an ERROR, in ms: brokers in trouble end them too.
   */
  blame(onTrial: readonly T[], reason: ConnectionLostError, isAlone: boolean, doubt: number): T | undefined {
    for (const item of onTrial) {
      this.#suspects.delete(item); // those that were not tried yet come first
      this.#suspects.add(item);
    }
    const [only] = onTrial;
    if (only === undefined || onTrial.length > 1 || !isAlone) return undefined;
    const now = performance.now();
    const strikes = this.#strikes.get(only) ?? { count: 0, since: now };
    this.#strikes.set(only, strikes);
    strikes.count++;
    if (strikes.count < MOST_STRIKES) return undefined;
    return answerOf(reason) instanceof ServerError || now - strikes.since >= doubt ? only : undefined;
  }
}

/**
 * Whether the end of a session looks like the broker's answer to what it was sent, and not like a broken network: an ERROR
 * came before it, or the peer closed in order (as RabbitMQ does over WebSocket, without a word).
 */
export function isAnswer(reason: StompError | undefined): reason is ConnectionLostError {
  if (!(reason instanceof ConnectionLostError) || reason instanceof HeartBeatError) return false;
  return reason.cause === undefined || reason.cause instanceof ServerError;
}

/** What the broker said before it ended the session; otherwise the end itself. */
export function answerOf(reason: ConnectionLostError): StompError {
  return reason.cause instanceof ServerError ? reason.cause : reason;
}
