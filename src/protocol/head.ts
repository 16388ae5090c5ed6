/** The head of a frame (command line and header lines), checked whole on arrival and parsed where asked. */
import { LimitError, ProtocolError } from "../errors.js";
import { COMMANDS, type Command } from "./command.js";
import { checkEscapes, type Escapes, escapesOf } from "./escape.js";
import type { HeadShape } from "./head-shape.js";
import { type BlockReading, FrameHeaders } from "./headers.js";
import type { Limits } from "./limits.js";
import type { Version } from "./version.js";

/** By which rules heads are read. */
export interface HeadRules {
  /** The version of the session; `undefined` until there is one. */
  readonly version: Version | undefined;
  /** Escape sequences that are undone whatever the version says, for a broker that is known to write them. */
  readonly tolerated: Escapes | undefined;
  /** Hold the peer to the letter of the specification. */
  readonly strict: boolean;
  readonly limits: Limits;
  /** How to read a block without a backslash, or one whose backslashes mean themselves. */
  readonly plain: BlockReading;
  /** A head of no more units than this is within the limits, whatever is in it. */
  readonly safeSize: number;
}

const PLAIN: BlockReading = { escapes: "none", trim: false };
const TRIMMED: BlockReading = { escapes: "none", trim: true };
const ESCAPED_11: BlockReading = { escapes: "1.1", trim: false };
const ESCAPED_12: BlockReading = { escapes: "1.2", trim: false };

/** The shortest header line has three octets, and a unit of text is three octets at most. */
const SHORTEST_LINE = 3;
const MOST_OCTETS = 3;

/** Make rules: see {@link HeadRules}. */
export function headRules({
  version,
  tolerated,
  strict,
  limits,
}: Pick<HeadRules, "version" | "tolerated" | "strict" | "limits">): HeadRules {
  return {
    version,
    tolerated,
    strict,
    limits,
    // STOMP 1.1 forbade to trim because peers of 1.0 pad and trim; so in 1.0 the padding is none of the value.
    plain: version === "1.0" && !strict ? TRIMMED : PLAIN,
    safeSize: Math.min(limits.headerBytes / MOST_OCTETS, limits.headers * SHORTEST_LINE),
  };
}

/** The headers of a frame without any. */
export const NO_HEADERS: FrameHeaders = new FrameHeaders("\n", 0, 1, PLAIN);

/**
 * Make the headers of a block whose lines are known to have a name, a colon and no carriage return. The block is what `text` has
 * between `from` and `to`: it begins with the line feed of the command line, and ends with the line feed of the last header line.
 * `shape`: what is known of it.
 *
 * @throws ProtocolError for an undefined escape sequence.
 */
export function headersOfBlock(
  command: Command,
  text: string,
  from: number,
  to: number,
  rules: HeadRules,
  shape?: HeadShape,
): FrameHeaders {
  const escapes = escapesIn(command, rules);
  const block = escapes === "none" ? "" : text.slice(from, to);
  if (!block.includes("\\")) return new FrameHeaders(text, from, to, rules.plain, shape);
  checkEscapes(block, escapes);
  return new FrameHeaders(block, 0, block.length, escapes === "1.1" ? ESCAPED_11 : ESCAPED_12, shape);
}

function escapesIn(command: Command, rules: HeadRules): Escapes {
  if (command === "CONNECT" || command === "CONNECTED") return "none";
  // By the letter STOMP frames are escaped; no version is agreed on yet, so by the rules of the newest.
  if (command === "STOMP") return "1.2";
  return rules.tolerated ?? escapesOf(rules.version, command);
}

/**
 * Take the command line for a command.
 *
 * @throws ProtocolError (`unknown-command`).
 */
export function commandOf(line: string): Command {
  if (COMMANDS.has(line)) return line as Command; // the keys of COMMANDS are the commands
  throw new ProtocolError("unknown-command", `unknown command ${quote(line)}`);
}

/**
 * Read a head of any kind, line by line: with CR LF, with odd octets, or one that is not well formed. `head` is
 * everything before the blank line; `crlf` tells whether lines of it may end in CR LF.
 *
 * @throws ProtocolError naming the line that is wrong; LimitError for too many headers.
 */
export function readHead(head: string, crlf: boolean, rules: HeadRules): { command: Command; headers: FrameHeaders } {
  const lines = head.split("\n");
  lines.pop(); // what follows the last line feed: nothing
  const command = commandOf(withoutCr(lines.shift() ?? "", crlf));
  checkHeaderCount(lines.length, rules.limits);
  let block = "\n";
  for (const raw of lines) {
    const line = withoutCr(raw, crlf);
    checkLine(line, command, rules);
    block += `${line}\n`;
  }
  return { command, headers: headersOfBlock(command, block, 0, block.length, rules) };
}

/** @throws LimitError when there are more headers than the limit allows. */
export function checkHeaderCount(count: number, limits: Limits): void {
  if (count > limits.headers) {
    throw new LimitError(`frame has ${count} headers, limit is ${limits.headers}`, count, limits.headers);
  }
}

function checkLine(line: string, command: Command, rules: HeadRules): void {
  const colon = line.indexOf(":");
  if (colon < 0) throw new ProtocolError("missing-colon", `header line ${quote(line)} has no colon`);
  if (colon === 0) throw new ProtocolError("empty-header-name", "header line has an empty name");
  const name = line.slice(0, colon);
  if (rules.version === "1.2" && line.includes("\r")) {
    // STOMP 1.2, "Augmented BNF": a header holds any octet but CR, LF and ":".
    throw new ProtocolError("invalid-cr", `header ${quote(name)} has a carriage return without a line feed`);
  }
  if (!rules.strict) return;
  if (rules.version === "1.0" && colon === line.length - 1) {
    throw new ProtocolError("invalid-header", `header ${quote(name)} has an empty value`);
  }
  if (escapesIn(command, rules) !== "none" && line.includes(":", colon + 1)) {
    throw new ProtocolError("invalid-header", `header ${quote(name)} has a colon that is not escaped`);
  }
}

function withoutCr(line: string, crlf: boolean): string {
  return crlf && line.endsWith("\r") ? line.slice(0, -1) : line;
}

const MOST_SHOWN = 40;

/** A peer's text in a message: quoted, with control characters made visible, and not at length. */
export function quote(text: string): string {
  return JSON.stringify(text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text);
}
