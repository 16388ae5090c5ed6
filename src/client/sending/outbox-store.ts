/** The store behind an outbox; without one, nothing is asked of anybody. */
import type { SendStore, StoredSend } from "../../store.js";

const DONE = Promise.resolve();

/** What an opened store tells its outbox. */
export interface OutboxStoreHost {
  /** It is open, and kept this from earlier; or it is open already, and has taken this over. */
  opened(kept: readonly StoredSend[]): void;
  /** It could not be opened. */
  openFailed(error: unknown): void;
}

/**
 * Opens a store when it is needed, and once at a time: what is asked of the store comes between its `open` and its
 * `close`, and the next `open` after that. Whatever way the store fails, here it is a rejection.
 */
export class OutboxStore {
  readonly #store: SendStore | undefined;
  readonly #host: OutboxStoreHost;
  #opening: Promise<void> | undefined;
  #isOpen = false;
  #closing = DONE;
  /** What the store is busy with. */
  readonly #calls = new Set<Promise<void>>();

  constructor(store: SendStore | undefined, host: OutboxStoreHost) {
    this.#store = store;
    this.#host = host;
  }

  /** Whether what it has survives a crash. */
  get isDurable(): boolean {
    return this.#store !== undefined;
  }

  /** Whether messages can be given to it. */
  get isOpen(): boolean {
    return this.#isOpen || this.#store === undefined;
  }

  /** Whether it is not known yet what it has. */
  get isOpening(): boolean {
    return this.#opening !== undefined && !this.#isOpen;
  }

  /** Open it, unless that is done or under way; the host is told. After a failure it may be tried again. */
  open(): void {
    const store = this.#store;
    if (store === undefined || this.#opening !== undefined) return;
    const opened = (kept: readonly StoredSend[]): void => {
      if (this.#opening !== opening) return; // it is being closed
      this.#isOpen = true;
      this.#host.opened(kept);
    };
    const opening: Promise<void> = this.#closing
      .then(() => store.open(opened))
      .then(opened, (error: unknown) => {
        if (this.#opening === opening) this.#opening = undefined;
        this.#host.openFailed(error);
      });
    this.#opening = opening;
  }

  /** Keep a message. Resolves when it would survive a crash. */
  add(send: StoredSend): Promise<void> {
    return this.#call(async (store) => store.add(send));
  }

  /** Forget a message, if need be after it is `kept`. Resolves when that would survive a crash. */
  delete(key: string, kept?: Promise<void>): Promise<void> {
    return this.#call(async (store) => {
      if (kept !== undefined) await kept;
      await store.delete(key);
    });
  }

  /** Park a message, or without a reason park it no longer. Resolves when that would survive a crash. */
  park(key: string, reason?: string): Promise<void> {
    return this.#call(async (store) => store.park(key, reason));
  }

  /** Let go of it, when what is under way is done. Never rejects; may take for ever. */
  close(): Promise<void> {
    const opening = this.#opening;
    if (opening !== undefined) {
      this.#opening = undefined;
      this.#isOpen = false;
      this.#closing = opening
        .then(() => Promise.allSettled(this.#calls))
        .then(() => this.#store?.close())
        .catch(() => undefined);
    }
    return this.#closing;
  }

  #call(ask: (store: SendStore) => Promise<void>): Promise<void> {
    if (this.#store === undefined || !this.#isOpen) return DONE;
    const call = ask(this.#store);
    this.#calls.add(call);
    const done = (): void => {
      this.#calls.delete(call);
    };
    call.then(done, done);
    return call;
  }
}
