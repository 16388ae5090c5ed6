import { octetsToText, reserve, strictUtf8ToText, textToUtf8, utf8Length, utf8ToText } from "#text";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

// The platform's own: the two builds must agree with it, and so with each other.
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

describe("text and octets", () => {
  test("UTF-8 is written, counted and read as the platform does it, lone surrogates and faults included", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", "é", "語", "😀", "\ud83d", "\ude00", "\ufeff") }), (text) => {
        const octets = encoder.encode(text);
        expect([...textToUtf8(text)]).toEqual([...octets]);
        expect(utf8Length(text)).toBe(octets.length);
        expect(strictUtf8ToText(octets, 0, octets.length)).toBe(decoder.decode(octets));
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array(), fc.nat(20), (octets, from) => {
        const part = octets.subarray(Math.min(from, octets.length));
        expect(utf8ToText(octets, Math.min(from, octets.length), octets.length)).toBe(decoder.decode(part));
        const strict = strictUtf8ToText(part, 0, part.length);
        expect(strict === undefined).toBe(decoder.decode(part).includes("\ufffd") && !isReplacement(part));
      }),
    );
  });

  test("a byte order mark is kept", () => {
    const octets = Uint8Array.of(0xef, 0xbb, 0xbf, 0x61);
    expect(utf8ToText(octets, 0, 4)).toBe("\ufeffa");
    expect(strictUtf8ToText(octets, 0, 4)).toBe("\ufeffa");
  });

  test("each octet is one unit for searching, and ASCII is itself", () => {
    const octets = Uint8Array.from({ length: 256 }, (_, i) => i);
    const text = octetsToText(octets, 0, 256);
    expect(text).toHaveLength(256);
    for (let i = 0; i < 256; i++) {
      if (i < 128) expect(text.charCodeAt(i)).toBe(i);
      else expect(text.charCodeAt(i)).toBeGreaterThan(127);
    }
    expect(octetsToText(octets, 0x61, 0x64)).toBe("abc");
  });

  test("reserved memory has its length", () => {
    expect(reserve(1000)).toHaveLength(1000);
  });
});

/** Whether octets hold U+FFFD itself, well formed. */
function isReplacement(octets: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(octets);
    return true;
  } catch {
    return false;
  }
}
