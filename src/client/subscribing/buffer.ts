/** Messages that were delivered to a subscription and not yet taken, within bounds. */
import { Fifo } from "../../internal/fifo.js";
import type { BufferLimits } from "../options/options.js";

/** What is kept. */
interface Sized {
  readonly frame: { readonly bodySize: number };
}

/** The broker is held back from this part of the bounds on, and let go again at half of that. */
const CROWDED = 0.1;

/** A bounded queue that says when it becomes crowded, and when it is not any more. */
export class Unread<T extends Sized> {
  readonly #limits: BufferLimits;
  readonly #crowdedChanged: (isCrowded: boolean) => void;
  readonly #messages = new Fifo<T>();
  #bytes = 0;
  #isCrowded = false;

  constructor(limits: BufferLimits, crowdedChanged: (isCrowded: boolean) => void) {
    this.#limits = limits;
    this.#crowdedChanged = crowdedChanged;
  }

  /** How many there are. */
  get length(): number {
    return this.#messages.length;
  }

  /** How long their bodies are together, as `Frame.bodySize` counts. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Add one. `false`: there is no room for it. Alone, one of any size has room. */
  add(message: T): boolean {
    const { messages, bytes } = this.#limits;
    const size = message.frame.bodySize;
    if (this.length > 0 && (this.length >= messages || this.#bytes + size > bytes)) return false;
    this.#messages.push(message);
    this.#bytes += size;
    if (this.#messages.length >= messages * CROWDED || this.#bytes >= bytes * CROWDED) this.#setCrowded(true);
    return true;
  }

  /** Take the oldest. */
  take(): T | undefined {
    const message = this.#messages.shift();
    if (message === undefined) return undefined;
    this.#bytes -= message.frame.bodySize;
    const { messages, bytes } = this.#limits;
    if (this.#messages.length <= (messages * CROWDED) / 2 && this.#bytes <= (bytes * CROWDED) / 2)
      this.#setCrowded(false);
    return message;
  }

  /** Drop all. */
  clear(): void {
    this.#messages.clear();
    this.#bytes = 0;
    this.#setCrowded(false);
  }

  /** Whether it is crowded does not matter any more. */
  release(): void {
    this.#setCrowded(false);
  }

  #setCrowded(isCrowded: boolean): void {
    if (this.#isCrowded === isCrowded) return;
    this.#isCrowded = isCrowded;
    this.#crowdedChanged(isCrowded);
  }
}
