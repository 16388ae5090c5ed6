/** What a subscription is to be: a caller's arguments, checked, with every default filled in. */
import { type HeadersInit, hasHeader } from "../../protocol/index.js";
import { type ValueDecoder, checkCodec } from "../messages/codec.js";
import type { Ids } from "../connection/environment.js";
import { copyOf } from "../connection/outgoing.js";
import type { AckMode } from "../messages/message.js";
import type { BufferLimits, SlowPolicy } from "../options/options.js";
import { type ResolvedOptions, checkSlowPolicy, resolveBuffer } from "../options/resolved-options.js";
import type { InvalidPolicy, MessageHandler, SubscribeOptions, TypedSubscribeOptions } from "./subscribe-options.js";

/** What makes a subscription what it is. */
export interface SubscriptionTerms<T> {
  readonly id: string;
  readonly destination: string;
  readonly ack: AckMode;
  readonly headers: HeadersInit;
  readonly prefetch: number | undefined;
  readonly nackHeaders: Readonly<Record<string, string | number | boolean | undefined>> | undefined;
  readonly handler: MessageHandler<T> | undefined;
  readonly concurrency: number;
  readonly buffer: BufferLimits;
  readonly whenSlow: SlowPolicy;
  readonly codec: ValueDecoder<T> | undefined;
  readonly invalid: InvalidPolicy;
}

/** How many messages a broker may send ahead where the caller does not say; fewer if the buffer is smaller. */
export const PREFETCH = { client: 1000, "client-individual": 100 };

/** Headers of SUBSCRIBE that have an argument or option of their own. */
const OWN_HEADERS = ["destination", "id", "ack", "receipt"];

/**
 * What a subscription is to be, from a caller's arguments.
 *
 * @throws TypeError or RangeError naming what is wrong.
 */
export function termsOf<T>(
  destination: string,
  handler: MessageHandler<T> | undefined,
  options: SubscribeOptions & Partial<TypedSubscribeOptions<T>>,
  defaults: ResolvedOptions,
  ids: Ids,
): SubscriptionTerms<T> {
  const { ack = "auto", concurrency = 1, codec, invalid = "nack" } = options;
  if (ack !== "auto" && ack !== "client" && ack !== "client-individual") {
    throw new TypeError(`ack must be "auto", "client" or "client-individual", not ${JSON.stringify(ack)}`);
  }
  // Copies: they are sent again in each session, and with each NACK.
  const headers = copyOf(options.headers ?? {});
  const nackHeaders = options.nackHeaders === undefined ? undefined : { ...options.nackHeaders };
  for (const name of OWN_HEADERS) {
    if (hasHeader(headers, name)) throw new TypeError(`header "${name}" of SUBSCRIBE is an argument of its own`);
  }
  if (!(concurrency >= 1)) throw new RangeError(`concurrency must be at least 1, not ${String(concurrency)}`);
  const buffer = resolveBuffer(options.buffer ?? {}, defaults.buffer);
  const prefetch = options.prefetch ?? (ack === "auto" ? undefined : Math.min(PREFETCH[ack], buffer.messages));
  if (prefetch !== undefined && prefetch !== Infinity && !(Number.isSafeInteger(prefetch) && prefetch >= 1)) {
    throw new RangeError(`prefetch must be a whole number, 1 or more, or Infinity, not ${String(prefetch)}`);
  }
  if (invalid !== "nack" && invalid !== "fail" && typeof invalid !== "function") {
    throw new TypeError(`invalid must be "nack", "fail" or a function, not ${JSON.stringify(invalid)}`);
  }
  if (codec !== undefined) checkCodec(codec, "decode");
  const whenSlow = checkSlowPolicy(options.whenSlow ?? (ack === "auto" ? defaults.whenSlow : "fail"));
  if (whenSlow === "drop-oldest" && ack !== "auto") {
    throw new TypeError(
      `whenSlow "drop-oldest" is for the ack mode "auto": what is dropped would never be acknowledged`,
    );
  }
  const id = ids.next("s", options.id);
  return {
    id,
    destination,
    ack,
    headers,
    prefetch,
    nackHeaders,
    handler,
    concurrency,
    buffer,
    whenSlow,
    codec,
    invalid,
  };
}
