import { describe, expect, test } from "vitest";
import { checkEscapes, escapeHeader, escapesOf, unescapeHeader } from "../../src/protocol/escape.js";

describe("escapes are those of the version", () => {
  test.each([
    [undefined, "SEND", "none"],
    ["1.0", "SEND", "none"],
    ["1.1", "SEND", "1.1"],
    ["1.2", "MESSAGE", "1.2"],
    ["1.2", "CONNECT", "none"],
    ["1.1", "CONNECTED", "none"],
  ] as const)("%s, %s: %s", (version, command, escapes) => {
    expect(escapesOf(version, command)).toBe(escapes);
  });
});

describe("escaping and its undoing go in one pass", () => {
  test.each([
    ["plain", "1.2", "plain"],
    ["\\n", "1.2", "\\\\n"],
    ["a\\\n:\r", "1.2", "a\\\\\\n\\c\\r"],
    ["a\\\n:", "1.1", "a\\\\\\n\\c"],
    ["C:\\new\\core", "1.1", "C\\c\\\\new\\\\core"],
    ["\\\\c", "1.2", "\\\\\\\\c"],
    ["é😀:", "1.2", "é😀\\c"],
    ["a\\b:c", "backslash", "a\\\\b:c"],
    ["a\\b:c", "none", "a\\b:c"],
  ] as const)("%j in %s is %j", (text, escapes, escaped) => {
    expect(escapeHeader(text, escapes, "value", "it")).toBe(escaped);
    if (escapes === "backslash") return; // only ever written
    expect(unescapeHeader(escaped, escapes)).toBe(text);
    expect(() => {
      checkEscapes(escaped, escapes);
    }).not.toThrow();
  });
});

describe("what cannot be said is refused, without showing it", () => {
  test.each([
    ["a\0", "1.2", "value", "has a NUL, which cannot be escaped here"],
    ["a\r", "1.1", "value", "has a carriage return, which cannot be escaped here"],
    ["a\r", "none", "value", "has a carriage return, which cannot be escaped here"],
    ["a\n", "none", "value", "has a line feed, which cannot be escaped here"],
    ["a\n", "backslash", "value", "has a line feed, which cannot be escaped here"],
    ["a:b", "none", "name", "has a colon, which cannot be escaped here"],
    ["a:b", "backslash", "name", "has a colon, which cannot be escaped here"],
    ["\ud83d", "1.2", "value", "has a lone surrogate, which UTF-8 cannot express"],
    ["a\ude00b", "1.2", "value", "has a lone surrogate, which UTF-8 cannot express"],
    ["\ude00\ud83d", "1.2", "value", "has a lone surrogate, which UTF-8 cannot express"],
  ] as const)("%j in %s as a %s", (text, escapes, part, message) => {
    const where = part === "name" ? 'the name of header "it"' : 'header "it"';
    expect(() => escapeHeader(text, escapes, part, "it")).toThrow(new TypeError(`${where} ${message}`));
  });
});

describe("an escape sequence that is not defined", () => {
  test.each([
    ["\\t", "1.2", 'undefined escape sequence "\\t"'],
    ["\\r", "1.1", 'undefined escape sequence "\\r"'],
    ["a\\", "1.2", "undefined escape sequence at the end of a header"],
    ["\\\t", "1.2", 'undefined escape sequence "\\\\t"'],
    ["\\C", "1.2", 'undefined escape sequence "\\C"'],
    ["\\\\\\x", "1.2", 'undefined escape sequence "\\x"'],
  ] as const)("%j in %s is a fault", (text, escapes, message) => {
    const fault = expect.objectContaining({ reason: "invalid-escape", message }) as Error;
    expect(() => unescapeHeader(text, escapes)).toThrow(fault);
    expect(() => {
      checkEscapes(`\na:${text}\n`, escapes);
    }).toThrow(fault);
  });

  test("is none where nothing is escaped", () => {
    expect(unescapeHeader("\\t", "none")).toBe("\\t");
    expect(() => {
      checkEscapes("\\t", "none");
    }).not.toThrow();
  });
});
