/** One owner of a folder at a time. */
import { readlinkSync } from "node:fs";
import { open, readFile, readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import process from "node:process";
import { InvalidStateError } from "../errors.js";

/** A folder that is held. */
export interface FolderLock {
  /** Let go of it. */
  release(): Promise<void>;
}

/**
 * Hold a folder, by a file in it whose name tells the process and when that was started: so it is there whole or not at
 * all, and a process that got the number of one that died is not taken for it. The name of a worker thread's file tells the thread
 * too: it may end, and its process live on. Only Linux tells about threads; elsewhere a thread's file stands until its process ends.
 *
 * Each process makes a file of its own before it looks for those of others, and gives way to any that lives. So two that
 * try at the same moment may both be refused, but they never both get it.
 *
 * Rejects with an InvalidStateError that names the process which has it.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const thread = threadId();
  const worker = thread === undefined ? undefined : await readStart(`${process.pid}/task/${thread}`);
  const suffix = thread === undefined || worker === undefined ? "" : `-${thread}.${worker.started}`;
  const own = `lock-${process.pid}-${(await readStart(`${process.pid}`))?.started ?? "0"}${suffix}`;
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
    const [, pid, started, thread, since] = /^lock-(\d+)-([\w.]+)(?:-(\d+)\.([\w.]+))?$/.exec(name) ?? [];
    if (pid === undefined || started === undefined || name === own) continue;
    const lives = await isAlive(Number(pid), started);
    if (lives && (thread === undefined || (await threadIsAlive(pid, thread, since)))) throw heldBy(Number(pid), folder);
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
  const found = await readStart(`${pid}`);
  return found === undefined || (found.started === started && !found.hasEnded);
}

/** Tell whether a thread lives of a process that does. */
async function threadIsAlive(pid: string, thread: string, started: string | undefined): Promise<boolean> {
  if ((await readStart(pid)) === undefined) return true; // nobody knows
  const found = await readStart(`${pid}/task/${thread}`);
  return found?.started === started && found?.hasEnded === false;
}

/** The system's number of this thread, if it is a worker and the system tells. */
function threadId(): string | undefined {
  try {
    const thread = basename(readlinkSync("/proc/thread-self")); // not asynchronously: that would be the number of another thread
    return thread === `${process.pid}` ? undefined : thread;
  } catch {
    return undefined;
  }
}

/**
 * When a process or a thread was started, in words that no other of its number ever has; `undefined` where there is no /proc.
 * `path`: its number, or `<process>/task/<thread>`.
 */
async function readStart(path: string): Promise<{ readonly started: string; readonly hasEnded: boolean } | undefined> {
  try {
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
    const stat = await readFile(`/proc/${path}/stat`, "utf8");
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
