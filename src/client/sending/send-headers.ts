/** The headers of a SEND. */
import type { Body, HeadersInit, HeaderValue } from "../../protocol/index.js";
import { type Pairs, addHeaders, checkBody, checkDestination } from "../connection/outgoing.js";
import type { Encoded } from "../messages/codec.js";
import type { Propagation } from "../options/options.js";
import type { SendOptions } from "./send-options.js";

/** Headers of SEND that are arguments or options of their own. */
const OWN_HEADERS = ["destination", "receipt"];

/**
 * The headers of a SEND, with those that a context propagates, except its `own`. The first one is the destination.
 *
 * @throws TypeError for wrong arguments, and what `inject` throws.
 */
export function sendHeaders(
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
    // A header that is there already counts: also where the caller gave `undefined`, to have none.
    const given = new Set([...own, ...pairs.map(([name]) => name)]);
    for (const [name, value] of Object.entries(injected)) if (!given.has(name)) pairs.push([name, value]);
  }
  return pairs;
}

/** The options of a SEND whose body a codec has made: with its headers, which count after those that the caller gave. */
export function withEncoded<O extends SendOptions>(options: O, { headers = {} }: Encoded): O {
  const given: Pairs = [];
  addHeaders(given, options.headers, "SEND", OWN_HEADERS);
  const names = new Set(given.map(([name]) => name));
  for (const [name, value] of Object.entries(headers)) if (!names.has(name)) given.push([name, value]);
  return { ...options, headers: given };
}
