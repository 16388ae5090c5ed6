/** Answers to requests. */
import { type Body, type HeadersInit, headerPairs } from "../../protocol/index.js";
import type { Message } from "../messages/message.js";
import type { SubscribeOptions } from "../subscribing/subscribe-options.js";

/** A reply with headers. */
export interface Reply {
  /** The body. */
  readonly body: Body;
  /** More headers of the SEND, such as `content-type`. Its `correlation-id` is that of the request, if that has one. */
  readonly headers?: HeadersInit;
}

/** Makes the reply to a request: a body, a body with headers, or nothing, which is sent as an empty body. */
export type Responder = (message: Message) => Body | Reply | undefined | Promise<Body | Reply | undefined>;

/** Options of {@link Client.respond}. */
export type RespondOptions = SubscribeOptions;

type Send = (replyTo: string, body: Body, headers: HeadersInit) => Promise<void>;

/** Make the handler of a subscription to requests. A message without `reply-to` is handled too. */
export function respondWith(responder: Responder, send: Send): (message: Message) => Promise<void> {
  return async (message) => {
    const replyTo = message.headers.get("reply-to");
    const correlationId = message.headers.get("correlation-id");
    const reply = await responder(message);
    if (replyTo === undefined) return;
    const { body, headers = {} } = isReply(reply) ? reply : { body: reply ?? "" };
    if (correlationId === undefined) return send(replyTo, body, headers);
    const others = [...headerPairs(headers)].filter(([name]) => name !== "correlation-id");
    await send(replyTo, body, [...others, ["correlation-id", correlationId]]);
  };
}

function isReply(reply: Body | Reply | undefined): reply is Reply {
  return typeof reply === "object" && "body" in reply;
}
