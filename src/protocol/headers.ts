/** The headers of a frame: a read-only map, read lazily from the header block. */
import { type Escapes, unescapeHeader } from "./escape.js";
import type { HeadShape } from "./head-shape.js";

/** What may be given as the value of a header; numbers and booleans are written as `String` writes them. */
export type HeaderValue = string | number | boolean;

/**
 * Headers as a caller gives them: a plain object, a Map, or any iterable of pairs (which may repeat a name).
 * Entries whose value is `undefined` are left out. What is given is never changed.
 */
export type HeadersInit =
  Readonly<Record<string, HeaderValue | undefined>> | Iterable<readonly [name: string, value: HeaderValue | undefined]>;

/** Whether `headers` is an iterable of pairs, not a plain object. */
export function isIterableHeaders(
  headers: HeadersInit,
): headers is Iterable<readonly [string, HeaderValue | undefined]> {
  return typeof (headers as { [Symbol.iterator]?: unknown })[Symbol.iterator] === "function"; // asks only whether it is there
}

/** The pairs of headers as a caller gives them; those whose value is `undefined` are among them. */
export function headerPairs(headers: HeadersInit): Iterable<readonly [string, HeaderValue | undefined]> {
  return isIterableHeaders(headers) ? headers : Object.entries(headers);
}

/** Whether headers as a caller gives them have a value for `name`. */
export function hasHeader(headers: HeadersInit, name: string): boolean {
  for (const [key, value] of headerPairs(headers)) if (key === name && value !== undefined) return true;
  return false;
}

/**
 * A caller's headers as pairs, gone through once. They must have none of the names `own`, which have an argument or option.
 *
 * @throws TypeError naming the first one of those that they have.
 */
export function pairsWithout(
  own: readonly string[],
  headers: HeadersInit,
  command: string,
): (readonly [name: string, value: HeaderValue | undefined])[] {
  const pairs = [...headerPairs(headers)];
  for (const [name, value] of pairs) {
    if (value !== undefined && own.includes(name)) {
      throw new TypeError(`header "${name}" of ${command} has an argument or option of its own`);
    }
  }
  return pairs;
}

/** How a header block is to be read; its lines were checked when it arrived. */
export interface BlockReading {
  /** The escape sequences in it; `"none"` also where there is not one backslash. */
  readonly escapes: Escapes;
  /** Spaces around values are padding: some peers of version 1.0 write them, as the examples of its specification do. */
  readonly trim: boolean;
}

/** Needles that find a header in a block: `"\n" + name + ":"`; empty where only parsing the block will do. */
const needles = new Map<string, string>();
const MOST_NEEDLES = 512;

function needleFor(name: string): string {
  let needle = needles.get(name);
  if (needle === undefined) {
    needle = /[\\:\r\n]/.test(name) ? "" : `\n${name}:`;
    if (needles.size >= MOST_NEEDLES) needles.clear();
    needles.set(name, needle);
  }
  return needle;
}

/**
 * The headers of a frame as a read-only Map from name to value, unescaped. Of repeated headers the first wins (STOMP 1.2,
 * "Repeated Header Entries"); {@link FrameHeaders.all} has them all. `__proto__` is a name like any other.
 */
export class FrameHeaders implements ReadonlyMap<string, string> {
  /** Has the block between two places: `"\nname:value\nname:value\n"`, each line between two line feeds. */
  #text: string;
  #from: number;
  #to: number;
  readonly #reading: BlockReading;
  #map: Map<string, string> | undefined;

  /** What is known of them, if anything: frames with the same object here have the same names. @internal */
  readonly shape: HeadShape | undefined;

  /**
   * Made by a decoder, from a block of lines that it has checked, which a text has between two places. To make headers of pairs,
   * use {@link FrameHeaders.of}. @internal
   */
  constructor(text: string, from: number, to: number, reading: BlockReading, shape?: HeadShape) {
    this.shape = shape;
    this.#text = text;
    this.#from = from;
    this.#to = to;
    this.#reading = reading;
  }

  /** Make headers of pairs: what a frame that is sent shows. Repeated names are kept for {@link FrameHeaders.all}. */
  static of(pairs: HeadersInit): FrameHeaders {
    let block = "\n";
    for (const [name, value] of headerPairs(pairs)) {
      if (value !== undefined) block += `${escapeAll(name)}:${escapeAll(String(value))}\n`;
    }
    return new FrameHeaders(block, 0, block.length, { escapes: "1.2", trim: false });
  }

  /** The value of a header; `undefined` when there is none of that name. */
  get(name: string): string | undefined {
    if (this.shape !== undefined && this.#reading.escapes === "none") {
      const place = this.shape.placeOf(name);
      if (place === undefined) return undefined;
      let { value } = place;
      if (value === undefined) {
        const text = this.#text;
        const near = this.#from + place.at;
        const from = place.needle === "" ? near : text.indexOf(place.needle, near) + place.needle.length;
        value = text.slice(from, text.indexOf("\n", from));
      }
      return readValue(value, this.#reading);
    }
    const needle = needleFor(name);
    if (needle === "" || this.#map !== undefined) return FrameHeaders.#parsed(this).get(name);
    const block = FrameHeaders.#blockOf(this);
    const at = block.indexOf(needle);
    if (at < 0) return undefined;
    const from = at + needle.length;
    return readValue(block.slice(from, block.indexOf("\n", from)), this.#reading);
  }

  /** Whether there is a header of that name. */
  has(name: string): boolean {
    if (this.shape !== undefined && this.#reading.escapes === "none") return this.shape.placeOf(name) !== undefined;
    const needle = needleFor(name);
    return needle === "" || this.#map !== undefined
      ? FrameHeaders.#parsed(this).has(name)
      : FrameHeaders.#blockOf(this).includes(needle);
  }

  /** All values of a header, in the order of the frame. */
  all(name: string): string[] {
    const values: string[] = [];
    for (const [key, value] of this.pairs()) if (key === name) values.push(value);
    return values;
  }

  /** All pairs in the order of the frame, repeated names included. */
  *pairs(): Generator<[name: string, value: string], void, undefined> {
    const block = FrameHeaders.#blockOf(this);
    for (let from = 1; from < block.length;) {
      const end = block.indexOf("\n", from);
      const colon = block.indexOf(":", from);
      const name = unescapeHeader(block.slice(from, colon), this.#reading.escapes);
      yield [name, readValue(block.slice(colon + 1, end), this.#reading)];
      from = end + 1;
    }
  }

  /** How many different names there are. */
  get size(): number {
    return FrameHeaders.#parsed(this).size;
  }

  /** The names, in the order of the frame. */
  keys(): MapIterator<string> {
    return FrameHeaders.#parsed(this).keys();
  }

  /** The values, in the order of the frame. */
  values(): MapIterator<string> {
    return FrameHeaders.#parsed(this).values();
  }

  /** Names and values, in the order of the frame, the first of each name. */
  entries(): MapIterator<[string, string]> {
    return FrameHeaders.#parsed(this).entries();
  }

  [Symbol.iterator](): MapIterator<[string, string]> {
    return this.entries();
  }

  /** Call `callback` for each name, in the order of the frame. */
  forEach(
    callback: (value: string, name: string, headers: ReadonlyMap<string, string>) => void,
    thisArg?: unknown,
  ): void {
    for (const [name, value] of this) callback.call(thisArg, value, name, this);
  }

  /** What `JSON.stringify` writes: the pairs of {@link FrameHeaders.entries}. */
  toJSON(): [string, string][] {
    return [...this];
  }

  // Static: an object of a class that has private methods is larger by a mark of that, and there is one of this for each frame.

  /** The block by itself. It is not cut out before it is asked for: most headers are found without. */
  static #blockOf(headers: FrameHeaders): string {
    if (headers.#to - headers.#from !== headers.#text.length) {
      headers.#text = headers.#text.slice(headers.#from, headers.#to);
      headers.#from = 0;
      headers.#to = headers.#text.length;
    }
    return headers.#text;
  }

  static #parsed(headers: FrameHeaders): Map<string, string> {
    if (headers.#map === undefined) {
      const map = new Map<string, string>();
      for (const [name, value] of headers.pairs()) if (!map.has(name)) map.set(name, value);
      headers.#map = map;
    }
    return headers.#map;
  }
}

const ESCAPED: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", ":": "\\c" };

function escapeAll(text: string): string {
  return text.replace(/[\\\n\r:]/g, (character) => ESCAPED[character] ?? character);
}

/** A value as it is meant. */
function readValue(text: string, { escapes, trim }: BlockReading): string {
  const value = unescapeHeader(text, escapes);
  return trim ? trimSpaces(value) : value;
}

function trimSpaces(value: string): string {
  let from = 0;
  let to = value.length;
  while (from < to && value.charCodeAt(from) === 0x20) from++;
  while (to > from && value.charCodeAt(to - 1) === 0x20) to--;
  return value.slice(from, to);
}
