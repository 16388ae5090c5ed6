/** A frame that is to be sent, and how a call waits for its receipt. */
import { ReceiptTimeoutError, type StompError } from "../../errors.js";
import type { Deferred } from "../../internal/deferred.js";
import { checkTimeout } from "../../internal/duration.js";
import {
  type Body,
  type ClientCommand,
  type HeadersInit,
  type HeaderValue,
  headerPairs,
} from "../../protocol/index.js";
import { pairsWithout } from "../../protocol/headers.js";
import type { ReceiptOptions } from "../messages/receipt-options.js";

/** Header pairs of a frame. */
export type Pairs = (readonly [name: string, value: HeaderValue | undefined])[];

/** A frame that is to be sent. */
export interface Outgoing {
  readonly command: ClientCommand;
  /** Its headers, except `receipt`, which is added when the frame is sent. The list belongs to the frame. */
  readonly headers: Pairs;
  readonly body: Body;
  /** Whether to write `content-length`. */
  readonly contentLength: boolean;
  /** Whether the body is memory that nobody else has, so that it need not be copied. @default false */
  readonly ownsBody?: boolean;
  /** What errors name: the destination or the transaction that the frame is about. */
  readonly about: string | undefined;
}

/** How a part of the client waits for the receipt of a frame. */
export interface ReceiptWait extends ReceiptOptions {
  /** The session may end in order before it comes: a broker that answers no receipts must not delay that. @default false */
  readonly isOptional?: boolean;
  /** Is settled at once, where the microtasks of a promise would be too late. @default a promise of its own */
  readonly waiter?: Deferred<void>;
}

/** Make a frame. */
export function outgoing(
  command: ClientCommand,
  about: string | undefined,
  headers: Pairs,
  body: Body = "",
  contentLength = true,
): Outgoing {
  return { command, headers, body, contentLength, about };
}

const PREPOSITIONS: Partial<Record<ClientCommand, string>> = { SEND: "to", SUBSCRIBE: "to", ACK: "on", NACK: "on" };

/** The frame as errors call it: `SEND to /queue/a`, `COMMIT of t3fa9c-1`. */
export function nameOf({ command, about, headers }: Outgoing): string {
  if (about === undefined) return command;
  const name = `${command} ${PREPOSITIONS[command] ?? "of"} ${about}`;
  const transaction = command === "SEND" && headers.find(([header]) => header === "transaction");
  return transaction ? `${name} in ${String(transaction[1])}` : name;
}

/** The error of a frame whose receipt did not come. */
export function noReceipt(
  frame: Outgoing,
  id: string,
  timeout: number,
  more = "",
  cause?: StompError,
): ReceiptTimeoutError {
  return new ReceiptTimeoutError(`no receipt of ${nameOf(frame)} within ${timeout} ms${more}`, id, timeout, { cause });
}

/**
 * Check how a call waits.
 *
 * @throws signal.reason when it is aborted already; RangeError or TypeError for wrong options.
 */
export function checkReceiptOptions({ receipt, timeout, signal }: ReceiptOptions): void {
  signal?.throwIfAborted();
  if (timeout !== undefined) checkTimeout("timeout", timeout);
  if (receipt === undefined || typeof receipt === "boolean" || (typeof receipt === "string" && receipt !== "")) return;
  throw new TypeError("receipt must be true or an id that is not empty");
}

/** A rejection when the options of a call are not an object; otherwise nothing. */
export function wrongOptions(options: unknown): Promise<never> | undefined {
  if (typeof options === "object" && options !== null) return undefined;
  return Promise.reject(new TypeError(`options must be an object, not ${kindOf(options)}`));
}

/** What a value is, for error messages. */
function kindOf(value: unknown): string {
  return value === null ? "null" : typeof value;
}

/** A caller's headers as they are now: it may change them later. */
export function copyOf(headers: HeadersInit): Pairs {
  return Array.from(headerPairs(headers), ([name, value]) => [name, value] as const);
}

/**
 * Add a caller's headers to those that a call writes itself. `own`: names that have an argument or option of their own.
 *
 * @throws TypeError when one of those is among the headers.
 */
export function addHeaders(
  pairs: Pairs,
  headers: HeadersInit | undefined,
  command: string,
  own: readonly string[],
): void {
  if (headers === undefined) return;
  for (const pair of pairsWithout(own, headers, command)) pairs.push(pair);
}

/** @throws TypeError unless `destination` is a string that is not empty. */
export function checkDestination(destination: unknown): void {
  if (typeof destination !== "string" || destination === "") {
    throw new TypeError("destination must be a string that is not empty");
  }
}

/** @throws TypeError unless `body` is one that can be sent. */
export function checkBody(body: Body): void {
  if (typeof body === "string" || body instanceof ArrayBuffer) return;
  // A view of memory that was transferred to somebody else looks empty: making another view of that throws.
  if (body instanceof Uint8Array && (body.length > 0 || new Uint8Array(body.buffer).byteOffset === 0)) return;
  throw new TypeError(
    `body must be a string, Uint8Array or ArrayBuffer, not ${kindOf(body)}; use JSON.stringify for an object`,
  );
}
