/** What a client and its broker agreed on. */
import type { Version } from "../../protocol/index.js";

/** What a connection and its broker have agreed on. */
export interface SessionInfo {
  /** The version of the protocol. */
  readonly version: Version;
  /** The broker's `server` header, as in `RabbitMQ/3.10.8`. */
  readonly server: string | undefined;
  /** The broker's name for the session. */
  readonly session: string | undefined;
  /** The heart-beats agreed on, in ms; 0: none. */
  readonly heartBeat: { readonly outgoing: number; readonly incoming: number };
}
