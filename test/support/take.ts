import type { Message } from "../../src/client/messages/message.js";

/** The next message of an iteration that is not over. */
export async function take(iterator: AsyncIterator<Message>): Promise<Message> {
  const result = await iterator.next();
  if (result.done === true) throw new Error("the iteration has ended");
  return result.value;
}
