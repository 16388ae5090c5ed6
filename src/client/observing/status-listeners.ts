/** The listeners for what happens in a client. */
import { Listeners } from "./listeners.js";
import type { Status } from "./status.js";
import { Warnings } from "./warnings.js";

/** The status listeners of a client. */
export class StatusListeners extends Listeners<Status> {
  /** What is being reported, and what happened meanwhile: all listeners hear of it in the same order. */
  readonly #untold: Status[] = [];
  readonly #warnings = new Warnings();

  /** Tell all listeners. */
  tell(status: Status): void {
    this.#untold.push(status);
    if (this.#untold.length > 1) return;
    for (const next of this.#untold) this.call(next);
    this.#untold.length = 0;
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
