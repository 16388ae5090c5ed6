/** What a subscription is to be: a caller's arguments, checked, with every default filled in. */
import { checkAtLeast } from "../../internal/checks.js";
import type { HeadersInit } from "../../protocol/index.js";
import { type ValueDecoder, checkCodec } from "../messages/codec.js";
import type { Ids } from "../connection/environment.js";
import { type Pairs, addHeaders, copyOf } from "../connection/outgoing.js";
import type { AckMode } from "../messages/message.js";
import type { BufferLimits, SlowPolicy } from "../options/options.js";
import { type ResolvedOptions, checkSlowPolicy, oneOf, resolveBuffer } from "../options/resolved-options.js";
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
  oneOf("ack", ack, ["auto", "client", "client-individual"]);
  // Copies: they are sent again in each session, and with each NACK.
  const headers: Pairs = [];
  addHeaders(headers, copyOf(options.headers ?? {}), "SUBSCRIBE", OWN_HEADERS);
  const nackHeaders = options.nackHeaders && { ...options.nackHeaders };
  checkAtLeast("concurrency", 1, concurrency);
  const buffer = resolveBuffer(options.buffer ?? {}, defaults.buffer);
  const most = ack === "auto" ? undefined : Math.min(PREFETCH[ack], Math.floor(buffer.messages));
  const { prefetch = most } = options;
  if (prefetch !== undefined && prefetch !== Infinity && !(Number.isSafeInteger(prefetch) && prefetch >= 1)) {
    throw new RangeError(`prefetch must be a whole number, 1 or more, or Infinity, not ${String(prefetch)}`);
  }
  if (invalid !== "nack" && invalid !== "fail" && typeof invalid !== "function") {
    throw new TypeError(`invalid must be "nack", "fail" or a function, not ${JSON.stringify(invalid)}`);
  }
  if (codec !== undefined) checkCodec(codec, "decode");
  const whenSlow = checkSlowPolicy(options.whenSlow ?? (ack === "auto" ? defaults.whenSlow : "fail"));
  if (whenSlow === "drop-oldest" && ack !== "auto") {
    throw new TypeError('whenSlow "drop-oldest" is for the ack mode "auto"');
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
