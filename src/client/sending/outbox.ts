/** The outbox: messages that are kept until the broker has confirmed them, and sent again in the next session. */
import { OutboxFullError, type ServerError, type StompError } from "../../errors.js";
import { Deadlines } from "../../internal/deadlines.js";
import { type Deferred, deferred } from "../../internal/deferred.js";
import { LinkedList } from "../../internal/linked-list.js";
import { onAbort } from "../../internal/on-abort.js";
import { randomName } from "../../internal/random-name.js";
import type { StoredSend } from "../../store.js";
import type { Connection } from "../connection/connection.js";
import type { ClientContext } from "../connection/context.js";
import type { SessionPart, SessionStart } from "../connection/session-part.js";
import { nameOf } from "../connection/outgoing.js";
import { type Entry, type EntryWait, expiredError, frameOf, keptEntry, lostError, sentEntry } from "./outbox-entry.js";
import { OutboxStore } from "./outbox-store.js";
import { OutboxWindow } from "./outbox-window.js";
import { ParkedMessages } from "./parked-messages.js";

/** How many messages may be parked before no new ones are taken; and as many bytes as the outbox may hold. */
const MOST_PARKED = 10_000;

/**
 * Sends at least once. A message waits for room, goes into the store, then to the broker, and is forgotten with its
 * RECEIPT. After a lost connection all that is not confirmed is sent again, in order. What the store has is forgotten only with
 * a RECEIPT or a rejection that somebody gets: otherwise a message that is given up is parked.
 */
export class Outbox implements SessionPart {
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
    this.#fail(entry, expiredError(entry));
  });
  /** How long the store may take to close. */
  readonly #patience = new Deadlines<Deferred<void>>((late) => {
    for (const entry of [...this.#unsent]) if (entry.keeping !== undefined) this.#lose(entry, true);
    late.resolve();
  });
  /** Why there was no session to come. */
  #lost: StompError | undefined;
  /** What no other process or page begins its keys with. */
  readonly #name = randomName();
  /** Octets of what is inside. */
  #bytes = 0;
  #whenEmpty: (() => void)[] = [];

  /** `start`: what is sent before it in each session. */
  constructor(context: ClientContext, start: SessionStart) {
    const { outbox, receiptTimeout, reconnect } = context.options;
    this.#context = context;
    this.#store = new OutboxStore(outbox.store, {
      opened: (kept) => {
        this.#opened(kept);
      },
      failed: (error) => {
        this.#openFailed(error);
      },
    });
    this.parked = new ParkedMessages({
      status: context.status,
      store: this.#store,
      restore: (messages) => {
        this.#restore(messages);
      },
      goOn: () => {
        this.#goOn();
      },
    });
    this.#window = new OutboxWindow({
      most: outbox.inFlight,
      receiptTimeout,
      renews: reconnect !== false,
      start,
      take: () => this.#take(),
      putBack: (entries) => {
        this.#putBack(entries);
      },
      confirmed: (entry) => {
        this.#confirm(entry);
      },
      failed: (entry, error) => {
        this.#fail(entry, error);
      },
    });
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
    const entry = sentEntry({ ...send, key: `${this.#name}-${this.#context.ids.next("send")}` }, wait);
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
    for (const over of this.#whenEmpty.splice(0)) over();
    void this.close(this.#context.options.disconnectTimeout);
  }

  /** Resolves when everything is confirmed, or when there will be no session. */
  drain(): Promise<void> {
    if (this.#isEmpty) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenEmpty.push(resolve);
    });
  }

  /** Let go of the store. Resolves when that is done, or after `most` ms: a store may hang. The next `open` waits for it. */
  async close(most: number): Promise<void> {
    const late = deferred();
    this.#patience.clear();
    this.#patience.set(late, most);
    await Promise.race([this.#store.close(), late.promise]);
    this.#patience.delete(late);
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
        this.#fail(entry, error);
      },
    );
  }

  /** What an earlier process or page left goes first; what was sent since is kept now. */
  #opened(kept: readonly StoredSend[]): void {
    const since = [...this.#unsent];
    this.#restore(kept.filter(({ parked }) => parked === undefined));
    for (const entry of since) if (!entry.isKept && entry.keeping === undefined) this.#keep(entry);
    for (const { parked, ...send } of kept) if (parked !== undefined) this.parked.add({ ...send, parked });
    this.#goOn();
  }

  #restore(sends: readonly StoredSend[]): void {
    this.#putBack(sends.map((send) => keptEntry(send, this.#context.ids.next("receipt"))));
    for (const { body } of sends) this.#bytes += body.length;
  }

  /** What the store does not have is not sent: it could be lost. */
  #openFailed(error: unknown): void {
    const { status } = this.#context;
    const concerned = [...this.#unsent].filter(({ isKept }) => !isKept);
    if (concerned.length > 0) status.tell({ type: "store-error", error });
    else status.tellError(error, { type: "store-error", error });
    for (const entry of concerned) this.#fail(entry, error);
    this.#goOn();
  }

  #take(): Entry | undefined {
    const node = this.#unsent.first;
    if (node?.value.isKept !== true || !this.#store.isOpen) return undefined;
    this.#unsent.remove(node);
    return node.value;
  }

  #putBack(entries: readonly Entry[]): void {
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
      if (entry.waiter !== undefined) this.#fail(entry, signal.reason);
    });
    return confirmed.finally(unlisten);
  }

  #confirm(entry: Entry): void {
    this.#forget(entry, undefined);
    entry.waiter?.resolve();
    this.#goOn();
  }

  #fail(entry: Entry, error: unknown): void {
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
      this.#goOn();
    });
  }

  /** Tell whoever waits for a message that there will be no session, once it is known whether the store has it, or that takes too long. */
  #lose(entry: Entry, isLate: boolean): void {
    const { keeping, state, waiter } = entry;
    if (keeping !== undefined && !isLate) {
      void keeping.then(() => {
        this.#lose(entry, isLate);
      });
      return;
    }
    if (state === "over") return;
    const error = lostError(entry, this.#store.isDurable, this.#lost);
    entry.waiter = undefined;
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

  #goOn(): void {
    this.#letIn();
    this.#window.fill();
    if (this.#isEmpty) for (const empty of this.#whenEmpty.splice(0)) empty();
  }
}
