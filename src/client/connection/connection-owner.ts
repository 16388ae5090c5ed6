/** What a connection reports to its owner, and what the owner may ask of it at the end. */
import type { ServerError, StompError } from "../../errors.js";
import type { HeadersInit, ServerFrame } from "../../protocol/index.js";

/** What a connection reports to its owner. */
export interface ConnectionOwner {
  /** A MESSAGE came. */
  message(frame: ServerFrame): void;
  /** An ERROR came that concerns no receipt. */
  serverError(error: ServerError): void;
  /** The connection has ended; no `reason`: it was closed in order by `close`. Called once. */
  ended(reason: StompError | undefined): void;
}

/** How a connection is closed. */
export interface CloseOptions {
  /** More headers of DISCONNECT. */
  readonly headers: HeadersInit;
  /** How long all of it may take, in ms. */
  readonly timeout: number;
  /** What is waited for before DISCONNECT, while frames may still be sent. */
  readonly drain?: () => Promise<void>;
  /** Called when that is done: no more frames may be sent. */
  readonly closing: () => void;
}
