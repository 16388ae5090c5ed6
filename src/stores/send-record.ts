/**
 * The records of which a log of sends consists. Numbers have their highest octet first:
 *
 *     4  CRC-32 of all that follows
 *     4  how many octets come after this
 *     1  kind: 1 a send with a text, 2 a send with octets, 3 a send is forgotten, 4 a send is parked, or parked no longer
 *     4  length of the head
 *        head, in JSON: [key, destination, headers, contentLength] of a send, [key] of one that is forgotten or parked no
 *        longer, [key, reason] of one that is parked
 *        body: the text in UTF-8, or the octets
 */
import { InvalidStateError } from "../errors.js";
import type { StoredSend } from "../store.js";
import { crc32 } from "./crc32.js";

const PREFIX = 8;
const HEAD_START = 13;
const MAX_LENGTH = 0xffffffff;
const TEXT = 1;
const OCTETS = 2;
const FORGOTTEN = 3;
const PARKED = 4;

type Head = readonly [key: string, destination: string, headers: StoredSend["headers"], contentLength: boolean];

const encoder = /* @__PURE__ */ new TextEncoder();
// A text may begin with what looks like a byte order mark, and keeps it.
const decoder = /* @__PURE__ */ new TextDecoder("utf-8", { ignoreBOM: true });

/** A record that is whole, where it was found. */
export interface SendRecord {
  readonly key: string;
  /** Where the record begins. */
  readonly start: number;
  /** Where the next one begins. */
  readonly end: number;
  /** The send that it keeps; `undefined` if it says something of the send with the key. */
  readonly send: (() => StoredSend) | undefined;
  /** If it says that the send is parked: the reason; that it is parked no longer: nothing; `undefined` if it says neither. */
  readonly mark: readonly [reason?: string] | undefined;
}

/**
 * Write a send as a record.
 *
 * @throws RangeError if it is longer than 4 GiB, the most that a record can say of itself.
 */
export function encodeSend(send: StoredSend): Uint8Array {
  const head: Head = [send.key, send.destination, send.headers, send.contentLength];
  return typeof send.body === "string"
    ? encode(TEXT, head, encoder.encode(send.body))
    : encode(OCTETS, head, send.body);
}

/** Write as a record that the send with this key is forgotten. */
export function encodeForgotten(key: string): Uint8Array {
  return encode(FORGOTTEN, [key], new Uint8Array());
}

/** Write as a record that the send with this key is parked; without a reason, that it is parked no longer. */
export function encodeParked(key: string, reason: string | undefined): Uint8Array {
  return encode(PARKED, reason === undefined ? [key] : [key, reason], new Uint8Array());
}

function encode(kind: number, head: readonly unknown[], body: Uint8Array): Uint8Array {
  // JSON escapes what UTF-8 cannot say, halves of surrogate pairs, so keys and headers come back as they were.
  const headOctets = encoder.encode(JSON.stringify(head));
  const length = HEAD_START - PREFIX + headOctets.length + body.length;
  if (length > MAX_LENGTH) throw new RangeError(`record of a send is ${length} bytes, limit is ${MAX_LENGTH}`);
  const record = new Uint8Array(PREFIX + length);
  const view = new DataView(record.buffer);
  view.setUint32(4, length);
  view.setUint8(8, kind);
  view.setUint32(9, headOctets.length);
  record.set(headOctets, HEAD_START);
  record.set(body, HEAD_START + headOctets.length);
  view.setUint32(0, crc32(record, 4));
  return record;
}

/**
 * Read the record that begins at `start`; `undefined` if there is no whole one.
 *
 * @throws InvalidStateError if it is whole, but of a kind that a later version must have written.
 */
export function readRecord(octets: Uint8Array, start: number): SendRecord | undefined {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const end = endOf(view, start);
  if (end === undefined || view.getUint32(start) !== crc32(octets, start + 4, end)) return undefined;
  const kind = view.getUint8(start + 8);
  if (!isKind(kind))
    throw new InvalidStateError(`kind ${kind} of a record is not known: a later version has written it`);
  const body = start + HEAD_START + view.getUint32(start + 9);
  // The checksum says that this is what was written, so it is what `encode` makes.
  const head = JSON.parse(decoder.decode(octets.subarray(start + HEAD_START, body))) as Head;
  const send = (): StoredSend => ({
    key: head[0],
    destination: head[1],
    headers: head[2],
    body: kind === TEXT ? decoder.decode(octets.subarray(body, end)) : octets.slice(body, end),
    contentLength: head[3],
  });
  // A mark's head has at most one more, as `encodeParked` makes it.
  const mark = kind === PARKED ? (head.slice(1) as [string?]) : undefined;
  return { key: head[0], start, end, send: kind < FORGOTTEN ? send : undefined, mark };
}

/** Tell whether a whole record begins anywhere from `start` on. */
export function hasRecord(octets: Uint8Array, start: number): boolean {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  // A body can be made to look like the beginnings of ever so many records. Each costs a checksum; it must not take for ever.
  let patience = 64 * octets.length;
  for (let at = start; at + HEAD_START <= octets.length; at++) {
    const end = endOf(view, at);
    if (end === undefined || !isKind(view.getUint8(at + 8)) || view.getUint8(at + HEAD_START) !== 0x5b) continue;
    if (view.getUint32(at) === crc32(octets, at + 4, end)) return true;
    patience -= end - at;
    if (patience < 0) return true;
  }
  return false;
}

/** Where a record would end that begins at `start`; `undefined` if none can begin there. */
function endOf(view: DataView, start: number): number | undefined {
  if (start + HEAD_START > view.byteLength) return undefined;
  const length = view.getUint32(start + 4);
  const end = start + PREFIX + length;
  return end > view.byteLength || length <= HEAD_START - PREFIX || view.getUint32(start + 9) > end - start - HEAD_START
    ? undefined
    : end;
}

function isKind(kind: number): boolean {
  return kind >= TEXT && kind <= PARKED;
}
