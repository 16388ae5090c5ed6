/** Things that calls wait for, by id. */
import { Deadlines } from "./deadlines.js";
import { type Deferred, deferred } from "./deferred.js";
import { onAbort } from "./on-abort.js";

/** How long, and until which signal, something is waited for. */
export interface WaitLimits {
  /** In ms; may be `Infinity`. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** What happens to the waits of a {@link Waits}, apart from their answers. */
export interface WaitEvents<D> {
  /** The error of a wait whose time is over. */
  expired(id: string, details: D): unknown;
  /** A wait has ended, whatever way. */
  ended?(details: D): void;
  /** The first wait has begun, or the last one has ended. */
  changed(): void;
}

interface Wait<T, D> {
  readonly details: D;
  readonly waiter: Deferred<T>;
  readonly unlisten: (() => void) | undefined;
}

/**
 * Waits for answers by id. Each wait ends once: with its answer, a rejection, its time-out or its signal. `D` is what is known of a
 * wait besides.
 */
export class Waits<T, D> {
  readonly #waits = new Map<string, Wait<T, D>>();
  readonly #events: WaitEvents<D>;
  readonly #deadlines = new Deadlines<string>((id) => {
    const wait = this.#take(id);
    wait?.waiter.reject(this.#events.expired(id, wait.details));
  });

  constructor(events: WaitEvents<D>) {
    this.#events = events;
  }

  /** How many there are. */
  get size(): number {
    return this.#waits.size;
  }

  /** Whether something is waited for under that id. */
  has(id: string): boolean {
    return this.#waits.has(id);
  }

  /** Wait for an answer under an id that is not in use. `waiter` is settled synchronously, before any promise callback runs. */
  begin(id: string, details: D, { timeout, signal }: WaitLimits, waiter: Deferred<T> = deferred<T>()): Promise<T> {
    const unlisten = signal && onAbort(signal, () => this.reject(id, signal.reason));
    this.#waits.set(id, { details, waiter, unlisten });
    this.#deadlines.set(id, timeout);
    if (this.#waits.size === 1) this.#events.changed();
    return waiter.promise;
  }

  /** The answer came. Returns whether anyone waited for it. */
  resolve(id: string, answer: T): boolean {
    const wait = this.#take(id);
    wait?.waiter.resolve(answer);
    return wait !== undefined;
  }

  /** No answer will come. Returns whether anyone waited for it. */
  reject(id: string, error: unknown): boolean {
    const wait = this.#take(id);
    wait?.waiter.reject(error);
    return wait !== undefined;
  }

  /** Nothing was asked: the wait ends, and its promise stays as it is. */
  forget(id: string): void {
    this.#take(id);
  }

  /** No answer will come to those that `errorOf` has an error for. Returns whether there was one. */
  rejectEach(errorOf: (details: D) => unknown): boolean {
    let any = false;
    for (const [id, { details }] of [...this.#waits]) {
      const error = errorOf(details);
      if (error !== undefined && this.reject(id, error)) any = true;
    }
    return any;
  }

  #take(id: string): Wait<T, D> | undefined {
    const wait = this.#waits.get(id);
    if (wait === undefined) return undefined;
    this.#waits.delete(id);
    this.#deadlines.delete(id);
    wait.unlisten?.();
    this.#events.ended?.(wait.details);
    if (this.#waits.size === 0) this.#events.changed();
    return wait;
  }
}
