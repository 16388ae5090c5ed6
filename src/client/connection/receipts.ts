/** The receipts that a connection waits for. */
import { ConnectionLostError, type Outcome, ReceiptTimeoutError, type StompError } from "../../errors.js";
import { Deadlines } from "../../internal/deadlines.js";
import { type Deferred, deferred } from "../../internal/deferred.js";

/** Which receipt is waited for, how long, and what else ends the wait. */
export interface ReceiptWait {
  readonly id: string;
  /** Names the frame in messages. */
  readonly what: string;
  /** In ms; perhaps `Infinity`. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
  /** Whether the session may end in order before it comes: a broker that answers no receipts is not to delay that. @default false */
  readonly isOptional?: boolean;
  /** Is settled at once, where the microtasks of a promise would be too late. @default a promise of its own */
  readonly waiter?: Deferred<void>;
}

interface Pending {
  readonly waiter: Deferred<void>;
  readonly what: string;
  readonly timeout: number;
  readonly isOptional: boolean;
  readonly unlisten: (() => void) | undefined;
}

/**
 * Receipts by id. Each ends in one of: its RECEIPT, an ERROR that names it, its time-out, its signal, or the end of the
 * connection. A RECEIPT settles no other receipt, for brokers send them in any order.
 */
export class Receipts {
  readonly #pending = new Map<string, Pending>();
  readonly #deadlines = new Deadlines<string>((id) => {
    this.#expire(id);
  });
  readonly #changed: () => void;
  /** How many there are that are not optional, and who waits for there to be none. */
  #required = 0;
  #whenComplete: Deferred<void> | undefined;

  /** `changed` is called when the first receipt is waited for, and when the last one is settled. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** How many are waited for. */
  get size(): number {
    return this.#pending.size;
  }

  /** Whether `id` is waited for. */
  has(id: string): boolean {
    return this.#pending.has(id);
  }

  /** Wait for a receipt. */
  wait({ id, what, timeout, signal, isOptional = false, waiter = deferred() }: ReceiptWait): Promise<void> {
    let unlisten: (() => void) | undefined;
    if (signal !== undefined) {
      const aborted = (): void => {
        this.#take(id)?.waiter.reject(signal.reason);
      };
      signal.addEventListener("abort", aborted, { once: true });
      unlisten = () => {
        signal.removeEventListener("abort", aborted);
      };
    }
    this.#pending.set(id, { waiter, what, timeout, isOptional, unlisten });
    if (!isOptional) this.#required++;
    this.#deadlines.set(id, timeout);
    if (this.#pending.size === 1) this.#changed();
    return waiter.promise;
  }

  /** The RECEIPT came. Whether anyone waited for it. */
  settle(id: string): boolean {
    const pending = this.#take(id);
    pending?.waiter.resolve();
    return pending !== undefined;
  }

  /** An ERROR names the receipt, or it is known that it will not come. Whether anyone waited for it. */
  refuse(id: string, error: unknown): boolean {
    const pending = this.#take(id);
    pending?.waiter.reject(error);
    return pending !== undefined;
  }

  /** The connection has ended: no receipt will come. */
  lose(reason: StompError, outcome: Outcome): void {
    for (const id of [...this.#pending.keys()]) {
      const pending = this.#take(id);
      pending?.waiter.reject(
        new ConnectionLostError(`connection lost before the receipt of ${pending.what}: ${reason.message}`, outcome, {
          cause: reason,
        }),
      );
    }
  }

  /** Resolves when no receipt is waited for but optional ones. */
  whenComplete(): Promise<void> {
    if (this.#required === 0) return Promise.resolve();
    this.#whenComplete ??= deferred<void>();
    return this.#whenComplete.promise;
  }

  #expire(id: string): void {
    const pending = this.#take(id);
    pending?.waiter.reject(
      new ReceiptTimeoutError(`no receipt of ${pending.what} within ${pending.timeout} ms`, id, pending.timeout),
    );
  }

  #take(id: string): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    this.#deadlines.delete(id);
    pending.unlisten?.();
    if (!pending.isOptional && --this.#required === 0) {
      this.#whenComplete?.resolve();
      this.#whenComplete = undefined;
    }
    if (this.#pending.size === 0) this.#changed();
    return pending;
  }
}
