/** What a connection tells of itself. */
import type { ServerError, StompError } from "../errors.js";
import type { ServerFrame, Version } from "../protocol/index.js";

/** What a connection tells its owner. */
export interface ConnectionOwner {
  /** A MESSAGE came. */
  message(frame: ServerFrame): void;
  /** An ERROR came that concerns no receipt. */
  serverError(error: ServerError): void;
  /** A heart-beat came. */
  heartBeat(): void;
  /** The broker was silent for so many ms that it is taken for dead; the end follows. */
  silent(silence: number): void;
  /** The connection has ended; `reason` is absent when it was closed in order by `close`. Called once. */
  ended(reason: StompError | undefined): void;
}

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
