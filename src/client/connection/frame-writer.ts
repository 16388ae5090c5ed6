/** Writes frames to a transport. */
import {
  type Body,
  type ClientCommand,
  type ClientSession,
  HEART_BEAT,
  type HeadersInit,
  utf8Text,
} from "../../protocol/index.js";
import { utf8Octets } from "../../protocol/encoder.js";
import type { Transport } from "../../transport.js";
import type { Counters } from "../observing/metrics.js";
import type { FrameListeners } from "../observing/frame-listeners.js";
import type { LoginHeaders } from "../options/credentials.js";

/** A body of octets of this size or more is written after its head to a stream, without being copied. */
const LARGE_BODY = 16_384;

/** Encodes what a session says and hands it to its transport, counted, and shown to who watches. */
export class FrameWriter {
  readonly #transport: Transport;
  readonly #session: ClientSession;
  readonly #tap: FrameListeners;
  readonly #counters: Counters;

  constructor(transport: Transport, session: ClientSession, tap: FrameListeners, counters: Counters) {
    this.#transport = transport;
    this.#session = session;
    this.#tap = tap;
    this.#counters = counters;
  }

  /** Encode CONNECT. What is returned writes it: a caller may have to get ready to be answered before. */
  connect(headers: LoginHeaders): () => void {
    const pairs = this.#session.connectHeaders(headers);
    const frame = this.#session.connect(headers);
    return () => {
      this.#counters.framesSent++;
      this.#tap.sent("CONNECT", pairs, "");
      this.#put(frame);
    };
  }

  /**
   * Write a frame.
   *
   * @throws TypeError, RangeError or InvalidStateError before a byte leaves.
   */
  write(command: ClientCommand, headers: HeadersInit, body: Body, contentLength: boolean): void {
    if (typeof body !== "string") this.#writeBytes(command, headers, body, contentLength);
    else this.#put(this.#session.encode(command, headers, body, contentLength));
    this.#counters.framesSent++;
    if (command === "SEND") this.#counters.messagesSent++;
    this.#tap.sent(command, headers, body);
  }

  /** Write a heart-beat. */
  beat(): void {
    this.#counters.heartBeatsSent++;
    this.#put(HEART_BEAT);
  }

  #writeBytes(
    command: ClientCommand,
    headers: HeadersInit,
    body: Uint8Array | ArrayBuffer,
    contentLength: boolean,
  ): void {
    const bytes = body instanceof Uint8Array ? body : new Uint8Array(body);
    if (this.#transport.kind === "messages") {
      // ActiveMQ takes text messages only: binary ones are for what is no text.
      const text = utf8Text(bytes);
      if (text === undefined && this.#transport.textOnly === true) {
        throw new TypeError("the body is not UTF-8, and this transport carries text only");
      }
      this.#put(this.#session.encode(command, headers, text ?? bytes, contentLength));
    } else if (bytes.length >= LARGE_BODY && contentLength) {
      this.#put(this.#session.encodeHead(command, headers, bytes.length));
      this.#put(bytes);
      this.#put("\0");
    } else {
      this.#put(this.#session.encode(command, headers, bytes, contentLength));
    }
  }

  #put(chunk: string | Uint8Array): void {
    const isCounted = typeof chunk !== "string" || this.#transport.kind === "messages";
    this.#counters.bytesSent += isCounted ? chunk.length : utf8Octets(chunk);
    this.#transport.send(chunk);
  }
}
