/** The store behind an outbox; without one, nothing is asked of anybody. */
import type { SendStore, StoredSend } from "../store.js";
import type { Entry } from "./outbox-entry.js";

const DONE = Promise.resolve();

/** Opens a store when it is needed, and keeps its calls in order. */
export class OutboxStore {
  readonly #store: SendStore | undefined;
  readonly #restored: (kept: readonly StoredSend[]) => void;
  #opening: Promise<void> | undefined;
  #isReady: boolean;

  /** `restored` is given what the store keeps, each time it is opened. */
  constructor(store: SendStore | undefined, restored: (kept: readonly StoredSend[]) => void) {
    this.#store = store;
    this.#restored = restored;
    this.#isReady = store === undefined;
  }

  /** Whether what it has survives a crash. */
  get isDurable(): boolean {
    return this.#store !== undefined;
  }

  /** Whether it is open. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Open it, unless it is open. A failure is told to who asks, and tried again by the next. */
  open(): Promise<void> {
    const store = this.#store;
    if (store === undefined) return DONE;
    this.#opening ??= store.open().then(
      (kept) => {
        this.#isReady = true;
        this.#restored(kept);
      },
      (error: unknown) => {
        this.#opening = undefined;
        throw error;
      },
    );
    return this.#opening;
  }

  /** Keep a message. Resolves when it would survive a crash. */
  async add({ send }: Entry): Promise<void> {
    if (this.#store === undefined) return;
    await this.open();
    await this.#store.add(send);
  }

  /** Forget a message. */
  async delete({ send }: Entry): Promise<void> {
    if (this.#store === undefined || !this.#isReady) return;
    await this.#store.delete(send.key);
  }

  /** Let go of it. */
  async close(): Promise<void> {
    const opening = this.#opening;
    if (this.#store === undefined || opening === undefined) return;
    await opening.catch(() => undefined);
    this.#isReady = false;
    this.#opening = undefined;
    await this.#store.close();
  }
}
