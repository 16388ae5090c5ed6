/** Text primitives for browsers and other platforms without Node's Buffer. `text.node.ts` has the same exports. */

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strictDecoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
// By the WHATWG's table "latin1" is windows-1252: one UTF-16 unit an octet, and ASCII octets are themselves. No more is relied on.
const octetDecoder = new TextDecoder("latin1");
const NOT_ASCII = /[^\0-\x7f]/;

/** Decode octets to one UTF-16 unit each. ASCII is exact; what stands for any other octet is some unit above 0x7f. */
export function octetsToText(bytes: Uint8Array, from: number, to: number): string {
  return octetDecoder.decode(bytes.subarray(from, to));
}

/** Decode UTF-8, with U+FFFD for what is malformed. A byte order mark is kept. */
export function utf8ToText(bytes: Uint8Array, from: number, to: number): string {
  return decoder.decode(bytes.subarray(from, to));
}

/** Decode UTF-8; `undefined` when it is malformed. A byte order mark is kept. */
export function strictUtf8ToText(bytes: Uint8Array, from: number, to: number): string | undefined {
  try {
    return strictDecoder.decode(bytes.subarray(from, to));
  } catch {
    return undefined; // TypeError is how a fatal TextDecoder says that the octets are no UTF-8
  }
}

/** Encode as UTF-8; a lone surrogate becomes U+FFFD. */
export function textToUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Count the octets of `text` in UTF-8; a lone surrogate counts as the three of U+FFFD. */
export function utf8Length(text: string): number {
  if (!NOT_ASCII.test(text)) return text.length;
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) length += 1;
    else if (unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      length += 2; // two units, four octets
      i++;
    } else length += 2;
  }
  return length;
}

/** Reserve memory whose content is overwritten before anyone sees it. */
export function reserve(length: number): Uint8Array {
  return new Uint8Array(length);
}
