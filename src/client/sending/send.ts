/** Sends: at most once over the connection that there is, or at least once by the outbox. */
import { InvalidStateError } from "../../errors.js";
import { type Body, type ClientCommand, type HeadersInit, headerPairs, isCommandOf } from "../../protocol/index.js";
import { headerText } from "../../protocol/header-lines.js";
import { type ClientContext, sendNow } from "../connection/context.js";
import { type Pairs, checkBody, checkReceiptOptions, outgoing } from "../connection/outgoing.js";
import type { Outbox } from "./outbox.js";
import { sendEncoded, sendHeaders } from "./send-headers.js";
import type { SendFrameOptions, SendOptions, ValueOptions } from "./send-options.js";

/** Sends what a client is asked to send. */
export class Sender {
  readonly #context: ClientContext;
  readonly #outbox: Outbox;

  constructor(context: ClientContext, outbox: Outbox) {
    this.#context = context;
    this.#outbox = outbox;
  }

  /** See {@link BaseClient.send}. */
  send(destination: string, body: Body | undefined = "", options: SendOptions): Promise<void> {
    try {
      const { delivery, propagation, contentLength: usual } = this.#context.options;
      const headers = sendHeaders(destination, body, options.headers, propagation);
      const contentLength = options.contentLength ?? usual;
      if (delivery === "at-least-once") return this.#keep(destination, headers, body, contentLength, options);
      return sendNow(this.#context, outgoing("SEND", destination, headers, body, contentLength), options);
    } catch (error) {
      return Promise.reject(error); // what was thrown above, or the signal's reason, untouched
    }
  }

  /** See {@link BaseClient.send}: with a codec or without. */
  sendValue(destination: string, value: unknown, options: ValueOptions<SendOptions>): Promise<void> {
    const { codec } = options;
    if (codec === undefined) return this.send(destination, value as Body | undefined, options); // checked there
    return sendEncoded(codec, value, options, (body, given) => this.send(destination, body, given));
  }

  /** See {@link BaseClient.sendFrame}. */
  async sendFrame(command: ClientCommand, headers: HeadersInit, body: Body, options: SendFrameOptions): Promise<void> {
    if (!isCommandOf(command, "client")) throw new TypeError(`${JSON.stringify(command)} is not a command of a client`);
    if (command === "CONNECT" || command === "STOMP" || command === "DISCONNECT") {
      throw new InvalidStateError(`${command} is sent by the client itself`);
    }
    checkBody(body);
    const pairs = [...headerPairs(headers)];
    const receipt = pairs.find(([name, value]) => name === "receipt" && value !== undefined)?.[1];
    const others = pairs.filter(([name]) => name !== "receipt");
    const contentLength = options.contentLength ?? this.#context.options.contentLength;
    const frame = outgoing(command, undefined, others, body, contentLength);
    return sendNow(this.#context, frame, receipt === undefined ? options : { ...options, receipt: String(receipt) });
  }

  #keep(destination: string, pairs: Pairs, body: Body, contentLength: boolean, options: SendOptions): Promise<void> {
    if (this.#context.hasGivenUp()) throw this.#context.notConnected("SEND");
    checkReceiptOptions(options);
    const { receipt, timeout = Infinity, signal } = options;
    const id = this.#context.ids.next("r", receipt || true);
    const headers = texts(pairs.slice(1)); // without the destination
    // A copy: it is sent later, perhaps more than once, and the caller may use its memory again.
    const kept = typeof body === "string" ? body : new Uint8Array(body instanceof ArrayBuffer ? body.slice(0) : body);
    return this.#outbox.send({ destination, headers, body: kept, contentLength }, { id, timeout, signal });
  }
}

/** Headers as they will be written, without those that have no value. */
function texts(pairs: Pairs): (readonly [name: string, value: string])[] {
  const all: (readonly [string, string])[] = [];
  for (const [name, value] of pairs) {
    if (value !== undefined) all.push([name, headerText(name, value)]);
  }
  return all;
}
