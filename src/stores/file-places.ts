/** The parts of a log: where its records are, and how they are joined and copied. */
import { type FileHandle, open } from "node:fs/promises";
import { readInto, writeAll } from "./file-folder.js";

/** How much is copied, or joined into one write, at once. */
const PIECE = 1 << 20;

/** Where a record is in the log. */
export interface Place {
  readonly start: number;
  readonly end: number;
}

/** Where the records of a send are that is not forgotten. */
export interface LivePlace extends Place {
  /** The one that says that it is parked. */
  readonly mark?: Place | undefined;
}

/** How long it is. */
export function lengthOf(place: Place | undefined): number {
  return place === undefined ? 0 : place.end - place.start;
}

/** The place of each send, and after it that of its mark. */
export function* placesOf(live: Iterable<LivePlace>): Generator<Place> {
  for (const place of live) {
    yield place;
    if (place.mark !== undefined) yield place.mark;
  }
}

/** Join records into writes of a size that is worth one. */
export function* pieces(records: readonly Uint8Array[]): Generator<Uint8Array> {
  for (let first = 0; first < records.length;) {
    let length = 0;
    let last = first;
    for (let record = records[last]; record !== undefined; record = records[++last]) {
      if (last > first && length + record.length > PIECE) break;
      length += record.length;
    }
    const piece = new Uint8Array(length);
    let at = 0;
    for (const record of records.slice(first, last)) {
      piece.set(record, at);
      at += record.length;
    }
    yield piece;
    first = last;
  }
}

/** Copy the parts of a file to the file `path`, which is made, or emptied first. Resolves when they would survive a crash. */
export async function copyPlaces(from: FileHandle, places: Iterable<Place>, path: string): Promise<void> {
  const to = await open(path, "w", 0o600);
  try {
    let end = 0;
    for (const { start, end: last } of joined(places)) {
      for (let at = start; at < last; at += PIECE) {
        const octets = new Uint8Array(Math.min(PIECE, last - at));
        if ((await readInto(from, octets, at)) < octets.length) throw new Error(`the log ends before ${last}`);
        await writeAll(to, octets, end);
        end += octets.length;
      }
    }
    await to.sync();
  } finally {
    await to.close();
  }
}

/** Take places that follow each other for one. */
function* joined(places: Iterable<Place>): Generator<Place> {
  let whole: Place | undefined;
  for (const place of places) {
    if (whole !== undefined && whole.end !== place.start) yield whole;
    whole = whole?.end === place.start ? { start: whole.start, end: place.end } : place;
  }
  if (whole !== undefined) yield whole;
}
