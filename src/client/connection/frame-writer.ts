/** Writes frames to a transport. */
import { StompError } from "../../errors.js";
import { unlessAborted, within } from "../../internal/within.js";
import { type ClientSession, HEART_BEAT, utf8Text } from "../../protocol/index.js";
import { utf8Octets } from "../../protocol/encoder.js";
import type { Transport } from "../../transport.js";
import type { Counters } from "../observing/metrics.js";
import type { FrameListeners } from "../observing/frame-listeners.js";
import type { ConnectHeaders } from "../options/credentials.js";
import type { FlushOptions } from "../options/options.js";
import type { Environment } from "./environment.js";
import { type Outgoing, checkReceiptOptions } from "./outgoing.js";

/** A body of our own of this size or more is written to a stream after its head, without being copied. */
const LARGE_BODY = 16_384;
/** How often it is looked at whether all is written, in ms, where the transport does not tell. */
const POLL_INTERVAL = 10;

/** Encodes what a session says and hands it to its transport, counts it, and shows it to frame listeners. */
export class FrameWriter {
  readonly #transport: Transport;
  readonly #session: ClientSession;
  readonly #frames: FrameListeners;
  readonly #counters: Counters;
  /** How long `flush` may take, in ms. */
  readonly #flushTimeout: number;

  constructor(transport: Transport, session: ClientSession, { frames, counters, options }: Environment) {
    this.#transport = transport;
    this.#session = session;
    this.#frames = frames;
    this.#counters = counters;
    this.#flushTimeout = options.receiptTimeout;
  }

  /** Encode CONNECT. The function it returns writes it: the caller must be ready for the answer first. */
  connect(headers: ConnectHeaders): () => void {
    const pairs = this.#session.connectHeaders(headers);
    const frame = this.#session.connect(headers);
    return () => {
      this.#counters.framesSent++;
      this.#frames.sent("CONNECT", pairs, "");
      this.#put(frame);
    };
  }

  /**
   * Write a frame.
   *
   * @throws TypeError, RangeError or InvalidStateError before a byte leaves.
   */
  write(frame: Outgoing): void {
    const { command, headers, body, contentLength } = frame;
    if (typeof body !== "string") this.#writeBytes(frame, body);
    else this.#put(this.#session.encode(command, headers, body, contentLength));
    this.#counters.framesSent++;
    if (command === "SEND") this.#counters.messagesSent++;
    this.#frames.sent(command, headers, body);
  }

  /** Write a heart-beat. */
  beat(): void {
    this.#counters.heartBeatsSent++;
    this.#put(HEART_BEAT);
  }

  /** Resolves once all that was written before is handed to the system, or when it `isOver`. */
  async flush(options: FlushOptions, isOver: () => boolean): Promise<void> {
    checkReceiptOptions(options);
    const { timeout = this.#flushTimeout, signal } = options;
    const { bytesSent } = this.#counters;
    const late = (): StompError =>
      new StompError(
        "flush-timeout",
        `not all is written within ${timeout} ms: ${this.#transport.buffered} bytes are left`,
      );
    await within({ timeout, signal }, late, (ended) =>
      unlessAborted(ended, () => this.#transport.flushed?.() ?? this.#poll(bytesSent, () => isOver() || ended.aborted)),
    );
  }

  async #poll(bytesSent: number, isOver: () => boolean): Promise<void> {
    // What is sent meanwhile is not waited for.
    while (this.#transport.buffered > this.#counters.bytesSent - bytesSent && !isOver()) {
      await new Promise<void>((resolve) => {
        setTimeout(resolve, POLL_INTERVAL);
      });
    }
  }

  #writeBytes({ command, headers, contentLength, ownsBody }: Outgoing, body: Uint8Array | ArrayBuffer): void {
    const bytes = body instanceof Uint8Array ? body : new Uint8Array(body);
    if (this.#transport.kind === "messages") {
      // ActiveMQ takes text messages only: binary ones are for what is no text.
      const text = utf8Text(bytes);
      if (text === undefined && this.#transport.textOnly === true) {
        throw new TypeError("the body is not UTF-8, and this transport carries text only");
      }
      this.#put(this.#session.encode(command, headers, text ?? bytes, contentLength));
    } else if (ownsBody === true && bytes.length >= LARGE_BODY && contentLength) {
      this.#put(this.#session.encodeHead(command, headers, bytes.length));
      this.#put(bytes);
      this.#put("\0");
    } else {
      // Also a copy: a transport writes later, and the caller may use its memory again at once.
      this.#put(this.#session.encode(command, headers, bytes, contentLength));
    }
  }

  #put(chunk: string | Uint8Array): void {
    const isCounted = typeof chunk !== "string" || this.#transport.kind === "messages";
    this.#counters.bytesSent += isCounted ? chunk.length : utf8Octets(chunk);
    this.#transport.send(chunk);
  }
}
