import { InvalidStateError } from "../errors.js";
import type { SendStore, StoredSend } from "../store.js";

/**
 * Make a store that keeps sends in memory: over the end of a connection, not over the end of the process or page. Closed,
 * it still has them, and may be opened again.
 */
export function memoryStore(): SendStore {
  return new MemoryStore();
}

class MemoryStore implements SendStore {
  readonly #sends = new Map<string, StoredSend>();
  #isOpen = false;

  async open(): Promise<readonly StoredSend[]> {
    if (this.#isOpen) throw new InvalidStateError("the memory store is open already");
    this.#isOpen = true;
    return [...this.#sends.values()];
  }

  async add(send: StoredSend): Promise<void> {
    this.#checkOpen();
    if (this.#sends.has(send.key))
      throw new TypeError(`there is a send with the key ${JSON.stringify(send.key)} already`);
    // The octets are the caller's, who may write to them.
    this.#sends.set(send.key, typeof send.body === "string" ? send : { ...send, body: new Uint8Array(send.body) });
  }

  async delete(key: string): Promise<void> {
    this.#checkOpen();
    this.#sends.delete(key);
  }

  async close(): Promise<void> {
    this.#isOpen = false;
  }

  #checkOpen(): void {
    if (!this.#isOpen) throw new InvalidStateError("the memory store is not open");
  }
}
