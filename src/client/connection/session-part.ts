/** What a connection tells of itself. */
import type { ServerError, StompError } from "../../errors.js";
import type { ServerFrame } from "../../protocol/index.js";

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
