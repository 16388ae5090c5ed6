/** What happens in a client, to be read with `for await`. */
import type { Status } from "./status.js";
import type { StatusListeners } from "./status-listeners.js";

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
