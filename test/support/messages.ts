import { type Delivery, Message } from "../../src/client/messages/message.js";
import { type Body, type HeadersInit, frameOf } from "../../src/protocol/index.js";

/** A message that nobody settles. */
export function messageOf(body: Body, headers: HeadersInit = {}): Message {
  const delivery: Delivery = {
    decode: () => undefined,
    handOut: () => true,
    settle: () => Promise.resolve(true),
    isSettled: () => false,
    isDone: () => false,
    decide: () => undefined,
    signalOf: () => new AbortController().signal,
  };
  return new Message(frameOf("MESSAGE", headers, body), delivery, 1);
}
