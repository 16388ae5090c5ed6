/** What is done with folders and whole files so that it survives a crash of the machine. */
import { constants } from "node:fs";
import { copyFile, type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { hasCode } from "./file-lock.js";

/** Make a folder, and those that it is in, where they are missing. */
export async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let made = folder; ; made = dirname(made)) {
    await syncFolder(dirname(made));
    if (made === first || made === dirname(made)) return;
  }
}

/** Have what was made, renamed and deleted in a folder survive a crash. */
export async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(folder, "r");
  } catch (error) {
    // Windows opens no folders, and needs none of this.
    if (hasCode(error, "EISDIR", "EPERM", "EACCES")) return;
    throw error;
  }
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Copy a file to `<file>.damaged-1`, or with the first number that is free. Resolves with the path of the copy. */
export async function setAside(file: string): Promise<string> {
  for (let number = 1; ; number++) {
    const copy = `${file}.damaged-${number}`;
    try {
      await copyFile(file, copy, constants.COPYFILE_EXCL);
    } catch (error) {
      if (hasCode(error, "EEXIST")) continue;
      await rm(copy, { force: true });
      throw error;
    }
    const handle = await open(copy, "r+");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    await syncFolder(dirname(copy));
    return copy;
  }
}

/** Read a file from its beginning to its end. */
export async function readAll(handle: FileHandle): Promise<Uint8Array> {
  const { size } = await handle.stat();
  const octets = new Uint8Array(size);
  const read = await readInto(handle, octets, 0);
  return octets.subarray(0, read);
}

/** Fill `octets` with what a file has from `position` on. Resolves with how many there were. */
export async function readInto(handle: FileHandle, octets: Uint8Array, position: number): Promise<number> {
  let read = 0;
  while (read < octets.length) {
    // The system reads less than 2 GiB at once.
    const length = Math.min(octets.length - read, 1 << 30);
    const { bytesRead } = await handle.read(octets, read, length, position + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return read;
}

/** Write all of `octets` at `position`: a disk that is nearly full takes a part of them, and says so. */
export async function writeAll(handle: FileHandle, octets: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < octets.length) {
    const length = Math.min(octets.length - written, 1 << 30);
    const { bytesWritten } = await handle.write(octets, written, length, position + written);
    written += bytesWritten;
  }
}
