/** What the parts of a client share. */
import type { StompError } from "../../errors.js";
import type { Connection } from "./connection.js";
import type { Counters } from "../observing/metrics.js";
import type { Ids } from "./outgoing.js";
import type { ResolvedOptions } from "../options/resolved-options.js";
import type { StatusListeners } from "../observing/status.js";

/** What all of a client's calls share. */
export interface ClientContext {
  readonly options: ResolvedOptions;
  readonly ids: Ids;
  readonly status: StatusListeners;
  readonly counters: Counters;
  /** The connection, when there is one that frames may be sent on. */
  readonly connection: () => Connection | undefined;
  /** The error of a call that needs a connection, where there is none. */
  readonly notConnected: (what: string) => StompError;
}
