/**
 * Heads that are alike are matched by an expression made for them. A subscription's messages have the same names in the same
 * order, and most of the same values: what is the same is compared several characters at a time, not looked through for its
 * colon and line feed.
 */
import type { Command } from "./command.js";

/** Longer heads, and heads of more lines, are not learned. */
const LONGEST = 2048;
const MOST_LINES = 24;

const COUNT = "content-length:";

/** Knows one kind of head, and learns another when that one is seldom met. Of heads without a carriage return only. */
export class LearnedHead {
  /** The command of the head matched last. */
  command: Command = "MESSAGE";
  /** The length that it announces; `undefined`: none. */
  length: number | undefined;
  /** Stands for the names that the heads matched have: the same ones, as long as it is the same object. */
  names: object = {};
  /** Whether the heads matched have no backslash, so that there is nothing to unescape in them. */
  isPlain = true;
  #pattern: RegExp | undefined;
  #isCounted = false;
  /** The command to be, once the pattern matches. */
  #learned: Command = "MESSAGE";
  #misses = 0;
  /** To make an expression costs as much as to read hundreds of heads: it is made after 2, 4, 8, 16… misses. */
  #nextLesson = 2;
  #previous: readonly string[] | undefined;

  /** Where the blank line is of a head that begins at a place of the text and is of the learned kind; -1 if it is of another. */
  match(text: string, from: number): number {
    const pattern = this.#pattern;
    if (pattern === undefined) return -1;
    pattern.lastIndex = from;
    if (!pattern.test(text)) return -1;
    const to = pattern.lastIndex - 1;
    this.command = this.#learned;
    this.length = this.#isCounted ? countBefore(text, to - 1) : undefined;
    return to;
  }

  /** A head of another kind was read: well formed, between two places of the text, with the line feed of its last line. */
  missed(command: Command, text: string, from: number, to: number): void {
    this.#misses++;
    if (this.#misses < this.#nextLesson - 1) return;
    const lines = to - from > LONGEST ? [] : text.slice(from, to - 1).split("\n");
    if (this.#misses < this.#nextLesson) {
      this.#previous = lines;
      return;
    }
    this.#nextLesson *= 2;
    const previous = this.#previous ?? [];
    this.#previous = undefined;
    const isPlain = !lines.some((line) => line.includes("\\"));
    const source = sourceOf(previous, lines, isPlain ? "[^\\n\\r\\\\]*" : "[^\\n\\r]*");
    if (source === undefined) return;
    this.isPlain = isPlain;
    this.#pattern = new RegExp(source, "y");
    this.#isCounted = lines.at(-1)?.startsWith(COUNT) === true;
    this.#learned = command;
    this.names = {};
  }
}

/** An expression for heads like these two, where `value` stands for a value that differs; `undefined` if they are not alike, or not of a kind to be learned. */
function sourceOf(one: readonly string[], other: readonly string[], value: string): string | undefined {
  if (one.length !== other.length || other.length < 2 || other.length > MOST_LINES) return undefined;
  let source = "";
  for (const [i, line] of other.entries()) {
    const before = one[i] ?? "";
    const name = line.slice(0, line.indexOf(":") + 1);
    if (!before.startsWith(name)) return undefined;
    if (line.startsWith(COUNT)) {
      // Its digits are looked for at the end of the head.
      if (i < other.length - 1) return undefined;
      source += `${COUNT}[0-9]{1,15}\\n`;
    } else {
      source += before === line ? `${escaped(line)}\\n` : `${escaped(name)}${value}\\n`;
    }
    if (i === 0 && before !== line) return undefined; // another command
  }
  return `${source}\\n`;
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
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
