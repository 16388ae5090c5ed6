/**
 * Text primitives for Node: its Buffer decodes short runs of octets three to five times faster than TextDecoder.
 * `text.web.ts` has the same exports.
 */
import { Buffer, isUtf8 } from "node:buffer";

// @types/node leaves these two out; they are Node's own primitives under `toString`, without its argument checks.
interface BufferSlices {
  latin1Slice(this: Uint8Array, from: number, to: number): string;
  utf8Slice(this: Uint8Array, from: number, to: number): string;
}
const { latin1Slice, utf8Slice } = Buffer.prototype as unknown as BufferSlices;

/** Decode octets to one UTF-16 unit each. ASCII is exact; what stands for any other octet is some unit above 0x7f. */
export function octetsToText(bytes: Uint8Array, from: number, to: number): string {
  return latin1Slice.call(bytes, from, to);
}

/** Decode UTF-8, with U+FFFD for what is malformed. A byte order mark is kept. */
export function utf8ToText(bytes: Uint8Array, from: number, to: number): string {
  return utf8Slice.call(bytes, from, to);
}

/** Decode UTF-8; `undefined` when it is malformed. A byte order mark is kept. */
export function strictUtf8ToText(bytes: Uint8Array, from: number, to: number): string | undefined {
  return isUtf8(bytes.subarray(from, to)) ? utf8Slice.call(bytes, from, to) : undefined;
}

/** Encode as UTF-8; a lone surrogate becomes U+FFFD. */
export function textToUtf8(text: string): Uint8Array {
  const buffer = Buffer.from(text, "utf8");
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** Count the octets of `text` in UTF-8; a lone surrogate counts as the three of U+FFFD. */
export function utf8Length(text: string): number {
  return Buffer.byteLength(text);
}

/** Reserve memory whose content is overwritten before anyone sees it. */
export function reserve(length: number): Uint8Array {
  const buffer = Buffer.allocUnsafeSlow(length);
  return new Uint8Array(buffer.buffer);
}
