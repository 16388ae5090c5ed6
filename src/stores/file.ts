/** The entry `stompede/store/file`. */
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { SendStore } from "../store.js";
import { makeFolder } from "./file-folder.js";
import { lockFolder } from "./file-lock.js";
import { type FileLog, openFileLog } from "./file-log.js";
import { GroupedStore, type OpenedMedium } from "./grouped-store.js";

export type { SendStore, StoredSend } from "../store.js";

/** How a file store behaves. */
export interface FileStoreOptions {
  /**
   * How many bytes of the log may be about sends that are forgotten. When there are more of them, and more than about those
   * that are kept, the log is written anew without them.
   *
   * @default 1048576
   */
  readonly compactAt?: number;
  /**
   * Is told the path of a log that was set aside since it was damaged, see {@link fileStore}. What it throws, `open` rejects
   * with.
   */
  readonly onDamage?: (file: string) => void;
}

/**
 * Make a store that keeps sends in files, in the folder `path`, which is made if it is missing.
 *
 * A send is kept when the disk has it: a crash of the process or the machine does not lose it. Sends that are added while
 * the disk is busy share the next fsync, so many at a time are much faster than one after the other. When the disk fails,
 * or is full, the changes that waited for it are rejected with the error of the system, and the store goes on as soon as
 * the disk does.
 *
 * One process has it open at a time; `open` rejects with an InvalidStateError that names the other one. The store of a
 * process that has died is taken over, and on Linux that of a worker thread that has ended; elsewhere such a thread's store is free when
 * its process has ended. The processes must see each other: containers and machines that share a folder
 * over a network do not.
 *
 * A crash may leave the log with a record at its end that is not whole: it was never confirmed, and is cut off. If there
 * are whole records behind one that is not, the file was damaged in another way (or, less often, a crash of the machine
 * has left the last, unconfirmed records with gaps). Then it is copied to `sends.log.damaged-1` (or -2, …), `onDamage` is
 * told, and the store goes on with what comes before the damage. What comes after it is not trusted: it may just as well
 * be a part of some message's body.
 *
 * @throws TypeError if `path` is no path; RangeError if `compactAt` is no number of bytes.
 */
export function fileStore(path: string, options: FileStoreOptions = {}): SendStore {
  const { compactAt = 1 << 20, onDamage } = options;
  if (typeof path !== "string" || path === "")
    throw new TypeError("path of the store must be a string that is not empty");
  if (typeof compactAt !== "number" || !(compactAt >= 0)) {
    throw new RangeError(`compactAt must be a number of bytes, not ${String(compactAt)}`);
  }
  // The process may change its folder later.
  const folder = resolve(path);
  return new GroupedStore(`the store in ${folder}`, () => openFolder(folder, compactAt, onDamage));
}

/** The logs that are open, so that none is collected: Node (from 26 on) and Bun end a process whose open file is. */
const OPEN_LOGS = new Set<FileLog>();

async function openFolder(
  folder: string,
  compactAt: number,
  onDamage: ((file: string) => void) | undefined,
): Promise<OpenedMedium> {
  await makeFolder(folder);
  const lock = await lockFolder(folder);
  try {
    // Of a compaction that a crash has cut short.
    await rm(join(folder, "sends.log.new"), { force: true });
    const { log, sends } = await openFileLog(folder, { compactAt, onDamage });
    await log.tidy();
    OPEN_LOGS.add(log);
    const close = (): Promise<void> => {
      OPEN_LOGS.delete(log);
      return log.close().finally(() => lock.release());
    };
    return { sends, medium: { write: (changes) => log.write(changes), tidy: () => log.tidy(), close } };
  } catch (error) {
    await lock.release();
    throw error;
  }
}
