/** One owner for a folder. */
import { open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { InvalidStateError } from "../errors.js";

/** The folders that this process owns. */
const owned = new Set<string>();

/**
 * Own a folder until what is returned is called. A lock of a process that does not live any more is taken over.
 *
 * Rejects with InvalidStateError when another process, or this one, owns it.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  if (owned.has(folder)) throw new InvalidStateError(`the store ${folder} is open in this process`);
  owned.add(folder);
  try {
    const file = join(folder, "lock");
    await takeLock(file, folder);
    return async () => {
      owned.delete(folder);
      await rm(file, { force: true });
    };
  } catch (error) {
    owned.delete(folder);
    throw error;
  }
}

async function takeLock(file: string, folder: string): Promise<void> {
  for (;;) {
    try {
      const handle = await open(file, "wx");
      await handle.writeFile(String(process.pid));
      await handle.close();
      return;
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
    const owner = await readFile(file, "utf8").catch(() => "");
    if (lives(Number(owner))) {
      throw new InvalidStateError(
        `the store ${folder} is open in process ${owner}; if that is another program, which got the number of one that has died, remove ${file}`,
      );
    }
    await removeStale(file, owner);
  }
}

/** Two processes may find the same stale lock: only the one that gets hold of that very lock removes it. */
async function removeStale(file: string, owner: string): Promise<void> {
  const aside = `${file}.${process.pid}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return; // another process was faster
    throw error;
  }
  if ((await readFile(aside, "utf8")) !== owner) await rename(aside, file);
  else await rm(aside);
}

function lives(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0 || pid === process.pid) return false; // ours is known to be no lock of ours
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
