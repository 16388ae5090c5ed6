/** The listeners for what happens in a client. */
import type { Status, StatusListener } from "./status.js";
import { Warnings } from "./warnings.js";

/** The status listeners of a client. */
export class StatusListeners {
  readonly #listeners = new Set<StatusListener>();
  /** What is being reported, and what happened meanwhile: all listeners hear of it in the same order. */
  readonly #untold: Status[] = [];
  readonly #warnings = new Warnings();

  /** Add a listener. The function it returns removes it. */
  add(listener: StatusListener): () => void {
    const own: StatusListener = (status) => {
      listener(status);
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

  /** Tell all listeners. */
  tell(status: Status): void {
    this.#untold.push(status);
    if (this.#untold.length > 1) return;
    for (const next of this.#untold) this.#tellAll(next);
    this.#untold.length = 0;
  }

  #tellAll(status: Status): void {
    for (const listener of [...this.#listeners]) {
      if (!this.#listeners.has(listener)) continue; // removed by an earlier one
      try {
        listener(status);
      } catch (error) {
        void Promise.reject(error);
      }
    }
  }

  /** Report what a peer sent. Without a listener it is a warning: a peer must not end the process. */
  tellOrWarn(status: Status, warning = "the broker sent an ERROR that no call waits for"): void {
    if (this.areThere) this.tell(status);
    else this.#warnings.warn(status.type, warning);
  }

  /** Report an error that no call rejects with: without a listener it becomes an unhandled rejection, so that it is never lost. */
  tellError(error: unknown, status: Status): void {
    if (!this.areThere) void Promise.reject(error);
    else this.tell(status);
  }
}
