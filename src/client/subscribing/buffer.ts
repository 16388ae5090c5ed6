/** The messages of a subscription that were delivered and not yet taken, within bounds. */
import { Fifo } from "../../internal/fifo.js";
import type { BufferLimits } from "../options/options.js";

/** What is kept. */
interface Sized {
  readonly frame: { readonly bodySize: number };
}

/** From this part of the bounds on the buffer is crowded, until it has shrunk to half of that. */
const CROWDED = 0.1;

/** A bounded queue that reports when it becomes crowded, and when it no longer is. */
export class MessageBuffer<T extends Sized> {
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

  /** The length of their bodies together, as `Frame.bodySize` counts. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Add a message. Returns `false` when there is no room for it. An empty buffer has room for one of any size. */
  add(message: T): boolean {
    const { messages, bytes } = this.#limits;
    const size = message.frame.bodySize;
    if (this.length > 0 && (this.length >= messages || this.#bytes + size > bytes)) return false;
    this.#messages.push(message);
    this.#bytes += size;
    if (this.#messages.length >= messages * CROWDED || this.#bytes >= bytes * CROWDED) this.#setCrowded(true);
    return true;
  }

  /** Take the oldest message. */
  take(): T | undefined {
    const message = this.#messages.shift();
    if (message === undefined) return undefined;
    this.#bytes -= message.frame.bodySize;
    const { messages, bytes } = this.#limits;
    if (this.#messages.length <= (messages * CROWDED) / 2 && this.#bytes <= (bytes * CROWDED) / 2)
      this.#setCrowded(false);
    return message;
  }

  /** Drop all messages. */
  clear(): void {
    this.#messages.clear();
    this.#bytes = 0;
    this.#setCrowded(false);
  }

  /** It does not matter any more whether the buffer is crowded. */
  release(): void {
    this.#setCrowded(false);
  }

  #setCrowded(isCrowded: boolean): void {
    if (this.#isCrowded === isCrowded) return;
    this.#isCrowded = isCrowded;
    this.#crowdedChanged(isCrowded);
  }
}
