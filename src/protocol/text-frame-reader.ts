/** Reads frames in chunks of text, without encoding the text to bytes first. */
import { utf8Length } from "#text";
import { checkMayHaveBody, checkUncountedBody } from "./body-rules.js";
import type { Eols } from "./eols.js";
import { Frame } from "./frame.js";
import type { HeadWindow } from "./head-window.js";
import type { HeadRules } from "./head.js";
import type { FrameHeaders } from "./headers.js";
import type { Limits } from "./limits.js";

/** Reads frames that are whole in one text and have a head of the common kind. All other frames are read as bytes. */
export class TextFrameReader {
  /** Where the frame that `read` returned ends, after its NUL. If it returned none: where the next frame begins. */
  end = 0;

  readonly #head: HeadWindow;
  readonly #eols: Eols;
  /** Whether the text is all ASCII; `undefined` until that matters. */
  #isAscii: boolean | undefined;

  /** `head` and `eols` are those of the decoder, which shares them with the reading of bytes. */
  constructor(head: HeadWindow, eols: Eols) {
    this.#head = head;
    this.#eols = eols;
  }

  /**
   * Read the next frame of a text, from `from` on. Read a new text from 0 first. Returns `undefined` when the rest has to be
   * read as bytes, or is only EOLs.
   *
   * @throws ProtocolError or LimitError as for a frame in bytes.
   */
  read(text: string, from: number, rules: HeadRules): Frame | undefined {
    if (from === 0) this.#isAscii = undefined;
    this.end = from;
    const headers = this.#head.matchText(text, from, rules) ?? this.#readHead(text, from, rules);
    if (headers === undefined) return undefined;
    const to = this.#endOfBody(text, rules.limits);
    if (to < 0) return undefined;
    const { command, end } = this.#head;
    this.end = to + 1;
    return new Frame(command, headers, text.slice(end, to));
  }

  /** Read the head after the EOLs, if it is whole and of the common kind. It is not the known head at `before`. */
  #readHead(text: string, before: number, rules: HeadRules): FrameHeaders | undefined {
    const from = this.#eols.skipInText(text, before, rules);
    this.end = from;
    if (from === text.length || rules.strict) return undefined;
    const known = from === before ? undefined : this.#head.matchText(text, from, rules);
    return known ?? this.#head.readText(text, from, rules);
  }

  /** Find the NUL after the body; -1 when the body is not whole, or the NUL is not where the content-length says. */
  #endOfBody(text: string, limits: Limits): number {
    const { length, end } = this.#head;
    if (length === undefined) {
      const to = text.indexOf("\0", end);
      if (to > end) this.#checkUncounted(text, end, to, limits);
      return to;
    }
    const to = end + length;
    if (text.charCodeAt(to) === 0 && (this.#isAsciiText(text) || utf8Length(text.slice(end, to)) === length)) return to;
    // A content-length counts bytes, which are units of the text only in ASCII. So a NUL at `to` may be part of the body.
    const last = text.lastIndexOf("\0");
    return last >= end && utf8Length(text.slice(end, last)) === length ? last : -1;
  }

  /** Whether the text is all ASCII. Checks the whole text once, because in Node a slice takes three times as long. */
  #isAsciiText(text: string): boolean {
    this.#isAscii ??= utf8Length(text) === text.length;
    return this.#isAscii;
  }

  #checkUncounted(text: string, from: number, to: number, limits: Limits): void {
    checkMayHaveBody(this.#head.command);
    // A unit of text is at most three bytes.
    if ((to - from) * 3 > limits.bodyBytes) checkUncountedBody(utf8Length(text.slice(from, to)), limits);
  }
}
