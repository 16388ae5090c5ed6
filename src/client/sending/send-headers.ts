/** The headers of a SEND. */
import { isThenable } from "../../internal/thenable.js";
import { type Body, type HeadersInit, type HeaderValue } from "../../protocol/index.js";
import { type Pairs, addHeaders, checkBody, checkDestination, copyOf } from "../connection/outgoing.js";
import { type Encoded, type ValueEncoder, checkCodec } from "../messages/codec.js";
import type { Propagation } from "../options/options.js";

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

/**
 * Send what a codec makes of a value: at once, unless it makes a promise. Its headers count after those that the caller gave. Rejects
 * as the codec fails, and as `send` does.
 */
export function sendEncoded<O extends { readonly headers?: HeadersInit }, R>(
  codec: ValueEncoder<unknown>,
  value: unknown,
  options: O,
  send: (body: Body, options: O) => Promise<R>,
): Promise<R> {
  try {
    checkCodec(codec, "encode");
    // As they are at the call: the caller may change its headers while the codec works.
    const given = copyOf(options.headers ?? {});
    const names = new Set(given.map(([name]) => name));
    const asked = { ...options, headers: given };
    const go = ({ body, headers = {} }: Encoded): Promise<R> => {
      for (const [name, more] of Object.entries(headers)) if (!names.has(name)) given.push([name, more]);
      return send(body, asked);
    };
    const encoded = codec.encode(value);
    return isThenable(encoded) ? Promise.resolve(encoded).then(go) : go(encoded);
  } catch (error) {
    return Promise.reject(error); // as the codec threw it
  }
}
