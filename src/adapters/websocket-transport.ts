/** A WebSocket as a transport, whatever the platform: the client's end and the server's are the same. */
import { deferred } from "../internal/deferred.js";
import { Inlet } from "../internal/inlet.js";
import type { Transport, TransportSink } from "../transport.js";
import { closeError } from "./websocket-errors.js";
import type { PlatformSocket } from "./websocket-platform.js";

/** A transport over a socket that is opening, or open. Its events are to be passed on to `receive`, `broke` and `gone`. */
export class WebSocketTransport implements Transport {
  readonly kind = "messages";
  readonly peer: string;
  /** Absent where the platform cannot hold the peer back. */
  pause?: () => void;
  resume?: () => void;
  /** Absent where the platform does not tell. */
  flushed?: () => Promise<void>;
  readonly #closeTimeout: number;
  readonly #inlet = new Inlet<Uint8Array | string>();
  readonly #gone = deferred();
  #socket: PlatformSocket | undefined;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  #closing = false;

  /** `closeTimeout`: how long `close()` waits for the peer, in ms. */
  constructor({ peer, closeTimeout }: { readonly peer: string; readonly closeTimeout: number }) {
    this.peer = peer;
    this.#closeTimeout = closeTimeout;
  }

  get buffered(): number {
    return this.#inlet.ended ? 0 : (this.#socket?.buffered ?? 0);
  }

  get textOnly(): boolean {
    return this.#socket?.textOnly === true;
  }

  /** The other side has said that it closes, and the end of the connection under it is yet to come. */
  get isClosing(): boolean {
    return this.#inlet.ended || (!this.#closing && this.#socket?.isClosing === true);
  }

  /** Say what it is over: once, before anything is received. */
  attach(socket: PlatformSocket): void {
    this.#socket = socket;
    if (socket.flushed !== undefined) this.flushed = socket.flushed.bind(socket);
    if (socket.pause === undefined) return;
    this.pause = () => this.#pause();
    this.resume = () => this.#resume();
  }

  start(sink: TransportSink): void {
    this.#inlet.start(sink);
    if (!this.#inlet.paused) this.#socket?.resume?.();
  }

  send(chunk: Uint8Array | string): void {
    if (!this.#closing && !this.isClosing) this.#socket?.send(chunk);
  }

  drained(): Promise<void> {
    return this.#inlet.ended || this.#socket === undefined ? Promise.resolve() : this.#socket.drained();
  }

  close(): Promise<void> {
    if (!this.#closing && !this.#inlet.ended) {
      this.#closing = true;
      this.#startCloseTimer();
      this.#socket?.close();
      // The peer's close frame comes behind what it has sent before, so that must be read.
      this.#inlet.resume();
      this.#socket?.resume?.();
    }
    return this.#gone.promise;
  }

  abort(reason: Error): void {
    this.#inlet.abort(reason);
    this.#socket?.drop();
  }

  /** Take a message. */
  receive(chunk: Uint8Array | string): void {
    if (!this.#inlet.started) {
      // Nobody listens yet: keep this and let the peer wait with the rest. After `close` nobody ever will.
      if (this.#closing) return;
      this.#socket?.pause?.();
    }
    this.#inlet.deliver(chunk);
  }

  /** The socket broke; it is going, or the timer sees to it. */
  broke(error: Error | undefined): void {
    if (error !== undefined) this.#inlet.end(this.#closing ? undefined : error);
    this.#startCloseTimer();
  }

  /** The socket is gone. */
  gone(code: number, reason: string): void {
    clearTimeout(this.#closeTimer);
    this.#inlet.end(this.#closing ? undefined : closeError(code, reason));
    this.#gone.resolve();
  }

  #pause(): void {
    if (this.#closing) return;
    this.#inlet.pause();
    this.#socket?.pause?.();
  }

  #resume(): void {
    this.#inlet.resume();
    if (this.#inlet.started) this.#socket?.resume?.();
  }

  #startCloseTimer(): void {
    this.#closeTimer ??= setTimeout(() => this.#cutOff(), this.#closeTimeout);
  }

  #cutOff(): void {
    const unsent = this.buffered;
    if (!this.#closing) this.#inlet.end(new Error("the WebSocket broke, the platform gives no reason"));
    else if (unsent === 0) this.#inlet.end();
    else this.#inlet.end(new Error(`the peer did not take the last ${unsent} bytes within ${this.#closeTimeout} ms`));
    this.#socket?.drop();
  }
}
