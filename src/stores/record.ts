/** The records of the file store's log: what was kept, and what was forgotten. */
import { Buffer } from "node:buffer";
import type { StoredSend } from "../store.js";

/** A record: a send that is kept, or the key of one that is forgotten. */
export type LogRecord = { readonly kept: StoredSend } | { readonly forgotten: string };

/** A record in a log, and where it is. */
export interface FoundRecord {
  readonly record: LogRecord;
  readonly from: number;
  readonly to: number;
}

/** What a log holds. */
export interface ReadLog {
  readonly records: readonly FoundRecord[];
  /** How far it is whole: what follows was cut off by a crash, or is damaged. */
  readonly end: number;
  /** Whether more is wrong than that the last record is not whole. */
  readonly isDamaged: boolean;
}

/** Octets of the payload, and their CRC-32. */
const HEADER = 8;
const KEPT = 1;
const FORGOTTEN = 2;

/** What a kept send has besides its body. */
interface Head {
  readonly key: string;
  readonly destination: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly contentLength: boolean;
  readonly isText: boolean;
}

/** Write a record. */
export function encodeRecord(record: LogRecord): Buffer {
  const payload = "kept" in record ? encodeKept(record.kept) : [Buffer.of(FORGOTTEN), Buffer.from(record.forgotten)];
  const frame = Buffer.concat([Buffer.alloc(HEADER), ...payload]);
  frame.writeUInt32LE(frame.length - HEADER, 0);
  frame.writeUInt32LE(crc32(frame, HEADER, frame.length), 4);
  return frame;
}

function encodeKept({ key, destination, headers, body, contentLength }: StoredSend): Buffer[] {
  const head: Head = { key, destination, headers, contentLength, isText: typeof body === "string" };
  const text = Buffer.from(JSON.stringify(head));
  const start = Buffer.alloc(5);
  start.writeUInt8(KEPT, 0);
  start.writeUInt32LE(text.length, 1);
  return [start, text, Buffer.from(body)]; // of octets it makes a copy, of text UTF-8
}

/** Read all records that are whole. A damaged one is passed over when another one follows it. */
export function readLog(log: Buffer): ReadLog {
  const records: FoundRecord[] = [];
  let isDamaged = false;
  let end = 0;
  for (let at = 0; at < log.length;) {
    const next = at + HEADER <= log.length ? at + HEADER + log.readUInt32LE(at) : Infinity;
    const record = next <= log.length ? decodeRecord(log, at, next) : undefined;
    if (record !== undefined) {
      records.push({ record, from: at, to: next });
      end = next;
    } else if (next < log.length && next > at + HEADER && isRecord(log, next)) {
      isDamaged = true;
      end = next;
    } else {
      // A crash cuts off one record, or leaves octets that were never written, as zeros.
      isDamaged ||= next <= log.length && log.subarray(at).some((octet) => octet !== 0);
      break;
    }
    at = next;
  }
  return { records, end, isDamaged };
}

function isRecord(log: Buffer, at: number): boolean {
  if (at + HEADER > log.length) return false;
  const to = at + HEADER + log.readUInt32LE(at);
  return to <= log.length && decodeRecord(log, at, to) !== undefined;
}

function decodeRecord(log: Buffer, from: number, to: number): LogRecord | undefined {
  const start = from + HEADER;
  if (to <= start || crc32(log, start, to) !== log.readUInt32LE(from + 4)) return undefined;
  if (log[start] === FORGOTTEN) return { forgotten: log.toString("utf8", start + 1, to) };
  if (log[start] !== KEPT) return undefined;
  const bodyAt = start + 5 + log.readUInt32LE(start + 1);
  // The checksum vouches for it: it is what `encodeKept` wrote.
  const { key, destination, headers, contentLength, isText } = JSON.parse(
    log.toString("utf8", start + 5, bodyAt),
  ) as Head;
  const body = isText ? log.toString("utf8", bodyAt, to) : new Uint8Array(log.subarray(bodyAt, to));
  return { kept: { key, destination, headers, body, contentLength } };
}

const TABLE = Uint32Array.from({ length: 256 }, (_, octet) => {
  let crc = octet;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc >>> 0;
});

/** CRC-32 (ISO-HDLC, as in zip). Node has one of its own only from 20.15 on. */
function crc32(octets: Uint8Array, from: number, to: number): number {
  let crc = 0xffffffff;
  for (let at = from; at < to; at++) crc = (TABLE[(crc ^ (octets[at] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
