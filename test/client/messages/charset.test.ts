import { describe, expect, test } from "vitest";
import { messageOf } from "../../support/messages.js";

const octets = (...values: number[]) => Uint8Array.from(values);
const utf8 = (text: string) => new TextEncoder().encode(text);

describe("the text of a message", () => {
  test.each([
    ["no content-type", undefined, utf8("é"), "é"],
    ["no charset", "text/plain", utf8("é"), "é"],
    ["utf-8", "text/plain;charset=utf-8", utf8("é"), "é"],
    ["UTF8", "text/plain; charset=UTF8", utf8("é"), "é"],
    ["latin1", "text/plain; charset=latin1", octets(0xe9), "é"],
    ["a quoted name", 'text/plain; charset="iso-8859-15"; x=y', octets(0xa4), "€"],
    ["capitals and spaces", "text/plain ; x=y ; CHARSET = Windows-1251", octets(0xc6), "Ж"],
    ["an empty name", "text/plain; charset=", utf8("é"), "é"],
    ["UTF-16LE", "text/plain; charset=UTF-16LE", octets(0xe9, 0), "é"],
    ["UTF-16BE", "text/plain; charset=UTF-16BE", octets(0, 0xe9), "é"],
    ["UTF-16 with the mark of LE", "text/plain; charset=UTF-16", octets(0xff, 0xfe, 0xe9, 0), "é"],
    ["UTF-16 with the mark of BE", "text/plain; charset=utf-16", octets(0xfe, 0xff, 0, 0xe9), "é"],
  ])("is in what its content-type names: %s", (_, contentType, body, text) => {
    expect(messageOf(body, { "content-type": contentType }).text()).toBe(text);
  });

  test("keeps a byte order mark of UTF-8, and has U+FFFD for what is malformed", () => {
    expect(messageOf(octets(0xef, 0xbb, 0xbf, 0x41, 0xff)).text()).toBe("\uFEFFA\uFFFD");
    expect(messageOf(octets(0x41), { "content-type": "text/plain;charset=utf-16le" }).text()).toBe("\uFFFD");
  });

  test("that came as text is that text, whatever its content-type says", () => {
    expect(messageOf("é", { "content-type": "text/plain;charset=latin1" }).text()).toBe("é");
  });

  test("cannot be had in a charset that the platform does not know; its octets can", () => {
    const message = messageOf(octets(1, 2), { "content-type": 'text/plain; charset="klingon"' });
    expect(() => message.text()).toThrow(new RangeError('charset "klingon" is not known here'));
    expect(() => message.json()).toThrow(RangeError);
    expect(message.bytes).toEqual(octets(1, 2));
  });

  test("may be asked for together with its octets, in any order", () => {
    const message = messageOf("é");
    expect([message.text(), message.bytes, message.text()]).toEqual(["é", octets(0xc3, 0xa9), "é"]);
    expect(message.contentType).toBeUndefined();
  });
});
