/** The options of calls that send. */
import type { HeadersInit } from "../../protocol/index.js";
import type { ValueEncoder } from "../messages/codec.js";
import type { ReceiptOptions } from "../messages/receipt-options.js";

/** Options of {@link Client.send}. */
export interface SendOptions extends ReceiptOptions {
  /** More headers of SEND: `content-type`, and whatever the broker knows. */
  readonly headers?: HeadersInit;
  /**
   * Write `content-length`.
   * @default ClientOptions.contentLength
   */
  readonly contentLength?: boolean;
}

/** Options of {@link Client.send} for a value. */
export interface TypedSendOptions<T> extends SendOptions {
  /**
   * Makes the body from the value: `json()`, `json(schema)`, or one of your own. A codec that returns a promise delays the message:
   * what is sent meanwhile goes first.
   */
  readonly codec: ValueEncoder<T>;
}

/** Options of a call with a codec, or without. */
export type ValueOptions<O, C = ValueEncoder<unknown>> = O & { readonly codec?: C | undefined };

/** Options of {@link Client.sendFrame}. */
export interface SendFrameOptions extends ReceiptOptions {
  /**
   * Write `content-length`.
   * @default ClientOptions.contentLength
   */
  readonly contentLength?: boolean;
}
