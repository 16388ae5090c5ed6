/** A message as the broker keeps it: once, however many queues hold it. */
import { type Frame, utf8Text } from "../protocol/index.js";

/** Headers of a SEND that do not go into MESSAGE, or that the broker writes there itself. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  "destination",
  "receipt",
  "transaction",
  "content-length",
  "subscription",
  "message-id",
  "ack",
  "redelivered",
]);

/** What a message is taken to need in memory besides its headers and body, in octets. */
const OVERHEAD = 256;

/** A message that was sent. */
export class StoredMessage {
  /** Where it was sent to. */
  readonly destination: string;
  /** The headers that its receivers see as they were sent, in that order; of repeated ones the first. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Its body. */
  readonly body: Uint8Array;
  /** What it counts against the bounds of a queue, in octets. */
  readonly size: number;
  /** Whether its SEND had a `content-length`. */
  readonly isCounted: boolean;
  #text: { readonly value: string | undefined } | undefined;

  constructor(
    destination: string,
    headers: readonly (readonly [string, string])[],
    body: Uint8Array,
    isCounted: boolean,
  ) {
    this.destination = destination;
    this.headers = headers;
    this.body = body;
    this.isCounted = isCounted;
    this.size = headers.reduce((sum, [name, value]) => sum + name.length + value.length, OVERHEAD + body.length);
  }

  /** Make one of a SEND. `replyTo` stands in for its `reply-to`; `passedOn` are headers that are passed on though others' would not be. */
  static of(
    frame: Frame,
    destination: string,
    replyTo: string | undefined,
    passedOn: readonly string[],
  ): StoredMessage {
    const headers: [string, string][] = [];
    for (const [name, value] of frame.headers) {
      if (name === "reply-to" && replyTo !== undefined) headers.push([name, replyTo]);
      else if (!OWN_HEADERS.has(name) || passedOn.includes(name)) headers.push([name, value]);
    }
    // A copy: the frame's octets are a view that keeps the whole chunk they came in.
    return new StoredMessage(destination, headers, frame.body.slice(), frame.headers.has("content-length"));
  }

  /** The body as text; `undefined` if it is not valid UTF-8. */
  text(): string | undefined {
    this.#text ??= { value: utf8Text(this.body) };
    return this.#text.value;
  }
}
