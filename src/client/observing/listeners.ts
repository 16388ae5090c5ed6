/** Listeners that a program adds and removes. */

/** Listeners for events. What a listener throws is reported as an unhandled rejection, and affects nothing else. */
export class Listeners<E> {
  readonly #listeners = new Set<(event: E) => void>();

  /** Add a listener. The function it returns removes it. */
  add(listener: (event: E) => void): () => void {
    // One of its own: the same function may be added twice.
    const own = (event: E): void => {
      listener(event);
    };
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  /** Whether there are any. */
  get areThere(): boolean {
    return this.#listeners.size > 0;
  }

  /** Call those that there are now, except one that another one removes. */
  protected call(event: E): void {
    for (const listener of [...this.#listeners]) {
      if (!this.#listeners.has(listener)) continue;
      try {
        listener(event);
      } catch (error) {
        void Promise.reject(error); // as an event target does it
      }
    }
  }
}
