/** For platforms whose text messages end at the first NUL, as those of React Native do. */
import type { Transport, TransportSink } from "../transport.js";

const encoder = new TextEncoder();
/** Nothing but ends of lines: a heart-beat. */
const EOLS = /^[\r\n]*$/;

/**
 * A transport that sends binary messages only, which are not cut, and puts back the NUL that a text message has lost. A body with
 * a NUL in it arrives cut all the same, unless the broker sends binary messages.
 */
export class NulSafeTransport implements Transport {
  readonly kind = "messages";
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
    // Present only where the platform can hold the peer back.
    if (transport.pause === undefined) return;
    this.pause = () => transport.pause?.();
    this.resume = () => transport.resume?.();
  }

  pause?: () => void;
  resume?: () => void;

  get peer(): string {
    return this.#transport.peer;
  }

  get buffered(): number {
    return this.#transport.buffered;
  }

  get isClosing(): boolean {
    return this.#transport.isClosing === true;
  }

  start(sink: TransportSink): void {
    this.#transport.start({
      data: (chunk) => {
        sink.data(typeof chunk === "string" && !chunk.includes("\0") && !EOLS.test(chunk) ? `${chunk}\0` : chunk);
      },
      closed: (reason) => {
        sink.closed(reason);
      },
    });
  }

  send(chunk: Uint8Array | string): void {
    this.#transport.send(typeof chunk === "string" ? encoder.encode(chunk) : chunk);
  }

  drained(): Promise<void> {
    return this.#transport.drained();
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  abort(reason: Error): void {
    this.#transport.abort(reason);
  }
}
