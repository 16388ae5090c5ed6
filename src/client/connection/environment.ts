/** What everything in a client shares, whether there is a connection or not. */
import { randomName } from "../../internal/random-name.js";
import type { FrameListeners } from "../observing/frame-listeners.js";
import type { Counters } from "../observing/metrics.js";
import type { StatusListeners } from "../observing/status-listeners.js";
import type { ResolvedOptions } from "../options/resolved-options.js";

/** What everything in a client shares. */
export interface Environment {
  readonly options: ResolvedOptions;
  readonly ids: Ids;
  readonly status: StatusListeners;
  readonly frames: FrameListeners;
  readonly counters: Counters;
}

/**
 * Makes the names that a client gives: ids of subscriptions, receipts and transactions, such as `s3fa9c-1`. A letter says of what; the
 * tag is drawn at random, so that no name that a caller has thought of can be the same. A caller's name that has the tag all the same
 * was copied from a name that was made, and perhaps counted on: then the next ones are made with another tag.
 */
export class Ids {
  /** The first letters of names that must be unique among all clients. */
  readonly unique: string = randomName().slice(TAG);
  #tag = newTag();
  #last = 0;

  /**
   * The name that a caller gives, or else a new one. `kind`: its first letter, or letters.
   *
   * @throws TypeError when what is given is no name.
   */
  next(kind: string, given: string | true = true): string {
    if (given === true) return `${kind}${this.#tag}-${++this.#last}`;
    if (typeof given !== "string" || given === "") throw new TypeError("id must be a string that is not empty");
    // The numbers up to the last one are taken: the outbox gives its names back.
    if (given.startsWith(this.#tag, 1) && !(Number(given.slice(TAG + 2)) <= this.#last)) this.#tag = newTag();
    return given;
  }
}

/** How many characters a tag has. */
const TAG = 5;

function newTag(): string {
  return randomName().slice(0, TAG);
}
