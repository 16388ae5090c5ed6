/** Sends: at most once over the connection that there is, or at least once by the outbox. */
import { isThenable } from "../../internal/thenable.js";
import type { Body, ClientCommand } from "../../protocol/index.js";
import type { Encoded } from "../messages/codec.js";
import type { ClientContext } from "../connection/context.js";
import type { Outbox } from "./outbox.js";
import { type Pairs, receiptWait } from "../connection/outgoing.js";
import { type SendOptions, type TypedSendOptions, sendPairs, withEncoded } from "./send-options.js";
import type { ReceiptOptions } from "../messages/receipt-options.js";

/** Sends what a client is asked to send. */
export class Sender {
  readonly #context: ClientContext;
  readonly #outbox: Outbox;
  readonly #hasGivenUp: () => boolean;

  /** `hasGivenUp`: whether there is no session, and none will be tried for. */
  constructor(context: ClientContext, outbox: Outbox, hasGivenUp: () => boolean) {
    this.#context = context;
    this.#outbox = outbox;
    this.#hasGivenUp = hasGivenUp;
  }

  /** See {@link DialClient.send}. */
  send(destination: string, body: Body, options: SendOptions): Promise<void> {
    try {
      const { delivery, propagation } = this.#context.options;
      const pairs = sendPairs(destination, body, options.headers, propagation);
      if (delivery === "at-least-once") return this.#keep(destination, pairs, body, options);
      return this.frame("SEND", pairs, body, options, `SEND to ${destination}`, options.contentLength);
    } catch (error) {
      return Promise.reject(error); // what was thrown above, or the signal's reason, untouched
    }
  }

  /** See {@link DialClient.send}: with a codec. */
  sendValue(destination: string, value: unknown, options: TypedSendOptions<unknown>): Promise<void> {
    try {
      const { codec } = options;
      if (typeof codec?.encode !== "function") throw new TypeError("codec must have a function encode");
      const encoded = codec.encode(value);
      if (isThenable(encoded))
        return Promise.resolve(encoded).then((one) => this.#sendEncoded(destination, one, options));
      return this.#sendEncoded(destination, encoded, options); // at once: what is sent after it goes after it
    } catch (error) {
      return Promise.reject(error); // as the codec threw it
    }
  }

  /**
   * Send a frame over the connection that there is. `what` names it in messages.
   *
   * @throws what is wrong with it, before a byte leaves.
   */
  frame(
    command: ClientCommand,
    pairs: Pairs,
    body: Body,
    options: ReceiptOptions,
    what: string,
    contentLength: boolean | undefined,
  ): Promise<void> {
    const { options: defaults, ids } = this.#context;
    const wait = receiptWait(options, what, defaults.receiptTimeout, ids);
    const connection = this.#context.connection();
    if (connection === undefined) throw this.#context.notConnected(command);
    if (wait !== undefined) pairs.push(["receipt", wait.id]);
    return connection.send(command, pairs, body, contentLength ?? defaults.contentLength, wait);
  }

  #sendEncoded(destination: string, encoded: Encoded, options: SendOptions): Promise<void> {
    return this.send(destination, encoded.body, withEncoded(options, encoded));
  }

  #keep(destination: string, pairs: Pairs, body: Body, options: SendOptions): Promise<void> {
    const { options: defaults, ids } = this.#context;
    if (this.#hasGivenUp()) throw this.#context.notConnected("SEND");
    const receipt = options.receipt === false ? true : (options.receipt ?? true);
    const wait = receiptWait({ ...options, receipt }, `SEND to ${destination}`, Infinity, ids);
    const headers = texts(pairs.slice(1)); // without the destination
    const contentLength = options.contentLength ?? defaults.contentLength;
    // A copy: it is sent later, perhaps more than once, and the caller may use its memory again.
    const kept = typeof body === "string" ? body : new Uint8Array(body instanceof ArrayBuffer ? body.slice(0) : body);
    return this.#outbox.send({ destination, headers, body: kept, contentLength }, wait);
  }
}

/** Headers as they will be written, without those that have no value. */
function texts(pairs: Pairs): (readonly [name: string, value: string])[] {
  const all: (readonly [string, string])[] = [];
  for (const [name, value] of pairs) {
    if (value === undefined) continue;
    const kind = typeof value; // callers of other types would have their value written as `String` writes it, unseen
    if (kind !== "string" && kind !== "number" && kind !== "boolean") {
      throw new TypeError(`header ${JSON.stringify(name)} must be a string, a number or a boolean`);
    }
    all.push([name, String(value)]);
  }
  return all;
}
