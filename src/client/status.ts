/** What a client tells of itself. */
import type { ServerError, StompError } from "../errors.js";
import type { SessionInfo } from "./connection.js";

/** Something that happened to a client; `type` tells which. */
export type Status =
  /** An attempt to connect has begun. */
  | { readonly type: "connecting" }
  /** A session is established. */
  | ({ readonly type: "connected" } & SessionInfo)
  /** `disconnect` was called: what is pending is waited for. */
  | { readonly type: "disconnecting" }
  /** The session has ended. `reason` is absent after `disconnect`. */
  | { readonly type: "disconnected"; readonly reason: StompError | undefined }
  /** The broker sent an ERROR that concerns no call and no subscription. The session goes on unless the broker ends it. */
  | { readonly type: "server-error"; readonly error: ServerError }
  /** A message handler threw or rejected. It concerns that message alone. */
  | { readonly type: "handler-error"; readonly error: unknown; readonly destination: string }
  /** A message came for a subscription that is not there (any more), and was dropped. `count`: how many so far. */
  | { readonly type: "message-dropped"; readonly subscription: string | undefined; readonly count: number };

/** Is told what happens. What it throws is reported as an unhandled rejection, and harms nobody else. */
export type StatusListener = (status: Status) => void;

/** The status listeners of a client. */
export class StatusListeners {
  readonly #listeners = new Set<StatusListener>();

  /** Add a listener; what is returned removes it. */
  add(listener: StatusListener): () => void {
    const own: StatusListener = (status) => {
      listener(status);
    };
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  /** Tell all listeners. */
  tell(status: Status): void {
    for (const listener of this.#listeners) {
      try {
        listener(status);
      } catch (error) {
        void Promise.reject(error);
      }
    }
  }

  /** Tell of an error that nobody else will hear of: without a listener it becomes an unhandled rejection, never nothing. */
  tellError(error: unknown, status: Status): void {
    if (this.#listeners.size === 0) void Promise.reject(error);
    else this.tell(status);
  }
}
