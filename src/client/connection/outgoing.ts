/** Options that all calls share which send a frame. */
import { checkTimeout } from "../../internal/duration.js";
import { type HeadersInit, type HeaderValue, hasHeader, headerPairs } from "../../protocol/index.js";
import type { ReceiptOptions } from "../messages/receipt-options.js";
import type { ReceiptWait } from "./receipts.js";

/** Makes ids that no other frame of this client has. */
export class Ids {
  #last = 0;

  /** The next id with this prefix. */
  next(prefix: string): string {
    this.#last++;
    return `${prefix}-${this.#last}`;
  }
}

/**
 * What is to be waited for after a frame is sent; `undefined`: nothing.
 *
 * @throws signal.reason when it is aborted already; RangeError or TypeError for wrong options.
 */
export function receiptWait(
  options: ReceiptOptions & { readonly receipt: true | string },
  what: string,
  defaultTimeout: number,
  ids: Ids,
): ReceiptWait;
export function receiptWait(
  options: ReceiptOptions,
  what: string,
  defaultTimeout: number,
  ids: Ids,
): ReceiptWait | undefined;
export function receiptWait(
  { receipt, timeout, signal }: ReceiptOptions,
  what: string,
  defaultTimeout: number,
  ids: Ids,
): ReceiptWait | undefined {
  signal?.throwIfAborted();
  const wait = timeout === undefined ? defaultTimeout : checkTimeout("timeout", timeout);
  if (receipt === undefined || receipt === false) return undefined;
  if (receipt === "") throw new TypeError("receipt must be true or an id that is not empty");
  return { id: receipt === true ? ids.next("receipt") : receipt, what, timeout: wait, signal };
}

/** Pairs of headers, for a frame. */
export type Pairs = (readonly [name: string, value: HeaderValue | undefined])[];

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
  for (const name of own) {
    if (hasHeader(headers, name)) throw new TypeError(`header "${name}" of ${command} is an argument of its own`);
  }
  for (const pair of headerPairs(headers)) pairs.push(pair);
}
