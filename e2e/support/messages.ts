/** What the tests against brokers read and write with. */
import type { Client, Message, Subscription } from "../../src/index.js";

/** Read so many messages, and leave the subscription as it is. */
export async function take(subscription: Subscription, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  while (messages.length < count) {
    const { value } = await subscription.next();
    if (value === undefined) throw new Error(`the subscription ended after ${messages.length} of ${count} messages`);
    messages.push(value);
  }
  return messages;
}

/** Read one message, and leave the subscription as it is. */
export async function takeOne(subscription: Subscription): Promise<Message> {
  for (const message of await take(subscription, 1)) return message;
  throw new Error("there is no message");
}

/** The bodies as texts. */
export function texts(messages: readonly Message[]): string[] {
  return messages.map((message) => message.text());
}

/** Send texts, one message each, and wait until the broker has confirmed all. */
export async function sendAll(client: Client, destination: string, bodies: readonly string[]): Promise<void> {
  await Promise.all(bodies.map((body) => client.send(destination, body, { receipt: true })));
}

/** What a promise rejects with. */
export function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => new Error(`resolved with ${String(value)}`),
    (error: unknown) => error,
  );
}

/** Read what is left in a queue: everything before a message that is sent to mark its end. */
export async function drain(client: Client, destination: string): Promise<Message[]> {
  const mark = `the end of ${destination}`;
  await client.send(destination, mark, { receipt: true });
  const subscription = await client.subscribe(destination);
  const messages: Message[] = [];
  for await (const message of subscription) {
    if (message.text() === mark) break;
    messages.push(message);
  }
  return messages;
}
