/**
 * The contract between a client's outbox and what keeps its messages over a crash. Types only: a store implements it, an
 * outbox uses it, and neither knows the other.
 */

/** A SEND that is kept until the broker has confirmed it. */
export interface StoredSend {
  /** Its name in the store; no other entry has it, not even one that another process adds. */
  readonly key: string;
  /** Where it goes. */
  readonly destination: string;
  /** Its other headers, in order; without `receipt`, which is made when it is sent. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Its body: text or octets, as it was given. */
  readonly body: string | Uint8Array;
  /** Whether it is to have a `content-length`. */
  readonly contentLength: boolean;
  /** Only in what `open` gives: why the send is parked, see {@link SendStore.park}. */
  readonly parked?: string;
}

/**
 * Keeps sends over the end of the process or page. Calls of `add` come in the order of the sends, and do not wait for each
 * other; those of `delete` and `park` come when the send's `add` is done, and take effect in the order in which they come.
 */
export interface SendStore {
  /**
   * Open the store, and give all that it keeps, in the order in which it was added. Called before all else, again when it
   * has failed, and again after `close` is done. Rejects when that is not possible, as when another process or page has it
   * open.
   *
   * A store that several may have open at a time, each with its own sends, calls `found` with sends of another one that has
   * ended: from then on they belong to this one. It does so after `open` has resolved and before `close` is called.
   */
  open(found?: (sends: readonly StoredSend[]) => void): Promise<readonly StoredSend[]>;
  /** Keep a send. Resolves when it would survive a crash; rejects when it is not kept. Adding a key again replaces nothing: it is a caller's fault. */
  add(send: StoredSend): Promise<void>;
  /** Forget a send. Resolves when that would survive a crash; a key that is not there is no error. */
  delete(key: string): Promise<void>;
  /**
   * Park a send, which the outbox will not send any more: `open` gives it with `reason` as its `parked`. Without a `reason`
   * it is parked no longer. Resolves when that would survive a crash; a key that is not there is no error.
   */
  park(key: string, reason?: string): Promise<void>;
  /** Finish what is under way and let go of the store. Never rejects; may be called again. */
  close(): Promise<void>;
}
