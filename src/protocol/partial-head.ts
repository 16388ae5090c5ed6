/** A head that spans chunks, or that is not of the common kind: collected octet by octet. */
import { LimitError } from "../errors.js";
import { utf8ToText } from "#text";
import { commandOf } from "./head.js";

const LF = 0x0a;
const CR = 0x0d;
const FIRST_SIZE = 512;
const LONGEST_COMMAND = "UNSUBSCRIBE\r".length;

/** Collects the octets of a head until its blank line has come. It is used again for the next head. */
export class PartialHead {
  readonly #limit: number;
  #bytes = new Uint8Array(FIRST_SIZE);
  #length = 0;
  #lineFrom = 0;
  #crlf: "each" | "all" | "none" = "each";
  #isWhole = false;

  /** `limit`: how many octets a head may have. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The octets collected: those before {@link PartialHead.length}. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** How many octets the head has, without the blank line. */
  get length(): number {
    return this.#length;
  }

  /** Whether the blank line has come. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Whether it is no head at all, but an EOL of CR LF that was cut in two. */
  get isEol(): boolean {
    return this.#isWhole && this.#length === 0;
  }

  /** Whether lines may end in CR LF. */
  get crlf(): boolean {
    return this.#crlf !== "none";
  }

  /** Begin a head. `crlf`: each line chooses its end, or all end as the command line does, or none may end in CR LF. */
  start(crlf: "each" | "all" | "none"): void {
    if (this.#bytes.length > 65_536) this.#bytes = new Uint8Array(FIRST_SIZE); // one long head is no reason to keep so much
    this.#length = 0;
    this.#lineFrom = 0;
    this.#crlf = crlf;
    this.#isWhole = false;
  }

  /**
   * Take octets up to the blank line, and tell up to where.
   *
   * @throws LimitError when the head grows beyond the limit; ProtocolError as soon as the command is none.
   */
  take(bytes: Uint8Array, from: number): number {
    let at = from;
    while (at < bytes.length) {
      const octet = bytes[at++] ?? 0;
      if (this.#length === this.#bytes.length) this.#grow();
      this.#bytes[this.#length++] = octet;
      if (octet === LF) {
        if (this.#endLine()) return at;
      } else if (this.#lineFrom === 0 && this.#length > LONGEST_COMMAND + 1) {
        commandOf(utf8ToText(this.#bytes, 0, this.#length)); // no command is so long: throws
      }
      if (this.#length > this.#limit) {
        throw new LimitError(
          `frame headers are more than ${this.#limit} bytes, limit is ${this.#limit}`,
          this.#length,
          this.#limit,
        );
      }
    }
    return at;
  }

  #endLine(): boolean {
    const cr = this.#length > 1 && this.#bytes[this.#length - 2] === CR && this.#length - 2 >= this.#lineFrom;
    const lineEnd = this.#length - (cr && this.#crlf !== "none" ? 2 : 1);
    if (lineEnd === this.#lineFrom) {
      this.#length = this.#lineFrom;
      this.#isWhole = true;
      return true;
    }
    if (this.#lineFrom === 0) {
      commandOf(utf8ToText(this.#bytes, 0, lineEnd)); // what is no command is told at once, not at the blank line
      if (this.#crlf === "all" && !cr) this.#crlf = "none";
    }
    this.#lineFrom = this.#length;
    return false;
  }

  #grow(): void {
    const grown = new Uint8Array(this.#bytes.length * 2);
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
