/** What a SEND is made of. */
import type { Body, HeadersInit, HeaderValue } from "../../protocol/index.js";
import { checkBody, checkDestination } from "../connection/arguments.js";
import type { Encoded, ValueEncoder } from "../messages/codec.js";
import type { Propagation } from "../options/options.js";
import { type Pairs, addHeaders } from "../connection/outgoing.js";
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
   * Makes the body of the value: `json()`, `json(schema)`, or one of your own. One that gives a promise delays the message:
   * what is sent meanwhile goes first.
   */
  readonly codec: ValueEncoder<T>;
}

/** Headers of SEND that are arguments or options of their own. */
const OWN_HEADERS = ["destination", "receipt"];

/**
 * The headers of a SEND, with those that a context wants to have along, but for its `own`.
 *
 * @throws TypeError for wrong arguments, and what `inject` throws.
 */
export function sendPairs(
  destination: string,
  body: Body,
  headers: HeadersInit | undefined,
  propagation: Propagation,
  own: readonly string[] = OWN_HEADERS,
): Pairs {
  checkDestination(destination);
  checkBody(body);
  const pairs: Pairs = [["destination", destination]];
  addHeaders(pairs, headers, "SEND", own);
  if (propagation.inject !== undefined) {
    const injected: Record<string, HeaderValue> = {};
    propagation.inject(injected, destination);
    // What is there already counts: also where the caller has said `undefined`, to have none.
    const given = new Set([...own, ...pairs.map(([name]) => name)]);
    for (const [name, value] of Object.entries(injected)) if (!given.has(name)) pairs.push([name, value]);
  }
  return pairs;
}

/** The options of a SEND whose body a codec has made: its headers, and before them those that the caller gave. */
export function withEncoded<O extends SendOptions>(options: O, { headers = {} }: Encoded): O {
  const given: [string, HeaderValue | undefined][] = [];
  addHeaders(given, options.headers, "SEND", OWN_HEADERS);
  const names = new Set(given.map(([name]) => name));
  for (const [name, value] of Object.entries(headers)) if (!names.has(name)) given.push([name, value]);
  return { ...options, headers: given };
}
