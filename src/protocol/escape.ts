/** Header escaping, in one pass each way. Which sequences are defined depends on the version. */
import { ProtocolError } from "../errors.js";
import type { Command } from "./command.js";
import type { Version } from "./version.js";

/**
 * Which escape sequences are defined: none (1.0, CONNECT and CONNECTED), `\n \c \\` (1.1), or `\r` too (1.2).
 * STOMP 1.2, "Value Encoding". `"backslash"` is for writing to a broker that undoes escapes in 1.0 as well: only `\\`.
 */
export type Escapes = "none" | "backslash" | "1.1" | "1.2";

/** The escape sequences defined in frames of `command`. Before a version is agreed on there is none. */
export function escapesOf(version: Version | undefined, command: Command): Escapes {
  // STOMP 1.2, "Value Encoding": CONNECT and CONNECTED do not escape, to remain compatible with 1.0. STOMP does.
  if (command === "CONNECT" || command === "CONNECTED") return "none";
  return version === "1.2" || version === "1.1" ? version : "none";
}

const BACKSLASH = "\\";

/**
 * Undo the escapes of a header name or value, from left to right, two characters at a time.
 *
 * @throws ProtocolError (`invalid-escape`) for a sequence that is not defined.
 */
export function unescapeHeader(text: string, escapes: Escapes): string {
  if (escapes === "none") return text;
  let at = text.indexOf(BACKSLASH);
  if (at < 0) return text;
  let result = "";
  let from = 0;
  while (at >= 0) {
    result += text.slice(from, at) + unescapeOne(text.charAt(at + 1), escapes);
    from = at + 2;
    at = text.indexOf(BACKSLASH, from);
  }
  return result + text.slice(from);
}

/**
 * Check that all escapes in a header block are defined.
 *
 * @throws ProtocolError (`invalid-escape`) otherwise.
 */
export function checkEscapes(block: string, escapes: Escapes): void {
  if (escapes === "none") return;
  for (let at = block.indexOf(BACKSLASH); at >= 0; at = block.indexOf(BACKSLASH, at + 2)) {
    unescapeOne(block.charAt(at + 1), escapes);
  }
}

function unescapeOne(letter: string, escapes: Escapes): string {
  if (letter === "n") return "\n";
  if (letter === "c") return ":";
  if (letter === BACKSLASH) return BACKSLASH;
  if (letter === "r" && escapes === "1.2") return "\r";
  // STOMP 1.2, "Value Encoding": undefined escape sequences MUST be treated as a fatal protocol error.
  const isEnd = letter === "\n" || letter === "\r" || letter === "";
  throw new ProtocolError(
    "invalid-escape",
    `undefined escape sequence ${isEnd ? "at the end of a header" : `"\\${visible(letter)}"`}`,
  );
}

/** A control character or half a surrogate pair as JSON writes it: the message may become a header of an ERROR. */
function visible(unit: string): string {
  return /[\0-\x1f\ud800-\udfff]/.test(unit) ? JSON.stringify(unit).slice(1, -1) : unit;
}

const SPECIAL = /[\\\n\r:\0\ud800-\udfff]/;
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?:[^\ud800-\udbff]|^)[\udc00-\udfff]/;

/**
 * Escape a header name or value as `escapes` allows, and refuse what cannot be said: so no header can be injected,
 * in any version. `header`, its name, says in the message what is refused: never the value, which may be a secret.
 *
 * @throws TypeError for a NUL or a lone surrogate; for a line feed, carriage return or (in a name) colon without an
 * escape sequence for it.
 */
export function escapeHeader(text: string, escapes: Escapes, part: "name" | "value", header: string): string {
  if (!SPECIAL.test(text)) return text;
  if (LONE_SURROGATE.test(text)) throw unencodable(part, header, "a lone surrogate, which UTF-8 cannot express");
  let result = "";
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    const escaped = escapeOne(unit, escapes, part);
    if (escaped === undefined) continue;
    if (escaped === "") throw unencodable(part, header, `a ${String(NAMES[unit])}, which cannot be escaped here`);
    result += text.slice(from, at) + escaped;
    from = at + 1;
  }
  return result + text.slice(from);
}

const NAMES: Readonly<Record<number, string>> = { 0: "NUL", 10: "line feed", 13: "carriage return", 58: "colon" };

/** What stands for a character; `undefined`: itself; `""`: nothing can. */
function escapeOne(unit: number, escapes: Escapes, part: "name" | "value"): string | undefined {
  const plain = escapes === "none" || escapes === "backslash";
  switch (unit) {
    case 0x00:
      return "";
    case 0x0a:
      return plain ? "" : "\\n";
    case 0x0d:
      // In 1.0 and 1.1 a receiver may take it as half of a line end.
      return escapes === "1.2" ? "\\r" : "";
    case 0x3a:
      if (!plain) return "\\c";
      return part === "name" ? "" : undefined;
    case 0x5c:
      return escapes === "none" ? undefined : "\\\\";
    default:
      return undefined;
  }
}

function unencodable(part: "name" | "value", header: string, what: string): TypeError {
  const where = part === "name" ? "the name of header" : "header";
  return new TypeError(`${where} ${JSON.stringify(header)} has ${what}`);
}
