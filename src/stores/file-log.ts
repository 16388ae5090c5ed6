/** The log in which a file store keeps its sends. */
import { constants } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { StoredSend } from "../store.js";
import { readAll, setAside, syncFolder, writeAll } from "./file-folder.js";
import type { Change, Medium } from "./grouped-store.js";
import { type LivePlace, type Place, copyPlaces, lengthOf, pieces, placesOf } from "./file-places.js";
import { encodeForgotten, encodeParked, encodeSend, hasRecord, readRecord } from "./send-record.js";

/** A send in a log. */
interface LiveRecord extends LivePlace {
  readonly send: () => StoredSend;
  /** Why it is parked. */
  readonly reason?: string | undefined;
}

/** A change, and the record that tells of it. */
interface Written {
  readonly change: Change;
  readonly octets: Uint8Array;
}

/** What a log is opened with. */
export interface FileLogOptions {
  readonly compactAt: number;
  readonly onDamage: ((file: string) => void) | undefined;
}

/** Open the log in `folder`, which exists; gives the sends in it, too. */
export async function openFileLog(
  folder: string,
  { compactAt, onDamage }: FileLogOptions,
): Promise<{ readonly log: FileLog; readonly sends: readonly StoredSend[] }> {
  const file = join(folder, "sends.log");
  const handle = await openFile(file);
  try {
    const octets = await readAll(handle);
    // Nothing tells a new log from one that was made but whose name may not survive a crash yet.
    if (octets.length === 0) await syncFolder(folder);
    const { live, end } = readLog(octets);
    const copy = hasRecord(octets, end) ? await setAside(file) : undefined;
    if (end < octets.length) {
      await handle.truncate(end);
      await handle.datasync();
    }
    if (copy !== undefined) onDamage?.(copy);
    const log = new FileLog(folder, file, handle, live, end, compactAt);
    return { log, sends: [...live.values()].map(sendOf) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Read the records up to the first that is not whole, which begins at `end`; gives those of sends that are not forgotten. */
function readLog(octets: Uint8Array): { readonly live: ReadonlyMap<string, LiveRecord>; readonly end: number } {
  const live = new Map<string, LiveRecord>();
  let end = 0;
  for (let record = readRecord(octets, 0); record !== undefined; record = readRecord(octets, end)) {
    const { key, start, mark, send } = record;
    end = record.end;
    const before = live.get(key);
    if (send !== undefined) live.set(key, { start, end, send });
    else if (mark === undefined) live.delete(key);
    else if (before !== undefined) {
      const [reason] = mark;
      live.set(key, { ...before, reason, mark: reason === undefined ? undefined : { start, end } });
    }
  }
  return { live, end };
}

function sendOf({ send, reason }: LiveRecord): StoredSend {
  return reason === undefined ? send() : { ...send(), parked: reason };
}

/** An append-only file of records, which is written anew when most of it is about what is forgotten. */
export class FileLog implements Medium {
  readonly #folder: string;
  readonly #file: string;
  readonly #compactAt: number;
  /** `undefined` if the file could not be opened again after a compaction. */
  #handle: FileHandle | undefined;
  /** Where the records of the sends are that are not forgotten, in the order of the sends. */
  #live = new Map<string, LivePlace>();
  #liveLength = 0;
  /** Where the next record goes. */
  #end: number;
  /** Whether something may be behind `#end`: of a write that failed. */
  #hasRest = false;
  /** Whether the file has been renamed, and a crash might undo that. */
  #isRenamed = false;
  /** How long the part must be that nobody needs, for the next compaction. It is more after one that has failed. */
  #patience: number;

  constructor(
    folder: string,
    file: string,
    handle: FileHandle,
    live: ReadonlyMap<string, LivePlace>,
    end: number,
    compactAt: number,
  ) {
    this.#folder = folder;
    this.#file = file;
    this.#handle = handle;
    this.#end = end;
    this.#compactAt = this.#patience = compactAt;
    for (const [key, { start, end: last, mark }] of live) {
      this.#keep(key, start, last);
      if (mark !== undefined) this.#mark(key, mark);
    }
  }

  async write(changes: readonly Change[]): Promise<void> {
    const records = this.#encode(changes);
    if (records.length === 0) return;
    const start = this.#end;
    await this.#append(records.map(({ octets }) => octets));
    let at = start;
    for (const { change, octets } of records) {
      const place = { start: at, end: (at += octets.length) };
      if (change.kind === "add") this.#keep(change.key, place.start, place.end);
      else if (change.kind === "delete") this.#forget(change.key);
      else this.#mark(change.key, change.reason === undefined ? undefined : place);
    }
  }

  async tidy(): Promise<void> {
    const dead = this.#end - this.#liveLength;
    if (dead <= Math.max(this.#liveLength, this.#patience)) return;
    try {
      await this.#compact();
      this.#patience = this.#compactAt;
    } catch {
      // Nobody waits for this, and nothing is lost: the log is as it was. What the disk refuses is told to the next who
      // adds. To try again at once would only copy the log in vain.
      this.#patience = 2 * dead;
    }
  }

  async close(): Promise<void> {
    await this.#handle?.close();
  }

  /** Make records of changes, but of those that change nothing: each is judged by what those before it do. */
  #encode(changes: readonly Change[]): Written[] {
    const isThere = new Map<string, boolean>();
    return changes.flatMap((change): Written[] => {
      const wasThere = isThere.get(change.key) ?? this.#live.has(change.key);
      if (change.kind === "delete") {
        isThere.set(change.key, false);
        return wasThere ? [{ change, octets: encodeForgotten(change.key) }] : [];
      }
      if (change.kind === "park") {
        return wasThere ? [{ change, octets: encodeParked(change.key, change.reason) }] : [];
      }
      try {
        if (wasThere) throw new TypeError(`there is a send with the key ${JSON.stringify(change.key)} already`);
        const octets = encodeSend(change.send);
        isThere.set(change.key, true);
        return [{ change, octets }];
      } catch (error) {
        change.settled.reject(error);
        return [];
      }
    });
  }

  async #append(records: readonly Uint8Array[]): Promise<void> {
    const handle = await this.#ready();
    let end = this.#end;
    try {
      this.#hasRest = true;
      for (const piece of pieces(records)) {
        await writeAll(handle, piece, end);
        end += piece.length;
      }
      await handle.datasync();
      this.#hasRest = false;
      this.#end = end;
    } catch (error) {
      // What was refused must not be found after a crash. If it cannot be taken back now, it is before the next write.
      await this.#ready().catch(() => undefined);
      throw error;
    }
  }

  /** Give the file, fit to be appended to: what earlier failures have left behind is put right first. */
  async #ready(): Promise<FileHandle> {
    if (this.#isRenamed) {
      await syncFolder(this.#folder);
      this.#isRenamed = false;
    }
    const handle = (this.#handle ??= await openFile(this.#file));
    if (this.#hasRest) {
      await handle.truncate(this.#end);
      await handle.datasync();
      this.#hasRest = false;
    }
    return handle;
  }

  async #compact(): Promise<void> {
    const next = `${this.#file}.new`;
    const old = await this.#ready();
    const places = new Map<string, LivePlace>();
    let end = 0;
    const moved = (place: Place): Place => ({ start: end, end: (end += place.end - place.start) });
    for (const [key, { mark, ...place }] of this.#live) {
      places.set(key, { ...moved(place), mark: mark && moved(mark) });
    }
    try {
      await copyPlaces(old, placesOf(this.#live.values()), next);
      // Windows renames nothing onto a file that is open.
      this.#handle = undefined;
      await old.close();
      await rename(next, this.#file);
    } catch (error) {
      await rm(next, { force: true }).catch(() => undefined);
      throw error;
    }
    this.#isRenamed = true;
    this.#live = places;
    this.#liveLength = this.#end = end;
    await this.#ready();
  }

  #keep(key: string, start: number, end: number): void {
    this.#live.set(key, { start, end });
    this.#liveLength += end - start;
  }

  #mark(key: string, mark: Place | undefined): void {
    const live = this.#live.get(key);
    if (live === undefined) return;
    this.#liveLength += lengthOf(mark) - lengthOf(live.mark);
    this.#live.set(key, { ...live, mark });
  }

  #forget(key: string): void {
    const live = this.#live.get(key);
    if (live === undefined) return;
    this.#live.delete(key);
    this.#liveLength -= lengthOf(live) + lengthOf(live.mark);
  }
}

/** The sends in it are as secret as messages are. */
function openFile(file: string): Promise<FileHandle> {
  return open(file, constants.O_RDWR | constants.O_CREAT, 0o600);
}
