/** A connected socket as a transport: the client's end and the server's are the same. */
import type { Socket } from "node:net";
import { type Deferred, deferred } from "../internal/deferred.js";
import { Inlet } from "../internal/inlet.js";
import { streamFlushed } from "../internal/stream-flushed.js";
import type { Transport, TransportSink } from "../transport.js";

/** A transport over a socket that is connected, whoever connected it. */
export class TcpTransport implements Transport {
  readonly kind = "stream";
  readonly peer: string;
  readonly #socket: Socket;
  readonly #closeTimeout: number;
  readonly #inlet = new Inlet<Uint8Array>();
  readonly #gone = deferred();
  #drained: Deferred<void> | undefined;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  #corked = false;
  #paused = false;
  #closing = false;
  #error: Error | undefined;
  readonly #uncork = (): void => {
    this.#corked = false;
    this.#socket.uncork();
  };

  /** `closeTimeout`: how long `close()` waits for the peer, in ms. */
  constructor(socket: Socket, { peer, closeTimeout }: { readonly peer: string; readonly closeTimeout: number }) {
    this.peer = peer;
    this.#socket = socket;
    this.#closeTimeout = closeTimeout;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("drain", () => this.#settleDrained());
    // After `end` there is no "drain" any more.
    socket.on("finish", () => this.#settleDrained());
    socket.on("error", (error) => (this.#error = error));
    socket.on("end", () => this.#peerEnded());
    socket.on("close", () => this.#closed());
  }

  get buffered(): number {
    return this.#inlet.ended ? 0 : this.#socket.writableLength;
  }

  /** The end waits behind chunks that are held. */
  get isClosing(): boolean {
    return this.#inlet.ended;
  }

  start(sink: TransportSink): void {
    this.#inlet.start(sink);
    if (!this.#paused) this.#socket.resume();
  }

  send(chunk: Uint8Array | string): void {
    if (this.#closing || this.#inlet.ended) return;
    // The writes of one turn of the event loop share a system call; a lone one goes when the current callback is done.
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(this.#uncork);
    }
    this.#socket.write(chunk);
  }

  drained(): Promise<void> {
    if (!this.#socket.writableNeedDrain || this.#inlet.ended) return Promise.resolve();
    this.#drained ??= deferred();
    return this.#drained.promise;
  }

  flushed(): Promise<void> {
    return streamFlushed(this.#socket);
  }

  pause(): void {
    if (this.#closing) return;
    this.#paused = true;
    this.#inlet.pause();
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#inlet.resume();
    if (this.#inlet.started) this.#socket.resume();
  }

  close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      this.#closeTimer = setTimeout(() => this.#cutOff(), this.#closeTimeout);
      this.#socket.end();
      // The peer's end comes behind what it has sent before, so that must be read.
      this.resume();
      this.#socket.resume();
    }
    return this.#gone.promise;
  }

  abort(reason: Error): void {
    this.#socket.destroy();
    this.#inlet.abort(reason);
  }

  #receive(chunk: Uint8Array): void {
    if (!this.#inlet.started) {
      // Nobody listens yet: keep the first chunk and let the peer wait with the rest. After `close` nobody ever will.
      if (this.#closing) return;
      this.#socket.pause();
    }
    this.#inlet.deliver(chunk);
  }

  #peerEnded(): void {
    this.#inlet.end();
    // Node ends our side too; the peer gets as long as in a close of our own to take what is buffered.
    void this.close();
  }

  #cutOff(): void {
    const unsent = this.#socket.writableLength;
    this.#inlet.end(
      unsent === 0
        ? undefined
        : new Error(`the peer did not take the last ${unsent} bytes within ${this.#closeTimeout} ms`),
    );
    this.#socket.destroy();
  }

  #closed(): void {
    clearTimeout(this.#closeTimer);
    this.#inlet.end(this.#closing && this.#socket.writableFinished ? undefined : this.#error);
    this.#settleDrained();
    this.#gone.resolve();
  }

  #settleDrained(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
  }
}
