import { Message } from "../../src/client/messages/message.js";
import { type Body, type HeadersInit, frameOf } from "../../src/protocol/index.js";

/** A message that nobody settles. */
export function messageOf(body: Body, headers: HeadersInit = {}): Message {
  const settler = {
    settle: () => Promise.resolve(),
    isSettled: () => false,
    isTentative: () => false,
    decide: () => undefined,
  };
  return new Message(frameOf("MESSAGE", headers, body), settler, 1);
}
