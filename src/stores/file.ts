/** A store on disk, for Node. */
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { InvalidStateError } from "../errors.js";
import { type Deferred, deferred } from "../internal/deferred.js";
import type { SendStore, StoredSend } from "../store.js";
import { lockFolder } from "./file-lock.js";
import { FileLog } from "./file-log.js";
import type { LogRecord } from "./record.js";

export type { SendStore, StoredSend } from "../store.js";

/** Options of {@link fileStore}. */
export interface FileStoreOptions {
  /**
   * The log is written anew when more than half of it, and more than this many octets, are of messages that were confirmed.
   * @default 1048576 (1 MiB)
   */
  readonly compactAt?: number;
}

/**
 * Keep the messages of an outbox in a folder, which is made if it is missing. They survive a crash of the process and of the
 * machine: each is on disk before it is sent. Messages that are kept at the same time share one flush of the disk.
 *
 * One process owns the folder at a time; opening it twice rejects with InvalidStateError, and a lock that a dead process left is
 * taken over. What a crash cut off is dropped, as nobody was told that it was kept; a log that is damaged otherwise is
 * copied aside (`messages.log.damaged-…`), and what is whole in it is sent.
 *
 *     const client = await connect(url, { delivery: "at-least-once", outbox: { store: fileStore("/var/lib/shop/outbox") } });
 *
 * @throws TypeError or RangeError for wrong arguments.
 */
export function fileStore(path: string, { compactAt = 1_048_576 }: FileStoreOptions = {}): SendStore {
  if (typeof path !== "string" || path === "") throw new TypeError("path must be a string that is not empty");
  if (!(compactAt >= 0)) throw new RangeError(`compactAt must be a number of octets, not ${String(compactAt)}`);
  return new FileStore(resolve(path), compactAt);
}

interface Waiting {
  readonly record: LogRecord;
  readonly done: Deferred<void>;
}

class FileStore implements SendStore {
  readonly #folder: string;
  readonly #compactAt: number;
  #log: FileLog | undefined;
  #unlock: (() => Promise<void>) | undefined;
  #opening: Promise<readonly StoredSend[]> | undefined;
  #closing: Promise<void> | undefined;
  /** Records that wait for the one before them to be on disk; then they go together. */
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;

  constructor(folder: string, compactAt: number) {
    this.#folder = folder;
    this.#compactAt = compactAt;
  }

  open(): Promise<readonly StoredSend[]> {
    if (this.#opening !== undefined) {
      return Promise.reject(new InvalidStateError(`the store ${this.#folder} was opened before`));
    }
    this.#opening = this.#open();
    this.#opening.catch(() => {
      this.#opening = undefined; // it may be tried again
    });
    return this.#opening;
  }

  add(send: StoredSend): Promise<void> {
    return this.#write({ kept: send });
  }

  delete(key: string): Promise<void> {
    return this.#write({ forgotten: key });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close().finally(() => {
      this.#closing = undefined;
    });
    return this.#closing;
  }

  async #open(): Promise<readonly StoredSend[]> {
    await mkdir(this.#folder, { recursive: true });
    const unlock = await lockFolder(this.#folder);
    try {
      const { log, kept } = await FileLog.open(join(this.#folder, "messages.log"), this.#compactAt);
      this.#log = log;
      this.#unlock = unlock;
      return kept;
    } catch (error) {
      await unlock();
      throw error;
    }
  }

  #write(record: LogRecord): Promise<void> {
    const log = this.#log;
    if (log === undefined) return Promise.reject(new InvalidStateError(`the store ${this.#folder} is not open`));
    const done = deferred<void>();
    this.#waiting.push({ record, done });
    this.#flushing ??= this.#flush(log);
    return done.promise;
  }

  async #flush(log: FileLog): Promise<void> {
    await Promise.resolve(); // what is added in the same turn goes together
    while (this.#waiting.length > 0) {
      const together = this.#waiting;
      this.#waiting = [];
      try {
        await log.append(together.map(({ record }) => record));
        for (const { done } of together) done.resolve();
      } catch (error) {
        for (const { done } of together) done.reject(error);
      }
      // A log that cannot be written anew is only longer than it need be; it is tried again after the next record.
      await log.compact().catch(() => undefined);
    }
    this.#flushing = undefined;
  }

  async #close(): Promise<void> {
    await this.#opening?.catch(() => undefined);
    const log = this.#log;
    this.#log = undefined; // what comes now is refused
    await this.#flushing;
    await log?.close().catch(() => undefined);
    await this.#unlock?.().catch(() => undefined);
    this.#unlock = undefined;
    this.#opening = undefined;
  }
}
