/** A body that spans chunks: copied once, into memory that follows what has arrived. */
import { reserve } from "#text";
import { checkUncountedBody, missingNul } from "./body-rules.js";
import type { Limits } from "./limits.js";

/** So much is reserved on the announcement of a body; beyond it memory grows with what arrives. */
const RESERVED_AT_ONCE = 1_048_576;
const FIRST_SIZE = 1024;

/** Collects the octets of a body, and sees that a NUL follows them. */
export class BodyBuffer {
  readonly #announced: number | undefined;
  readonly #limits: Limits;
  #bytes: Uint8Array;
  #length = 0;
  #isWhole = false;

  /** `announced`: its content-length, within the limit; `undefined`: it ends at the first NUL. */
  constructor(announced: number | undefined, limits: Limits) {
    this.#announced = announced;
    this.#limits = limits;
    this.#bytes = reserve(Math.min(announced ?? FIRST_SIZE, RESERVED_AT_ONCE));
  }

  /** The octets collected: those before {@link BodyBuffer.length}. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** How many octets there are. */
  get length(): number {
    return this.#length;
  }

  /** Whether its length was announced. */
  get isCounted(): boolean {
    return this.#announced !== undefined;
  }

  /** Whether the NUL after the body has come. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /**
   * Take octets up to the end of the body, and tell up to where.
   *
   * @throws ProtocolError (`missing-nul`); LimitError when a body without a count grows beyond the limit.
   */
  take(bytes: Uint8Array, from: number): number {
    if (this.#announced !== undefined) return this.#takeCounted(bytes, from, this.#announced);
    const nul = bytes.indexOf(0, from);
    const to = nul < 0 ? bytes.length : nul;
    checkUncountedBody(this.#length + to - from, this.#limits);
    this.#append(bytes, from, to, this.#limits.bodyBytes);
    this.#isWhole = nul >= 0;
    return nul < 0 ? to : to + 1;
  }

  #takeCounted(bytes: Uint8Array, from: number, announced: number): number {
    const to = Math.min(bytes.length, from + announced - this.#length);
    this.#append(bytes, from, to, announced);
    if (this.#length < announced || to === bytes.length) return to;
    if (bytes[to] !== 0) throw missingNul();
    this.#isWhole = true;
    return to + 1;
  }

  #append(bytes: Uint8Array, from: number, to: number, most: number): void {
    const length = this.#length + to - from;
    if (length > this.#bytes.length) {
      const grown = reserve(Math.min(most, Math.max(length, this.#bytes.length * 2)));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    if (to - from < 16) for (let at = from; at < to; at++) this.#bytes[this.#length + at - from] = bytes[at] ?? 0;
    else this.#bytes.set(bytes.subarray(from, to), this.#length);
    this.#length = length;
  }
}
