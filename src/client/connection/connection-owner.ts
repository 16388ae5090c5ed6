/** What a connection reports to its owner, and what the owner may ask of it at the end. */
import type { ServerError } from "../../errors.js";
import type { HeadersInit, ServerFrame } from "../../protocol/index.js";

/** What a connection, of the type `C`, reports to its owner. */
export interface ConnectionOwner<C> {
  /** A MESSAGE came. */
  message(frame: ServerFrame, connection: C): void;
  /** An ERROR came that concerns no receipt. Returns whether it concerns anything else. */
  serverError(error: ServerError): boolean;
  /** It is about to close: resolves when what is under way is done, while frames may still be sent. */
  drain(): Promise<void>;
  /** No more frames may be sent. */
  closing(): void;
}

/** How a connection is closed. */
export interface CloseOptions {
  /** More headers of DISCONNECT. */
  readonly headers: HeadersInit;
  /** How long all of it may take, in ms. */
  readonly timeout: number;
  /** Whether what is under way is waited for. */
  readonly drains: boolean;
}
