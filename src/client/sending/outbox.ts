/** The outbox: messages that are kept until the broker has confirmed them, and sent again in the next session. */
import { OutboxFullError, type ServerError, type StompError } from "../../errors.js";
import { Deadlines } from "../../internal/deadlines.js";
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

/**
 * Sends at least once. A message waits for room, goes into the store, then to the broker, and is forgotten with its
 * RECEIPT. After a lost connection all that is not confirmed is sent again, in order.
 */
export class Outbox implements SessionPart {
  readonly #context: ClientContext;
  readonly #store: OutboxStore;
  readonly #window: OutboxWindow;
  /** Those that there is no room for yet. */
  readonly #waiting = new LinkedList<Entry>();
  /** Those that are inside, and not in flight: they come after those that are. */
  readonly #unsent = new LinkedList<Entry>();
  readonly #deadlines = new Deadlines<Entry>((entry) => {
    this.#expire(entry);
  });
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

  /** There will be no session: calls that wait reject. What a store keeps stays there, and is sent if there is a session after all. */
  ended(reason: StompError | undefined): void {
    this.#window.interrupted(undefined);
    for (const entry of [...this.#unsent, ...this.#waiting]) this.#lose(entry, reason);
    for (const over of this.#whenEmpty.splice(0)) over();
  }

  /** Resolves when everything is confirmed, or when there will be no session. */
  drain(): Promise<void> {
    if (this.#isEmpty) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenEmpty.push(resolve);
    });
  }

  /** Let go of the store, after {@link ended}. What is in it comes back when it is opened again. */
  async close(): Promise<void> {
    await this.#store.close();
    for (const entry of [...this.#unsent]) if (entry.waiter === undefined) this.#takeOut(entry, undefined);
  }

  get #isEmpty(): boolean {
    return this.size === 0 && this.#waiting.size === 0 && !this.#store.isOpening;
  }

  #hasRoom({ size }: Entry): boolean {
    const { bytes, messages } = this.#context.options.outbox;
    return this.size < messages && this.#bytes + size <= bytes;
  }

  #checkMayWait(entry: Entry): void {
    const { size } = entry;
    const what = nameOf(frameOf(entry));
    const { bytes, messages, whenFull } = this.#context.options.outbox;
    if (size > bytes) throw new OutboxFullError(`${what} has ${size} bytes, the outbox takes ${bytes}`);
    if (whenFull === "wait") return;
    throw new OutboxFullError(
      `${what} does not fit: the outbox has ${this.size} messages of ${this.#bytes} bytes, its limits are ${messages} and ${bytes}`,
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
    const known = new Set(since.map(({ send }) => send.key));
    const entries = kept.filter(({ key }) => !known.has(key));
    this.#putBack(entries.map((send) => keptEntry(send, this.#context.ids.next("receipt"))));
    for (const { body } of entries) this.#bytes += body.length;
    for (const entry of since) if (!entry.isKept) this.#keep(entry);
    this.#goOn();
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

  #expire(entry: Entry): void {
    this.#fail(entry, expiredError(entry));
  }

  /** The end of a message, which its signal may bring about. */
  #untilAborted(entry: Entry): Promise<void> {
    const { signal } = entry.wait;
    const confirmed = entry.waiter?.promise ?? Promise.resolve();
    if (signal === undefined) return confirmed;
    const unlisten = onAbort(signal, () => {
      this.#fail(entry, signal.reason);
    });
    return confirmed.finally(unlisten);
  }

  #confirm(entry: Entry): void {
    this.#forget(entry, undefined);
    entry.waiter?.resolve();
    this.#goOn();
  }

  #fail(entry: Entry, error: unknown): void {
    if (entry.state === "over") return;
    this.#forget(entry, error);
    const { status } = this.#context;
    if (entry.waiter !== undefined) entry.waiter.reject(error);
    else status.tellError(error, { type: "unsent-message", error, destination: entry.send.destination });
    // Not at once: others that the same time-out or signal concerns are not to be sent in its place.
    queueMicrotask(() => {
      this.#goOn();
    });
  }

  /** Tell whoever waits for a message that there will be no session, once it is known whether the store has it. */
  #lose(entry: Entry, reason: StompError | undefined): void {
    if (entry.keeping !== undefined) {
      void entry.keeping.then(() => {
        this.#lose(entry, reason);
      });
      return;
    }
    const { waiter } = entry;
    if (entry.state === "over" || waiter === undefined) return;
    const error = lostError(entry, this.#store.isDurable, reason);
    entry.waiter = undefined;
    this.#deadlines.delete(entry);
    if (error.outcome !== "kept") this.#takeOut(entry, error);
    waiter.reject(error);
  }

  /** Neither the client nor the store is to have it any longer. */
  #forget(entry: Entry, reason: unknown): void {
    const { isKept, keeping, send } = entry;
    this.#takeOut(entry, reason);
    if (!isKept && keeping === undefined) return;
    this.#store.delete(send.key, keeping).catch((error: unknown) => {
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
