/** One owner of a folder at a time. */
import { open, readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { InvalidStateError } from "../errors.js";

/** A folder that is held. */
export interface FolderLock {
  /** Let go of it. */
  release(): Promise<void>;
}

/**
 * Hold a folder, by a file in it whose name tells the process and when that was started: so it is there whole or not at
 * all, and a process that got the number of one that died is not taken for it.
 *
 * Each process makes a file of its own before it looks for those of others, and gives way to any that lives. So two that
 * try at the same moment may both be refused, but they never both get it.
 *
 * Rejects with an InvalidStateError that names the process which has it.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const own = `lock-${process.pid}-${(await readProcess(process.pid))?.started ?? "0"}`;
  const release = (): Promise<void> => rm(join(folder, own), { force: true });
  try {
    const handle = await open(join(folder, own), "wx");
    await handle.close();
  } catch (error) {
    if (hasCode(error, "EEXIST")) throw heldBy(process.pid, folder);
    throw error;
  }
  try {
    await refuseOthers(folder, own);
  } catch (error) {
    await release();
    throw error;
  }
  return { release };
}

async function refuseOthers(folder: string, own: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const [, pid, started] = /^lock-(\d+)-([\w.]+)$/.exec(name) ?? [];
    if (pid === undefined || started === undefined || name === own) continue;
    if (await isAlive(Number(pid), started)) throw heldBy(Number(pid), folder);
    await rm(join(folder, name), { force: true });
  }
}

function heldBy(pid: number, folder: string): InvalidStateError {
  const owner = pid === process.pid ? `this process (${pid})` : `process ${pid}`;
  return new InvalidStateError(`the store in ${folder} is open in ${owner} already`);
}

async function isAlive(pid: number, started: string): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM says that there is one, of another user.
    if (!hasCode(error, "EPERM")) return false;
  }
  const found = await readProcess(pid);
  return found === undefined || (found.started === started && !found.hasEnded);
}

/** When a process was started, in words that no other process of this number ever has; `undefined` where there is no /proc. */
async function readProcess(pid: number): Promise<{ readonly started: string; readonly hasEnded: boolean } | undefined> {
  try {
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // proc_pid_stat(5): the second field is a name in brackets that may have blanks in it; then come the state, and as the
    // 22nd when it was started, in ticks since the boot.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // Z: killed, but its parent has not asked for how it ended.
    return { started: `${boot.slice(0, 8)}.${fields[19] ?? "0"}`, hasEnded: fields[0] === "Z" || fields[0] === "X" };
  } catch {
    return undefined;
  }
}

/** Tell whether `error` is one of the system's with this code: `ENOENT`. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && codes.includes(error.code);
}
