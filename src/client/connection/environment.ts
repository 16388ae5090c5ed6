/** What everything in a client shares, whether there is a connection or not. */
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

/** Makes ids that no other frame of this client has. */
export class Ids {
  #last = 0;

  /** The next id with this prefix. */
  next(prefix: string): string {
    this.#last++;
    return `${prefix}-${this.#last}`;
  }
}
