/** The outbox: messages that are kept until the broker has confirmed them, and sent again in the next session. */
import { OutboxFullError, type ServerError, type StompError } from "../../errors.js";
import { Deadlines } from "../../internal/deadlines.js";
import { LinkedList } from "../../internal/linked-list.js";
import { onAbort } from "../../internal/on-abort.js";
import type { StoredSend } from "../../store.js";
import type { Connection } from "../connection/connection.js";
import type { ClientContext } from "../connection/context.js";
import type { SessionPart, SessionStart } from "../connection/session-part.js";
import { nameOf } from "../connection/outgoing.js";
import { type Entry, type EntryWait, expiredError, frameOf, keptEntry, lostError, sentEntry } from "./outbox-entry.js";
import { OutboxStore, type OutboxStoreHost } from "./outbox-store.js";
import { OutboxWindow, type OutboxWindowHost } from "./outbox-window.js";
import { ParkedMessages, isParked, type ParkedMessagesHost } from "./parked-messages.js";

/** How many messages may be parked before no new ones are taken; and as many bytes as the outbox may hold. */
const MOST_PARKED = 10_000;

/**
 * Sends at least once. A message waits for room, goes into the store, then to the broker, and is forgotten with its
 * RECEIPT. After a lost connection all that is not confirmed is sent again, in order. What the store has is forgotten only with
 * a RECEIPT or a rejection that somebody gets: otherwise a message that is given up is parked.
 */
export class Outbox implements SessionPart, OutboxStoreHost, OutboxWindowHost, ParkedMessagesHost {
  /** Those that are given up, and that nobody waits for. */
  readonly parked: ParkedMessages;
  readonly #context: ClientContext;
  readonly #store: OutboxStore;
  readonly #window: OutboxWindow;
  /** Those that there is no room for yet. */
  readonly #waiting = new LinkedList<Entry>();
  /** Those that are inside, and not in flight: they come after those that are. */
  readonly #unsent = new LinkedList<Entry>();
  readonly #deadlines = new Deadlines<Entry>((entry) => {
    this.failed(entry, expiredError(entry));
  });
  /** How long the store may take to close. */
  readonly #patience = new Deadlines<() => void>((late) => {
    for (const entry of [...this.#unsent]) if (entry.keeping !== undefined) this.#lose(entry, true);
    late();
  });
  /** Why there was no session to come. */
  #lost: StompError | undefined;
  /** Octets of what is inside. */
  #bytes = 0;
  #whenEmpty: () => void = () => undefined;

  /** `start`: what is sent before it in each session. */
  constructor(context: ClientContext, start: SessionStart) {
    this.#context = context;
    this.#store = new OutboxStore(context.options.outbox.store, this);
    this.parked = new ParkedMessages(context.status, this.#store, this);
    this.#window = new OutboxWindow(context, start, this);
    start.onProgress(() => {
      this.#window.fill();
    });
  }

  /** How many messages it holds. */
  get size(): number {
    return this.#window.size + this.#unsent.size;
  }

  /**
   * Send a message; see {@link BaseClient.send}. Its arguments are checked, its headers are in `send`.
   *
   * @throws OutboxFullError when it does not fit, and cannot or is not to wait.
   */
  send(send: Omit<StoredSend, "key">, wait: EntryWait): Promise<void> {
    const { ids } = this.#context;
    const entry = sentEntry({ ...send, key: ids.next(ids.unique) }, wait); // no other process or page has that key
    const hasRoom = this.#waiting.size === 0 && this.#hasRoom(entry);
    if (!hasRoom) this.#checkMayWait(entry);
    const confirmed = this.#untilAborted(entry);
    this.#deadlines.set(entry, wait.timeout);
    if (hasRoom) this.#admit(entry);
    else entry.place = this.#waiting.push(entry);
    return confirmed;
  }

  /** There is a session. */
  established(connection: Connection): void {
    this.#window.established(connection);
    this.#store.open();
    this.#window.fill();
  }

  /** An ERROR came that names nothing: it may be about any message. */
  serverError(error: ServerError): boolean {
    this.#window.serverError(error);
    return false;
  }

  /** The session has ended, and another one may come. */
  interrupted(reason: StompError | undefined): void {
    this.#window.interrupted(reason);
  }

  /** No first session came about. */
  gaveUp(reason: StompError): void {
    this.ended(reason);
  }

  /** There will be no session: calls that wait reject. What a store keeps stays there, and comes back when it is opened again. */
  ended(reason: StompError | undefined): void {
    this.#lost = reason;
    this.#window.interrupted(undefined);
    for (const entry of [...this.#unsent, ...this.#waiting]) this.#lose(entry, false);
    this.parked.clear();
    this.#whenEmpty();
    void this.close(this.#context.options.disconnectTimeout);
  }

  /** Resolves when everything is confirmed, or when there will be no session. */
  drain(): Promise<void> {
    if (this.#isEmpty) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenEmpty = resolve;
    });
  }

  /** Let go of the store. Resolves when that is done, or after `most` ms: a store may hang. The next `open` waits for it. */
  close(most: number): Promise<void> {
    return new Promise((resolve) => {
      this.#patience.clear();
      this.#patience.set(resolve, most);
      void this.#store.close().then(() => {
        this.#patience.delete(resolve);
        resolve();
      });
    });
  }

  get #isEmpty(): boolean {
    return this.size === 0 && this.#waiting.size === 0 && !this.#store.isOpening;
  }

  #hasRoom({ size }: Entry): boolean {
    const { bytes, messages } = this.#context.options.outbox;
    // Parked messages take no room, but the store must not grow without end.
    const isCrowded = this.parked.size >= MOST_PARKED || this.parked.bytes > bytes;
    return !isCrowded && this.size < messages && this.#bytes + size <= bytes;
  }

  #checkMayWait(entry: Entry): void {
    const { size } = entry;
    const what = nameOf(frameOf(entry));
    const { bytes, messages, whenFull } = this.#context.options.outbox;
    if (size > bytes) throw new OutboxFullError(`${what} has ${size} bytes, the outbox takes ${bytes}`);
    if (whenFull === "wait") return;
    const unsent = this.parked.size > 0 ? `, and ${this.parked.size} unsent ones of ${this.parked.bytes} bytes` : "";
    throw new OutboxFullError(
      `${what} does not fit: the outbox has ${this.size} messages of ${this.#bytes} bytes${unsent}, its limits are ${messages} and ${bytes}`,
    );
  }

  /** Let those in who wait for room, in turn. */
  #letIn(): void {
    for (let next = this.#waiting.first; next !== undefined; next = this.#waiting.first) {
      if (!this.#hasRoom(next.value)) return;
      this.#waiting.remove(next);
      this.#admit(next.value);
    }
  }

  /** Take a message in, keep it, then send it. */
  #admit(entry: Entry): void {
    entry.state = "unsent";
    entry.place = this.#unsent.push(entry);
    this.#bytes += entry.size;
    if (!this.#store.isDurable) entry.isKept = true;
    else if (this.#store.isOpen) this.#keep(entry);
    else this.#store.open();
    this.#window.fill();
  }

  #keep(entry: Entry): void {
    entry.keeping = this.#store.add(entry.send).then(
      () => {
        entry.keeping = undefined;
        entry.isKept = true;
        this.#window.fill();
      },
      (error: unknown) => {
        entry.keeping = undefined;
        this.failed(entry, error);
      },
    );
  }

  /** What an earlier process or page left goes first; what was sent since is kept now. */
  opened(kept: readonly StoredSend[]): void {
    const since = [...this.#unsent];
    this.restore(kept.filter((send) => !isParked(send)));
    for (const entry of since) if (!entry.isKept && entry.keeping === undefined) this.#keep(entry);
    for (const send of kept) if (isParked(send)) this.parked.add(send);
    this.goOn();
  }

  /** The store had these: they are to be sent before all others. */
  restore(sends: readonly StoredSend[]): void {
    this.putBack(sends.map((send) => keptEntry(send, this.#context.ids.next("r"))));
    for (const { body } of sends) this.#bytes += body.length;
  }

  /** What the store does not have is not sent: it could be lost. */
  openFailed(error: unknown): void {
    const { status } = this.#context;
    const concerned = [...this.#unsent].filter(({ isKept }) => !isKept);
    if (concerned.length > 0) status.tell({ type: "store-error", error });
    else status.tellError(error, { type: "store-error", error });
    for (const entry of concerned) this.failed(entry, error);
    this.goOn();
  }

  /** Take the message that is to be sent next, if it may be sent by now. */
  take(): Entry | undefined {
    const node = this.#unsent.first;
    if (node?.value.isKept !== true || !this.#store.isOpen) return undefined;
    this.#unsent.remove(node);
    return node.value;
  }

  /** These are to be sent again, before all others. */
  putBack(entries: readonly Entry[]): void {
    const { first } = this.#unsent;
    for (const entry of entries) {
      entry.state = "unsent";
      entry.place = this.#unsent.insertBefore(first, entry);
    }
  }

  /** The end of a message, which its signal may bring about. */
  #untilAborted(entry: Entry): Promise<void> {
    const { signal } = entry.wait;
    const confirmed = entry.waiter?.promise ?? Promise.resolve();
    if (signal === undefined) return confirmed;
    const unlisten = onAbort(signal, () => {
      this.failed(entry, signal.reason);
    });
    return confirmed.finally(unlisten);
  }

  /** The RECEIPT came. */
  confirmed(entry: Entry): void {
    this.#forget(entry, undefined);
    entry.waiter?.resolve();
    this.goOn();
  }

  /** It is not to be sent again: the call that waits for it rejects; where there is none, it is parked. */
  failed(entry: Entry, error: unknown): void {
    const { send, state, waiter } = entry;
    if (state === "over") return;
    if (waiter !== undefined) {
      this.#forget(entry, error);
      waiter.reject(error);
    } else {
      this.#takeOut(entry, error);
      this.#tellFailure(this.parked.park(send, error));
    }
    // Not at once: others that the same time-out or signal concerns are not to be sent in its place.
    queueMicrotask(() => {
      this.goOn();
    });
  }

  /** Tell whoever waits for a message that there will be no session, once it is known whether the store has it, or that takes too long. */
  #lose(entry: Entry, isLate: boolean): void {
    const { keeping, waiter } = entry;
    if (keeping !== undefined && !isLate) {
      void keeping.then(() => {
        this.#lose(entry, isLate);
      });
      return;
    }
    const error = lostError(entry, this.#store.isDurable, this.#lost);
    this.#takeOut(entry, error);
    waiter?.reject(error);
  }

  /** Neither the client nor the store is to have it any longer. */
  #forget(entry: Entry, reason: unknown): void {
    const { isKept, keeping, send } = entry;
    this.#takeOut(entry, reason);
    if (!isKept && keeping === undefined) return;
    this.#tellFailure(this.#store.delete(send.key, keeping));
  }

  #tellFailure(change: Promise<void>): void {
    change.catch((error: unknown) => {
      this.#context.status.tellError(error, { type: "store-error", error });
    });
  }

  #takeOut(entry: Entry, reason: unknown): void {
    const { state, place } = entry;
    if (state === "over") return;
    entry.state = "over";
    entry.place = undefined;
    this.#deadlines.delete(entry);
    if (state === "waiting") {
      if (place !== undefined) this.#waiting.remove(place);
      return;
    }
    this.#bytes -= entry.size;
    if (state === "unsent" && place !== undefined) this.#unsent.remove(place);
    this.#window.forget(entry, reason);
  }

  /** There may be more room, or more to send, or nothing left. */
  goOn(): void {
    this.#letIn();
    this.#window.fill();
    if (this.#isEmpty) this.#whenEmpty();
  }
}
