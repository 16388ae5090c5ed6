/**
 * Heads that are alike are matched by an expression made for them. A subscription's messages have the same names in the same
 * order, and most of the same values, or values that begin alike: what is the same is compared several characters at a time, not
 * looked through for its colon and line feed.
 */
import type { Command } from "./command.js";
import { HeadShape } from "./head-shape.js";

/** Longer heads, and heads of more lines, are not learned. */
const LONGEST = 2048;
const MOST_LINES = 24;

const COUNT = "content-length:";

/** What is known of a kind of heads. */
interface Kind {
  readonly command: Command;
  readonly lines: readonly KnownLine[];
}

/** What is known of a header line. */
interface KnownLine {
  /** With the colon. */
  readonly name: string;
  /** The value, or how all values begin. */
  readonly start: string;
  /** Whether all heads have the same value. */
  readonly isSame: boolean;
}

/** Knows one kind of head, and learns more when that one is seldom met. Of heads without a carriage return only. */
export class LearnedHead {
  /** The command of the head matched last. */
  command: Command = "MESSAGE";
  /** The length that it announces; `undefined`: none. */
  length: number | undefined;
  /** What the heads matched have in common: as long as it is the same object, the same. */
  shape: HeadShape = new HeadShape([]);
  /** Whether the heads matched have no backslash, so that there is nothing to unescape in them. */
  isPlain = true;
  #pattern: RegExp | undefined;
  #isCounted = false;
  /** The kind that is known. */
  #kind: Kind | undefined;
  /** One that is not, of which there may be more. */
  #candidate: Kind | undefined;
  #misses = 0;
  /** To make an expression costs as much as to read dozens of heads: it is made after 2, 4, 8, 16… misses. */
  #nextLesson = 2;

  /** Where the blank line is of a head that begins at a place of the text and is of the learned kind; -1 if it is of another. */
  match(text: string, from: number): number {
    const pattern = this.#pattern;
    const kind = this.#kind;
    if (pattern === undefined || kind === undefined) return -1;
    pattern.lastIndex = from;
    if (!pattern.test(text)) return -1;
    const to = pattern.lastIndex - 1;
    this.command = kind.command;
    this.length = this.#isCounted ? countBefore(text, to - 1) : undefined;
    return to;
  }

  /** A head of another kind was read: well formed, between two places of the text, with the line feed of its last line. */
  missed(command: Command, text: string, from: number, to: number): void {
    this.#misses++;
    if (this.#misses < this.#nextLesson - 1) return;
    if (this.#misses >= this.#nextLesson) this.#nextLesson *= 2;
    if (to - from > LONGEST) return;
    const lines = linesOf(text.slice(from + command.length + 1, to - 1));
    if (lines === undefined) return;
    const other = { command, lines };
    // What is known is made more general where that is enough, so that two of a kind in turn do not make each other forgotten.
    const kind = merged(this.#kind, other) ?? merged(this.#candidate, other);
    if (kind === undefined) this.#candidate = other;
    else this.#know(kind);
  }

  #know(kind: Kind): void {
    const { lines } = kind;
    this.#kind = kind;
    this.#candidate = undefined;
    this.isPlain = !lines.some(({ name, start }) => name.includes("\\") || start.includes("\\"));
    this.#isCounted = lines.at(-1)?.name === COUNT;
    this.#pattern = new RegExp(sourceOf(kind, this.isPlain ? "[^\\n\\r\\\\]*" : "[^\\n\\r]*"), "y");
    this.shape = new HeadShape(lines);
  }
}

/** The lines of a head; `undefined` if it is not of a kind to be learned. */
function linesOf(block: string): KnownLine[] | undefined {
  const lines = block.split("\n").map((line): KnownLine => {
    const end = line.indexOf(":") + 1;
    const name = line.slice(0, end);
    // A count is expected to change.
    return { name, start: name === COUNT ? "" : line.slice(end), isSame: name !== COUNT };
  });
  // A head without headers has one empty line here. The digits of a count are looked for at the end of the head.
  const isOdd = lines.some(({ name }, i) => name === "" || (name === COUNT && i < lines.length - 1));
  return isOdd || lines.length > MOST_LINES ? undefined : lines;
}

/** What is the same in two kinds of heads; `undefined` where the names are not. */
function merged(one: Kind | undefined, { command, lines: others }: Kind): Kind | undefined {
  if (one?.command !== command || one.lines.length !== others.length) return undefined;
  const lines: KnownLine[] = [];
  for (const [i, other] of others.entries()) {
    const known = one.lines[i];
    if (known?.name !== other.name) return undefined;
    const isSame = known.isSame && other.isSame && known.start === other.start;
    lines.push(isSame ? known : { name: known.name, start: commonStart(known.start, other.start), isSame });
  }
  return { command, lines };
}

/** How two values begin, up to what may be a number or a word that goes on differently in the next one. */
function commonStart(one: string, other: string): string {
  let end = 0;
  while (end < one.length && one.charCodeAt(end) === other.charCodeAt(end)) end++;
  return one.slice(0, end).replace(/[A-Za-z0-9\ud800-\udbff]+$/, "");
}

/** An expression for heads with these lines, where `rest` stands for the rest of a value that differs. */
function sourceOf({ command, lines }: Kind, rest: string): string {
  let source = `${command}\\n`;
  for (const { name, start, isSame } of lines) {
    source += escaped(name + start);
    if (name === COUNT) source += "[0-9]{1,15}";
    else if (!isSame) source += rest;
    source += "\\n";
  }
  return `${source}\\n`;
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** The number whose last digit stands before a place. */
function countBefore(text: string, end: number): number {
  let count = 0;
  let weight = 1;
  for (let at = end - 1; ; at--) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return count;
    count += digit * weight;
    weight *= 10;
  }
}
