/** What a client tells of itself. */
import type { ServerError, StompError } from "../../errors.js";
import type { SessionInfo } from "./session-info.js";
import type { Message } from "../messages/message.js";

/** Something that happened to a client; `type` tells which. */
export type Status =
  /** An attempt to connect to a target has begun. `attempt`: 0 for the first, see {@link ReconnectPolicy}. */
  | { readonly type: "connecting"; readonly target: string; readonly attempt: number }
  /** A session is established. */
  | ({ readonly type: "connected" } & SessionInfo)
  /** `disconnect` was called: what is pending is waited for, attempts to connect are given up. */
  | { readonly type: "disconnecting" }
  /** The session has ended, or none came about. `reason` is absent after `disconnect` and `reconnect`. `reconnects`: whether another one will be tried for. */
  | { readonly type: "disconnected"; readonly reason: StompError | undefined; readonly reconnects: boolean }
  /** The next attempt to connect, number `attempt`, is made in `delay` ms, or at once when `reconnect` is called or a page shows a sign that the network is back. */
  | { readonly type: "reconnecting"; readonly attempt: number; readonly delay: number; readonly error: StompError }
  /** The broker sent an ERROR that concerns no call and no subscription. The session goes on unless the broker ends it. */
  | { readonly type: "server-error"; readonly error: ServerError }
  /** A message handler threw or rejected. It concerns that message alone. */
  | { readonly type: "handler-error"; readonly error: unknown; readonly destination: string }
  /** The broker ended the session because of this SUBSCRIBE several times in a row: the subscription has ended. */
  | { readonly type: "subscription-refused"; readonly error: Error; readonly destination: string }
  /**
   * A subscription has ended without being asked to: the broker cancelled it, it was not read fast enough, or (with
   * `invalid: "fail"`) a message had no valid value. Its reader is given the same `error`.
   */
  | {
      readonly type: "subscription-failed";
      readonly error: Error;
      readonly subscription: string;
      readonly destination: string;
    }
  /** A subscription's codec could make no value of a message. */
  | {
      readonly type: "invalid-message";
      readonly error: unknown;
      readonly destination: string;
      readonly message: Message<unknown>;
    }
  /** A message came for a subscription that is not there (any more), and was dropped. `count`: how many so far. */
  | { readonly type: "message-dropped"; readonly subscription: string | undefined; readonly count: number }
  /**
   * A subscription is not read fast enough, and a message was dropped: its oldest unread one, or with `whenSlow: "fail"` the one
   * that came, and the subscription ends. `count`: how many of it so far.
   */
  | {
      readonly type: "slow-consumer";
      readonly subscription: string;
      readonly destination: string;
      readonly count: number;
    }
  /** A heart-beat of the broker came. Frames are signs of life too, and not told here. */
  | { readonly type: "heart-beat" }
  /** The broker was silent for too long: the connection is given up. `silence` in ms. */
  | { readonly type: "heart-beat-missed"; readonly silence: number }
  /**
   * A message that the outbox's store kept, and that no call waits for any longer, is given up: the broker refuses it, or it
   * cannot be expressed in the session's version. Without a listener it becomes an unhandled rejection.
   */
  | { readonly type: "unsent-message"; readonly error: unknown; readonly destination: string }
  /**
   * The outbox's store could not be opened, which is tried again, or could not forget a message, which will be sent again
   * some day. Without a listener it becomes an unhandled rejection, unless a call is told.
   */
  | { readonly type: "store-error"; readonly error: unknown };

/** Is told what happens. What it throws is reported as an unhandled rejection, and harms nobody else. */
export type StatusListener = (status: Status) => void;

/** The status listeners of a client. */
export class StatusListeners {
  readonly #listeners = new Set<StatusListener>();
  /** What is being told, and what has happened over that: all listeners hear of it in the same order. */
  readonly #untold: Status[] = [];

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
    this.#untold.push(status);
    if (this.#untold.length > 1) return;
    for (const next of this.#untold) this.#tellAll(next);
    this.#untold.length = 0;
  }

  #tellAll(status: Status): void {
    for (const listener of [...this.#listeners]) {
      if (!this.#listeners.has(listener)) continue; // removed by one before it
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

/** So many are kept that nobody has read. */
const MOST_UNREAD = 1000;

/** What happens, to be read with `for await`. */
export class StatusFeed implements AsyncIterableIterator<Status, undefined, undefined> {
  readonly #unlisten: () => void;
  #unread: Status[] = [];
  readonly #readers: ((result: IteratorResult<Status, undefined>) => void)[] = [];
  #isOver = false;

  /** Listens from now on. */
  constructor(listeners: StatusListeners) {
    this.#unlisten = listeners.add((status) => {
      const reader = this.#readers.shift();
      if (reader !== undefined) {
        reader({ done: false, value: status });
        return;
      }
      this.#unread.push(status);
      if (this.#unread.length > MOST_UNREAD) this.#unread.shift();
    });
  }

  /** What happened next. */
  next(): Promise<IteratorResult<Status, undefined>> {
    const status = this.#unread.shift();
    if (status !== undefined) return Promise.resolve({ done: false, value: status });
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#readers.push(resolve);
    });
  }

  /** Listen no more. */
  return(): Promise<IteratorResult<Status, undefined>> {
    this.#isOver = true;
    this.#unlisten();
    this.#unread = [];
    for (const reader of this.#readers.splice(0)) reader({ done: true, value: undefined });
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
