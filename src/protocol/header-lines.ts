/** Header lines as they are written; those that repeat from frame to frame are written once. */
import type { Command } from "./command.js";
import { type Escapes, escapeHeader } from "./escape.js";
import type { HeaderValue } from "./headers.js";

/** The line at one place of the heads with one command, as it was last. */
interface KnownLine {
  readonly name: string;
  /** `"\nname:"`, escaped. */
  readonly begin: string;
  value: HeaderValue | undefined;
  /** The value, escaped. */
  text: string;
  /** The head before the value, if it was asked for since it changed. */
  lead: string | undefined;
  /** The head with the value, if it was asked for since it changed. */
  head: string | undefined;
}

const MOST_KNOWN = 64;
const LONGEST_KNOWN = 256;

/**
 * Writes the heads of frames with one command, line by line. A client says the same destination and content-type over and
 * over: as long as lines are what they were in the head before, nothing is done but to see that they are.
 */
export class HeaderLines {
  /** The command. */
  readonly command: Command;
  readonly #escapes: Escapes;
  readonly #known: KnownLine[] = [];
  #at = 0;
  /** What is written; `undefined` while every line is the known one. */
  #written: string | undefined;

  /** Names and values are escaped by `escapes`. */
  constructor(command: Command, escapes: Escapes) {
    this.command = command;
    this.#escapes = escapes;
  }

  /** Begin a head. */
  begin(): void {
    this.#at = 0;
    this.#written = undefined;
  }

  /**
   * Add a line.
   *
   * @throws TypeError for what cannot be said, see {@link escapeHeader}.
   */
  add(name: string, value: HeaderValue): void {
    const known = this.#known[this.#at];
    if (known === undefined || known.name !== name) this.#addNew(name, value);
    else if (known.value !== value) this.#change(known, value);
    else if (this.#written !== undefined) this.#written += known.begin + known.text;
    this.#at++;
  }

  /** The head as far as it is written: without a line feed at its end. */
  end(): string {
    return this.#written ?? this.#headBefore(this.#at);
  }

  #change(known: KnownLine, value: HeaderValue): void {
    const text = valueOf(known.name, value, this.#escapes);
    const isShort = text.length <= LONGEST_KNOWN;
    known.value = isShort ? value : undefined;
    known.text = isShort ? text : "";
    known.head = undefined;
    // What is known of those after it holds its old value.
    for (let i = this.#at + 1; i < this.#known.length; i++) this.#forget(i);
    this.#written = (this.#written === undefined ? this.#leadOf(known) : this.#written + known.begin) + text;
  }

  #addNew(name: string, value: HeaderValue): void {
    const begin = beginOf(name, this.#escapes);
    const text = valueOf(name, value, this.#escapes);
    const before = this.#written ?? this.#headBefore(this.#at);
    const isShort = begin.length + text.length <= LONGEST_KNOWN;
    // Those after it are no longer where they were.
    this.#known.length = this.#at;
    if (isShort && this.#at < MOST_KNOWN) {
      this.#known.push({ name, begin, value, text, lead: undefined, head: undefined });
    }
    this.#written = before + begin + text;
  }

  #forget(at: number): void {
    const known = this.#known[at];
    if (known !== undefined) known.lead = known.head = undefined;
  }

  // The parts of a head as one run of characters: what `+` makes is a tree, to be walked for each frame.

  #leadOf(known: KnownLine): string {
    known.lead ??= [this.#headBefore(this.#at), known.begin].join("");
    return known.lead;
  }

  /** The head of so many known lines. */
  #headBefore(count: number): string {
    const last = this.#known[count - 1];
    if (last === undefined) return this.command;
    if (last.head === undefined) {
      const parts: string[] = [this.command];
      for (const { begin, text } of this.#known.slice(0, count)) parts.push(begin, text);
      last.head = parts.join("");
    }
    return last.head;
  }
}

function beginOf(name: string, escapes: Escapes): string {
  if (typeof name !== "string" || name === "") {
    throw new TypeError("a header name must be a string that is not empty");
  }
  return ["\n", escapeHeader(name, escapes, "name", name), ":"].join("");
}

function valueOf(name: string, value: HeaderValue, escapes: Escapes): string {
  return typeof value === "string" ? escapeHeader(value, escapes, "value", name) : headerText(name, value);
}

/**
 * The value of a header as text, not escaped.
 *
 * @throws TypeError for what cannot be one.
 */
export function headerText(name: string, value: unknown): string {
  // Anything else would silently be written as `String` writes it.
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return String(value);
  throw new TypeError(`header ${JSON.stringify(name)} must be a string, a number or a boolean`);
}
