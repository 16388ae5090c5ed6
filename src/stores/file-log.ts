/** An append-only file of records, which is written anew when most of it is of no use any more. */
import type { Buffer } from "node:buffer";
import { type FileHandle, copyFile, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { StoredSend } from "../store.js";
import { type LogRecord, encodeRecord, readLog } from "./record.js";

interface Place {
  readonly from: number;
  readonly to: number;
}

/** A log that is open. Calls of `append` must wait for each other; `compact` may be called after one. */
export class FileLog {
  readonly #path: string;
  readonly #compactAt: number;
  /** Where the records of what is kept are. */
  #places = new Map<string, Place>();
  #live = 0;
  #handle: FileHandle;
  #size: number;

  private constructor(path: string, compactAt: number, handle: FileHandle, size: number) {
    this.#path = path;
    this.#compactAt = compactAt;
    this.#handle = handle;
    this.#size = size;
  }

  /** Open a log, or make it. What a crash cut off is dropped; a damaged log is copied aside before. */
  static async open(path: string, compactAt: number): Promise<{ log: FileLog; kept: StoredSend[] }> {
    const octets = await readFile(path).catch((error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw error;
    });
    const { records, end, isDamaged } = octets === undefined ? EMPTY : readLog(octets);
    if (isDamaged) await copyFile(path, `${path}.damaged-${Date.now()}`);
    const handle = await open(path, octets === undefined ? "w+" : "r+");
    try {
      await handle.truncate(end);
      await handle.sync();
      if (octets === undefined) await syncFolder(path);
      const log = new FileLog(path, compactAt, handle, end);
      const kept = new Map<string, StoredSend>();
      for (const { record, from, to } of records) {
        log.#note(record, from, to);
        if ("kept" in record) kept.set(record.kept.key, record.kept);
        else kept.delete(record.forgotten);
      }
      return { log, kept: [...kept.values()] };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Append records. Resolves when they would survive a crash; rejects when none of them is in the log. */
  async append(records: readonly LogRecord[]): Promise<void> {
    const encoded = records.map(encodeRecord);
    const from = this.#size;
    try {
      await writeAll(this.#handle, encoded, from);
      await this.#handle.datasync();
    } catch (error) {
      await this.#handle.truncate(from).catch(() => undefined); // what is left of it is overwritten by the next
      throw error;
    }
    for (const [i, record] of records.entries()) {
      const to = this.#size + (encoded[i]?.length ?? 0);
      this.#note(record, this.#size, to);
      this.#size = to;
    }
  }

  /** Write it anew, if most of it is of no use any more. A failure leaves it as it is. */
  async compact(): Promise<void> {
    const dead = this.#size - this.#live;
    if (dead <= this.#live || dead <= this.#compactAt) return;
    const path = `${this.#path}.new`;
    const handle = await open(path, "w+");
    const places = new Map<string, Place>();
    let size = 0;
    try {
      for (const [key, { from, to }] of this.#places) {
        const { buffer } = await this.#handle.read({ buffer: new Uint8Array(to - from), position: from });
        await writeAll(handle, [buffer], size);
        places.set(key, { from: size, to: size + buffer.length });
        size += buffer.length;
      }
      await handle.sync();
      await rename(path, this.#path);
      await syncFolder(path);
    } catch (error) {
      await handle.close();
      await rm(path, { force: true });
      throw error;
    }
    const before = this.#handle;
    this.#handle = handle;
    this.#places = places;
    this.#size = size;
    this.#live = size;
    await before.close();
  }

  /** Close the file. */
  async close(): Promise<void> {
    await this.#handle.close();
  }

  #note(record: LogRecord, from: number, to: number): void {
    if ("kept" in record) {
      this.#places.set(record.kept.key, { from, to });
      this.#live += to - from;
      return;
    }
    const place = this.#places.get(record.forgotten);
    if (place === undefined) return;
    this.#places.delete(record.forgotten);
    this.#live -= place.to - place.from;
  }
}

const EMPTY = { records: [], end: 0, isDamaged: false };

async function writeAll(handle: FileHandle, parts: readonly (Buffer | Uint8Array)[], from: number): Promise<void> {
  let left = [...parts];
  for (let at = from; left.length > 0;) {
    let { bytesWritten } = await handle.writev(left, at);
    at += bytesWritten;
    // A disk that is almost full takes part of it.
    while (left[0] !== undefined && bytesWritten >= left[0].length) {
      bytesWritten -= left[0].length;
      left = left.slice(1);
    }
    if (left[0] !== undefined) left[0] = left[0].subarray(bytesWritten);
  }
}

/** Make sure that the names in a folder survive a crash, where the system can do that. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), "r").catch(() => undefined); // Windows opens no folders, and needs none
  if (folder === undefined) return;
  await folder.sync().catch(() => undefined);
  await folder.close();
}
