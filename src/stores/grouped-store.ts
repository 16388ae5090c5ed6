/** What the stores that write somewhere share: calls become groups of changes, and a group becomes one write. */
import { InvalidStateError } from "../errors.js";
import { deferred, type Deferred } from "../internal/deferred.js";
import type { SendStore, StoredSend } from "../store.js";

/** A call that waits until it is written. */
export type Change =
  | { readonly kind: "add"; readonly key: string; readonly send: StoredSend; readonly settled: Deferred<void> }
  | { readonly kind: "delete"; readonly key: string; readonly settled: Deferred<void> }
  | {
      readonly kind: "park";
      readonly key: string;
      /** `undefined`: it is parked no longer. */
      readonly reason: string | undefined;
      readonly settled: Deferred<void>;
    };

/** What changes are written to, while it is open. One call is under way at a time. */
export interface Medium {
  /**
   * Write all of `changes`, in order. Resolves when they would survive a crash; what cannot be written for a reason of its
   * own is rejected by its `settled` and left out. Rejects when none of them is written.
   */
  write(changes: readonly Change[]): Promise<void>;
  /** Do what nobody waits for. Never rejects. */
  tidy?(): Promise<void>;
  /** Let go of it. */
  close(): Promise<void>;
}

/** A medium that was opened, and what was in it, in order. */
export interface OpenedMedium {
  readonly medium: Medium;
  readonly sends: readonly StoredSend[];
}

/** Open a medium; `found`: see {@link SendStore.open}. */
export type OpenMedium = (found: (sends: readonly StoredSend[]) => void) => Promise<OpenedMedium>;

/**
 * A store that writes in groups. What is called while a group is written goes into the next one, together, so that many
 * callers share what one write costs, and a single one does not wait for others. Closed, it may be opened again.
 */
export class GroupedStore implements SendStore {
  readonly #name: string;
  readonly #openMedium: OpenMedium;
  /** From the call of `open` until it has failed or the store is closed. */
  #opened: Promise<Medium> | undefined;
  #waiting: Change[] = [];
  #draining: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  /** `name` is how errors call it: `the store "orders"`. */
  constructor(name: string, openMedium: OpenMedium) {
    this.#name = name;
    this.#openMedium = openMedium;
  }

  async open(found: (sends: readonly StoredSend[]) => void = () => undefined): Promise<readonly StoredSend[]> {
    if (this.#opened !== undefined) throw new InvalidStateError(`${this.#name} is open already`);
    let sends: readonly StoredSend[] = [];
    // The sends are handed over, not kept: they are as much as all that the store holds.
    const opened = this.#openMedium(found).then((result) => {
      sends = result.sends;
      return result.medium;
    });
    this.#opened = opened;
    try {
      await opened;
      return sends;
    } catch (error) {
      this.#opened = undefined;
      throw error;
    }
  }

  async add(send: StoredSend): Promise<void> {
    // It is written later, and octets are the caller's, who may write to them.
    const body = typeof send.body === "string" ? send.body : new Uint8Array(send.body);
    return this.#change({ kind: "add", key: send.key, send: { ...send, body }, settled: deferred() });
  }

  async delete(key: string): Promise<void> {
    return this.#change({ kind: "delete", key, settled: deferred() });
  }

  async park(key: string, reason?: string): Promise<void> {
    return this.#change({ kind: "park", key, reason, settled: deferred() });
  }

  close(): Promise<void> {
    this.#closing ??= this.#finish().finally(() => (this.#closing = undefined));
    return this.#closing;
  }

  #change(change: Change): Promise<void> {
    const opened = this.#opened;
    if (opened === undefined || this.#closing !== undefined) throw new InvalidStateError(`${this.#name} is not open`);
    this.#waiting.push(change);
    this.#draining ??= opened.then(
      (medium) => this.#drain(medium),
      (error: unknown) => this.#fail(error),
    );
    return change.settled.promise;
  }

  async #drain(medium: Medium): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await medium.write(group);
        for (const { settled } of group) settled.resolve(); // without effect on what was rejected by itself
      } catch (error) {
        for (const { settled } of group) settled.reject(error);
      }
      await medium.tidy?.();
    }
    this.#draining = undefined;
  }

  /** Nothing can be written, as the store did not open. */
  #fail(error: unknown): void {
    const group = this.#waiting;
    this.#waiting = [];
    this.#draining = undefined;
    for (const { settled } of group) settled.reject(error);
  }

  async #finish(): Promise<void> {
    const opened = this.#opened;
    if (opened === undefined) return;
    try {
      const medium = await opened;
      await this.#draining;
      await medium.close();
    } catch {
      // Who called `open` knows of its failure; and what was to be kept has been, whatever closing says.
    }
    this.#opened = undefined;
  }
}
