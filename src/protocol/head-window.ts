/** A window on a chunk, as text: heads of the common kind are read in it at once, without collecting their octets. */
import { octetsToText, utf8Length } from "#text";
import { checkCountedBody } from "./body-rules.js";
import { COMMANDS, type Command } from "./command.js";
import { type HeadRules, checkHeaderCount, commandOf, headersOfBlock } from "./head.js";
import type { HeadShape } from "./head-shape.js";
import { FrameHeaders } from "./headers.js";
import { LearnedHead } from "./learned-head.js";

const LF = 0x0a;
const COLON = 0x3a;

/**
 * Header lines of the common kind, up to `content-length:`, the blank line, or the first line that is of another kind:
 * each has a name and a colon, and no carriage return.
 */
const LINES = "(?:(?!content-length:)[^:\\n\\r]+:[^\\n\\r]*\\n){0,64}(?:content-length:)?";
/** The same of ASCII only, for octets that are not all ASCII. */
const ASCII_LINES =
  "(?:(?!content-length:)[^:\\n\\r\\x80-\\uffff]+:[^\\n\\r\\x80-\\uffff]*\\n){0,64}(?:content-length:)?";

/** Expressions for text, and for octets that are not all ASCII. One expression is faster than any loop over a head. */
interface Patterns {
  readonly any: RegExp;
  readonly ascii: RegExp;
}
const REST: Patterns = { any: new RegExp(LINES, "y"), ascii: new RegExp(ASCII_LINES, "y") };
const heads = new Map<Command, Patterns>();

/** What heads with a command look like, from its line on. */
function patternsOf(command: Command): Patterns {
  let patterns = heads.get(command);
  if (patterns === undefined) {
    patterns = {
      any: new RegExp(`${command}\\n${LINES}`, "y"),
      ascii: new RegExp(`${command}\\n${ASCII_LINES}`, "y"),
    };
    heads.set(command, patterns);
  }
  return patterns;
}

/** Octets are turned to text this many at a time, so that what is kept of a frame keeps no more than this. */
const WINDOW = 4096;
/** Numbers of so many digits are exact. */
const MOST_DIGITS = 15;

/** Reads heads in one chunk after the other. All positions are those of the chunk. */
export class HeadWindow {
  /** The command of the head read last. */
  command: Command = "MESSAGE";
  /** The length that it announces of the body; `undefined`: up to the first NUL. */
  length: number | undefined;
  /** Where its body begins. */
  end = 0;

  #bytes: Uint8Array | undefined;
  #text = "";
  /** Where the text is in the chunk. */
  #from = 0;
  /** Whether the text is of octets that are all ASCII. */
  #isAscii = false;
  #patterns = patternsOf("MESSAGE");
  readonly #learned = new LearnedHead();
  /** The length that the head being read line by line announces. */
  #length: number | undefined;

  /** Open it on a chunk of octets. One of text needs no window. */
  open(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#text = "";
    this.#from = 0;
  }

  /** Let go of the chunk of octets. */
  close(): void {
    this.#bytes = undefined;
    this.#text = "";
    this.#from = 0;
  }

  /** What the chunk has between two places, if it is there as text and units are octets. */
  textOf(from: number, to: number): string | undefined {
    const end = to - this.#from;
    return this.#isAscii && end <= this.#text.length ? this.#text.slice(from - this.#from, end) : undefined;
  }

  /**
   * Read the head at a place of the chunk of octets, if it is whole in the chunk and of the common kind: its headers.
   *
   * @throws ProtocolError or LimitError as for a head of any kind.
   */
  read(at: number, rules: HeadRules): FrameHeaders | undefined {
    const bytes = this.#bytes;
    if (bytes === undefined) return undefined;
    for (;;) {
      const left = this.#from + this.#text.length - at;
      if (left > 0) {
        const from = at - this.#from;
        const headers = this.#isAscii
          ? (this.matchText(this.#text, from, rules) ?? this.readText(this.#text, from, rules))
          : this.#readAny(this.#text, from, "ascii", rules);
        if (headers !== undefined) {
          this.end += this.#from;
          return headers;
        }
        // Perhaps the window ends too early.
        if (left === this.#text.length || at + left === bytes.length) return undefined;
      }
      this.#text = octetsToText(bytes, at, Math.min(bytes.length, at + WINDOW));
      this.#from = at;
      // A unit is an octet where it is of ASCII; where it stands for an octet of another kind it counts as more.
      this.#isAscii = utf8Length(this.#text) === this.#text.length;
    }
  }

  /** Take a head that was read elsewhere. */
  set(command: Command, length: number | undefined): void {
    this.#setCommand(command);
    this.length = length;
  }

  /**
   * Read the head at a place of a text, if it is of the kind that is known: its headers. Its end is that in the text.
   *
   * @throws ProtocolError or LimitError as for a head of any kind.
   */
  matchText(text: string, from: number, rules: HeadRules): FrameHeaders | undefined {
    const learned = this.#learned;
    const to = learned.match(text, from);
    if (to < 0) return undefined;
    const { command, length } = learned;
    if (command !== this.command) this.#setCommand(command);
    if (!learned.isPlain || to - from > rules.safeSize) return this.#take(text, from, to, length, rules, learned.shape);
    if (length !== undefined) checkCountedBody(command, length, rules.limits);
    this.length = length;
    this.end = to + 1;
    return new FrameHeaders(text, from + command.length, to, rules.plain, learned.shape);
  }

  /**
   * Read the head at a place of a text, which {@link HeadWindow.matchText} does not know, if it is whole and of the common kind: its
   * headers. Its end is that in the text.
   *
   * @throws ProtocolError or LimitError as for a head of any kind.
   */
  readText(text: string, from: number, rules: HeadRules): FrameHeaders | undefined {
    const headers = this.#readAny(text, from, "any", rules);
    if (headers !== undefined) this.#learned.missed(this.command, text, from, this.end - 1);
    return headers;
  }

  #readAny(text: string, from: number, kind: keyof Patterns, rules: HeadRules): FrameHeaders | undefined {
    const to = this.#endOfHead(text, from, kind);
    return to < 0 ? undefined : this.#take(text, from, to, this.#length, rules);
  }

  /** Take the head that is well formed between two places, and that announces `length`; not if it is too long. */
  #take(
    text: string,
    from: number,
    to: number,
    length: number | undefined,
    rules: HeadRules,
    shape?: HeadShape,
  ): FrameHeaders | undefined {
    const { limits } = rules;
    const begin = from + this.command.length;
    if (to - from > rules.safeSize) {
      if (utf8Length(text.slice(from, to)) > limits.headerBytes) return undefined;
      checkHeaderCount(countLines(text.slice(begin, to)) - 1, limits);
    }
    const headers = headersOfBlock(this.command, text, begin, to, rules, shape);
    if (length !== undefined) checkCountedBody(this.command, length, limits);
    this.length = length;
    this.end = to + 1;
    return headers;
  }

  /** Where the blank line is of a head of the common kind, whose length is taken from it; -1 if it is of another kind. */
  #endOfHead(text: string, from: number, kind: keyof Patterns): number {
    // Most frames have the command of the one before.
    let to = endOfMatch(this.#patterns[kind], text, from);
    if (to < 0 && this.#readCommandLine(text, from)) to = endOfMatch(this.#patterns[kind], text, from);
    if (to < 0) return -1;
    this.#length = undefined;
    if (text.charCodeAt(to - 1) === COLON) {
      const eol = text.indexOf("\n", to);
      this.#length = countOf(text, to, eol);
      if (this.#length === undefined) return -1;
      to = eol + 1;
      if (text.charCodeAt(to) !== LF) to = endOfMatch(REST[kind], text, to);
    }
    return text.charCodeAt(to) === LF && text.charCodeAt(to - 1) === LF ? to : -1;
  }

  /** Whether there is a command line with another command than before. */
  #readCommandLine(text: string, from: number): boolean {
    const eol = text.indexOf("\n", from);
    const line = text.slice(from, eol);
    if (eol < 0 || line === this.command || !COMMANDS.has(line)) return false;
    this.#setCommand(commandOf(line));
    return true;
  }

  #setCommand(command: Command): void {
    if (command === this.command) return;
    this.command = command;
    this.#patterns = patternsOf(command);
  }
}

/** Up to where an expression matches from a place on; -1: it does not. */
function endOfMatch(sticky: RegExp, text: string, from: number): number {
  sticky.lastIndex = from;
  return sticky.test(text) ? sticky.lastIndex : -1;
}

/** The number that the digits between `from` and `to` are; `undefined` when there is anything else, or too many. */
function countOf(text: string, from: number, to: number): number | undefined {
  if (to <= from || to - from > MOST_DIGITS) return undefined;
  let count = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    count = count * 10 + digit;
  }
  return count;
}

function countLines(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count++;
  return count;
}
