/** Deadlines for many things with one timer. */
import { LONGEST_DELAY } from "./duration.js";

/** Calls back for each key whose time has come. Many deadlines share one timer, which is set only while there are any. */
export class Deadlines<K> {
  readonly #expired: (key: K) => void;
  readonly #due = new Map<K, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerDue = Infinity;

  /** `expired` is called once for each key that is not deleted in time. */
  constructor(expired: (key: K) => void) {
    this.#expired = expired;
  }

  /** Set the deadline of `key` to `delay` ms from now; `Infinity`: never. */
  set(key: K, delay: number): void {
    if (delay === Infinity) {
      this.delete(key);
      return;
    }
    const due = performance.now() + delay;
    this.#due.set(key, due);
    // Most have the same delay, so the timer that runs is the earliest, and is left alone.
    if (due < this.#timerDue) this.#arm(due);
  }

  /** Forget the deadline of `key`. */
  delete(key: K): void {
    this.#due.delete(key);
    if (this.#due.size === 0) this.#disarm();
  }

  /** Forget all deadlines. */
  clear(): void {
    this.#due.clear();
    this.#disarm();
  }

  #arm(due: number): void {
    this.#disarm();
    this.#timerDue = due;
    const delay = Math.min(LONGEST_DELAY, Math.max(0, Math.ceil(due - performance.now())));
    this.#timer = setTimeout(() => {
      this.#fire();
    }, delay);
  }

  #disarm(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerDue = Infinity;
  }

  #fire(): void {
    this.#disarm();
    const now = performance.now();
    const expired: K[] = [];
    let next = Infinity;
    for (const [key, due] of this.#due) {
      if (due <= now) expired.push(key);
      else if (due < next) next = due;
    }
    if (next !== Infinity) this.#arm(next);
    for (const key of expired) {
      if (this.#due.delete(key)) this.#expired(key);
    }
  }
}
