/** Answers to requests. */
import { type Body, type HeadersInit, headerPairs } from "../../protocol/index.js";
import { type Codec, type ValueEncoder, checkCodec } from "../messages/codec.js";
import type { Message } from "../messages/message.js";
import type { SendOptions, ValueOptions } from "../sending/send-options.js";
import { Unanswered } from "../subscribing/handling.js";
import type { SubscribeOptions, TypedSubscribeOptions } from "../subscribing/subscribe-options.js";

/** A reply with headers. */
export interface Reply {
  /** The body. */
  readonly body: Body;
  /** More headers of the SEND, such as `content-type`. Its `correlation-id` is that of the request, if that has one. */
  readonly headers?: HeadersInit;
}

/** Makes the reply to a request: a body, a body with headers, or nothing, which is sent as an empty body. */
export type Responder = (message: Message) => Body | Reply | undefined | Promise<Body | Reply | undefined>;

/** Makes the value that answers a request, whose own value is in `message.value`. */
export type TypedResponder<T, Sent> = (message: Message<T>) => Sent | Promise<Sent>;

/** Options of {@link Client.respond}. */
export type RespondOptions = SubscribeOptions;

/** Options of {@link Client.respond} for requests and replies that are values. */
export interface TypedRespondOptions<T, Sent> extends TypedSubscribeOptions<T> {
  /**
   * Makes the `value` of each request, and replies from what the responder returns. Where the two have schemas of their own:
   * `{ decode: json(question).decode, encode: json(answer).encode }`. What is no valid request is treated as `invalid` says.
   */
  readonly codec: Codec<T, Sent>;
}

/** Sends a reply; see {@link BaseClient.send}. */
type Send = (destination: string, value: unknown, options: ValueOptions<SendOptions>) => Promise<void>;

/**
 * Make the handler of a subscription to requests. A message without `reply-to` is handled too.
 *
 * @throws TypeError for a codec that cannot encode.
 */
export function respondWith<T>(
  responder: TypedResponder<T, unknown>,
  codec: ValueEncoder<unknown> | undefined,
  send: Send,
): (message: Message<T>) => Promise<void> {
  if (codec !== undefined) checkCodec(codec, "encode");
  return async (message) => {
    const replyTo = message.headers.get("reply-to");
    const correlationId = message.headers.get("correlation-id");
    const result = await responder(message);
    if (!replyTo) return;
    const { body, headers = {} } = codec === undefined && isReply(result) ? result : { body: result };
    const pairs: HeadersInit =
      correlationId === undefined
        ? headers
        : [
            ...[...headerPairs(headers)].filter(([name]) => name !== "correlation-id"),
            ["correlation-id", correlationId],
          ];
    try {
      await send(replyTo, body, { headers: pairs, codec });
    } catch (cause) {
      throw new Unanswered("", { cause }); // also because of what the requester wrote into its headers
    }
  };
}

function isReply(result: unknown): result is Reply {
  return typeof result === "object" && result !== null && "body" in result;
}
