/** The outbox: messages that are kept until the broker has confirmed them, and sent again in the next session. */
import { ConnectionLostError, OutboxFullError, ReceiptTimeoutError, type StompError } from "../errors.js";
import { Deadlines } from "../internal/deadlines.js";
import { Fifo } from "../internal/fifo.js";
import { randomName } from "../internal/random-name.js";
import type { StoredSend } from "../store.js";
import { answerOf, isAnswer } from "./blame.js";
import type { Connection } from "./connection.js";
import type { ClientContext } from "./context.js";
import { type Entry, type EntryWait, entryOf, outcomeOf, storedEntry } from "./outbox-entry.js";
import { OutboxStore } from "./outbox-store.js";

/** So often a session must end because of a message. */
const MOST_STRIKES = 3;

/**
 * Sends at least once. A message goes into the store, then to the broker, and is forgotten with its RECEIPT. After a lost
 * connection all that is not confirmed is sent again, in order. A message that ends the session each time is found by sending
 * one at a time, and is rejected; so is one that no RECEIPT comes for after the broker has complained of something.
 */
export class Outbox {
  readonly #context: ClientContext;
  readonly #store: OutboxStore;
  /** All messages, in their order. */
  readonly #entries = new Map<string, Entry>();
  /** Those not sent in this session. */
  #unsent = new Fifo<Entry>();
  readonly #inFlight = new Set<Entry>();
  /** Those that were in flight when a session ended over one of them: until they are confirmed, one goes at a time. */
  readonly #suspects = new Set<Entry>();
  /** Those that there is no room for yet. */
  readonly #waiting = new Fifo<Entry>();
  readonly #deadlines = new Deadlines<Entry>((entry) => {
    this.#expire(entry);
  });
  readonly #name = randomName();
  #bytes = 0;
  #connection: Connection | undefined;
  /** How many ERRORs came in this session that named nothing. */
  #errors = 0;
  #whenEmpty: (() => void)[] = [];

  constructor(context: ClientContext) {
    this.#context = context;
    this.#store = new OutboxStore(context.options.outbox.store, (kept) => {
      this.#restore(kept);
    });
  }

  /** How many messages it holds. */
  get size(): number {
    return this.#entries.size;
  }

  /** Send a message; see {@link DialClient.send}. Its arguments are checked, its headers are in `send`. */
  send(send: Omit<StoredSend, "key">, wait: EntryWait): Promise<void> {
    wait.signal?.throwIfAborted();
    const entry = entryOf(`${this.#name}-${this.#context.ids.next("send")}`, send, wait);
    const isFirst = this.#waiting.length === 0;
    if (!isFirst || !this.#hasRoom(entry)) this.#checkMayWait(entry);
    const confirmed = this.#untilAborted(entry);
    if (wait.timeout !== undefined) this.#deadlines.set(entry, wait.timeout);
    if (isFirst && this.#hasRoom(entry)) this.#admit(entry);
    else this.#waiting.push(entry);
    return confirmed;
  }

  /** Open the store, and take what it keeps from earlier. Rejects when that fails. */
  async open(): Promise<void> {
    await this.#store.open();
  }

  /** There is a session. */
  established(connection: Connection): void {
    this.#connection = connection;
    this.#errors = 0;
    this.#store.open().then(
      () => {
        this.#pump();
      },
      (error: unknown) => {
        this.#context.status.tell({ type: "store-error", error });
        this.#pump();
      },
    );
  }

  /** An ERROR came that names nothing. */
  serverError(): void {
    this.#errors++;
  }

  /** The session has ended, and another one may come. */
  interrupted(reason: StompError | undefined): void {
    this.#connection = undefined;
    const inFlight = [...this.#inFlight];
    this.#inFlight.clear();
    for (const entry of inFlight) entry.outcome = "unknown";
    if (isAnswer(reason)) this.#blame(inFlight, reason);
    this.#unsent = new Fifo();
    for (const entry of this.#entries.values()) this.#unsent.push(entry);
  }

  /** There will be no session: whoever waits is told. What a store keeps stays there. */
  ended(reason: StompError | undefined): void {
    this.interrupted(undefined);
    const why = reason?.message ?? "the client has disconnected";
    for (const entry of [...this.#entries.values(), ...this.#waiting.drain()]) {
      const outcome = outcomeOf(entry, this.#store.isDurable);
      const error = new ConnectionLostError(
        `SEND to ${entry.send.destination} was not confirmed: ${why}`,
        outcome,
        reason === undefined ? {} : { cause: reason },
      );
      this.#deadlines.delete(entry);
      entry.waiter?.reject(error);
      entry.waiter = undefined;
      if (!this.#store.isDurable) this.#forget(entry);
    }
    this.#tellIfEmpty();
  }

  /** Resolves when all is confirmed. */
  whenEmpty(): Promise<void> {
    if (this.#entries.size === 0 && this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenEmpty.push(resolve);
    });
  }

  /** Let go of the store. What is in it comes back when it is opened again. */
  async close(): Promise<void> {
    if (!this.#store.isDurable) return;
    for (const entry of [...this.#entries.values()]) this.#forget(entry);
    await this.#store.close();
  }

  #hasRoom(entry: Entry): boolean {
    const { bytes, messages } = this.#context.options.outbox;
    return this.#entries.size < messages && this.#bytes + entry.size <= bytes;
  }

  #checkMayWait({ send: { destination }, size }: Entry): void {
    const { bytes, messages, whenFull } = this.#context.options.outbox;
    const what = `SEND to ${destination}`;
    if (size > bytes) throw new OutboxFullError(`${what} has ${size} bytes, the outbox takes ${bytes}`);
    if (whenFull === "wait") return;
    throw new OutboxFullError(
      `${what} does not fit: the outbox has ${this.#entries.size} messages of ${this.#bytes} bytes, its limits are ${messages} and ${bytes}`,
    );
  }

  /** Take those in who wait for room, in turn. */
  #letIn(): void {
    for (let next = this.#waiting.peek(); next !== undefined; next = this.#waiting.peek()) {
      if (next.isLive && !this.#hasRoom(next)) return;
      this.#waiting.shift();
      if (next.isLive) this.#admit(next);
    }
  }

  /** Keep a message, then send it. */
  #admit(entry: Entry): void {
    this.#add(entry);
    if (!this.#store.isDurable) {
      entry.isStored = true;
      this.#pump();
      return;
    }
    this.#store.add(entry).then(
      () => {
        entry.isStored = true;
        this.#pump();
      },
      (error: unknown) => {
        this.#settle(entry, error);
      },
    );
  }

  #add(entry: Entry): void {
    this.#entries.set(entry.send.key, entry);
    this.#bytes += entry.size;
    this.#unsent.push(entry);
  }

  /** What an earlier process or page left: it goes first. */
  #restore(kept: readonly StoredSend[]): void {
    const since = [...this.#entries.values()];
    this.#entries.clear();
    this.#unsent = new Fifo();
    this.#bytes = 0;
    for (const send of kept) this.#add(storedEntry(send));
    for (const entry of since) this.#add(entry);
  }

  /** Send what is next, as much as may be in flight. */
  #pump(): void {
    const connection = this.#connection;
    if (connection?.isOpen !== true || !this.#store.isReady) return;
    const most = this.#suspects.size > 0 ? 1 : this.#context.options.outbox.inFlight;
    while (this.#inFlight.size < most) {
      const entry = this.#unsent.peek();
      if (entry === undefined || (entry.isLive && !entry.isStored)) return;
      this.#unsent.shift();
      if (entry.isLive) this.#write(connection, entry);
    }
  }

  #write(connection: Connection, entry: Entry): void {
    const { receiptTimeout } = this.#context.options;
    const { destination, headers, body, contentLength } = entry.send;
    const id = entry.wait.receipt ?? this.#context.ids.next("receipt");
    const wait = { id, what: `SEND to ${destination}`, timeout: receiptTimeout, signal: undefined };
    this.#inFlight.add(entry);
    const errors = this.#errors;
    new Promise<void>((resolve) => {
      const pairs = [["destination", destination], ...headers, ["receipt", id]] as const;
      resolve(connection.send("SEND", pairs, body, contentLength, wait));
    })
      .catch((error: unknown) => this.#outlast(connection, wait, errors, error))
      .then(
        () => {
          this.#settle(entry, undefined);
        },
        (error: unknown) => {
          // The next session sends it again.
          if (!(error instanceof ConnectionLostError)) this.#settle(entry, error);
        },
      );
  }

  /** A RECEIPT that is late comes yet (RabbitMQ holds them back for want of memory), unless the broker has complained of something since. */
  async #outlast(
    connection: Connection,
    wait: Parameters<Connection["awaitReceipt"]>[0],
    errors: number,
    error: unknown,
  ): Promise<void> {
    if (!(error instanceof ReceiptTimeoutError) || this.#errors !== errors || !connection.isOpen) throw error;
    await connection.awaitReceipt(wait).catch((again: unknown) => this.#outlast(connection, wait, errors, again));
  }

  /** A session has ended over what was in flight. */
  #blame(inFlight: readonly Entry[], reason: ConnectionLostError): void {
    const [only] = inFlight;
    if (only !== undefined && inFlight.length === 1 && ++only.strikes >= MOST_STRIKES) {
      this.#settle(only, answerOf(reason));
      return;
    }
    for (const entry of inFlight) if (entry.isLive) this.#suspects.add(entry);
  }

  #expire(entry: Entry): void {
    const { timeout = 0, receipt = "" } = entry.wait;
    const how = entry.outcome === "not-sent" && !this.#inFlight.has(entry) ? "; it was not sent" : "";
    const message = `no receipt of SEND to ${entry.send.destination} within ${timeout} ms${how}`;
    this.#settle(entry, new ReceiptTimeoutError(message, receipt, timeout));
  }

  /** The end of a message, which its signal may bring about. */
  #untilAborted(entry: Entry): Promise<void> {
    const { signal } = entry.wait;
    const confirmed = entry.waiter?.promise ?? Promise.resolve();
    if (signal === undefined) return confirmed;
    const aborted = (): void => {
      this.#settle(entry, signal.reason);
    };
    signal.addEventListener("abort", aborted, { once: true });
    return confirmed.finally(() => {
      signal.removeEventListener("abort", aborted);
    });
  }

  /** It is confirmed, or will not be sent any more: `error` says why. */
  #settle(entry: Entry, error: unknown): void {
    if (!entry.isLive) return;
    this.#forget(entry);
    this.#store.delete(entry).catch((fault: unknown) => {
      this.#context.status.tell({ type: "store-error", error: fault });
    });
    if (error === undefined) entry.waiter?.resolve();
    else if (entry.waiter !== undefined) entry.waiter.reject(error);
    else this.#context.status.tell({ type: "unsent-message", error, destination: entry.send.destination });
    this.#letIn();
    this.#pump();
    this.#tellIfEmpty();
  }

  #forget(entry: Entry): void {
    entry.isLive = false;
    this.#deadlines.delete(entry);
    if (!this.#entries.delete(entry.send.key)) return; // it waits for room
    this.#bytes -= entry.size;
    this.#inFlight.delete(entry);
    this.#suspects.delete(entry);
  }

  #tellIfEmpty(): void {
    if (this.#entries.size > 0 || this.#waiting.length > 0) return;
    for (const empty of this.#whenEmpty.splice(0)) empty();
  }
}
