/** STOMP over WebSocket, on every platform. */
import { openWebSocket, preparePlatform } from "#websocket";
import { deferred } from "../internal/deferred.js";
import { Inlet } from "../internal/inlet.js";
import type { Dial, Transport, TransportSink } from "../transport.js";
import { closeError, openError, subprotocolError } from "./websocket-errors.js";
import { type WebSocketLike, wrapWebSocket } from "./websocket-like.js";
import { readWebSocketRequest, type WebSocketOptions, type WebSocketRequest } from "./websocket-options.js";
import type { PlatformEvents, PlatformSocket } from "./websocket-platform.js";

export type { TlsOptions } from "./tls-options.js";
export type { WebSocketLike } from "./websocket-like.js";
export type { WebSocketOptions } from "./websocket-options.js";

/**
 * Dial a broker over WebSocket: `ws://host:15674/ws`, `wss://host/ws`. The dial rejects with a {@link ConnectError} whose `cause`
 * is what the platform tells, which in browsers is nothing.
 *
 * @throws TypeError or RangeError for a wrong URL or option, before anything is opened.
 */
export function webSocket(url: string | URL, options: WebSocketOptions = {}): Dial {
  const request = readWebSocketRequest(url, options);
  const prepared = preparePlatform(request);
  const { factory } = options;
  const open: Opener =
    factory === undefined
      ? (events) => openWebSocket(request, prepared, events)
      : (events) => wrapWebSocket(made(factory, request), request.peer, events);
  return (signal) => dial(open, request, signal);
}

/** Begin to open a socket; throws what goes wrong at once. */
type Opener = (events: PlatformEvents) => PlatformSocket;

function made(
  factory: NonNullable<WebSocketOptions["factory"]>,
  { url, peer, protocols }: WebSocketRequest,
): WebSocketLike {
  let socket: WebSocketLike;
  try {
    socket = factory(url, protocols);
  } catch (cause) {
    throw openError(peer, `the factory failed: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
  if (typeof socket?.send !== "function") throw openError(peer, "what the factory made is no WebSocket");
  return socket;
}

function dial(open: Opener, request: WebSocketRequest, signal: AbortSignal): Promise<Transport> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const transport = new WebSocketTransport(request);
    const socket = open({
      opened: (protocol) => {
        const error = subprotocolError(request, protocol);
        if (error === undefined) {
          signal.removeEventListener("abort", onAbort);
          resolve(transport);
        } else {
          fail(error);
        }
      },
      failed: fail,
      message: (chunk) => transport.receive(chunk),
      broke: (error) => transport.broke(error),
      gone: (code, reason) => transport.gone(code, reason),
    });
    transport.attach(socket);
    signal.addEventListener("abort", onAbort);
    // A factory is the caller's code, and may have aborted.
    if (signal.aborted) onAbort();

    function onAbort(): void {
      fail(signal.reason);
    }
    function fail(reason: unknown): void {
      signal.removeEventListener("abort", onAbort);
      reject(reason);
      socket.drop();
    }
  });
}

class WebSocketTransport implements Transport {
  readonly kind = "messages";
  readonly peer: string;
  /** Absent where the platform cannot hold the peer back. */
  pause?: () => void;
  resume?: () => void;
  readonly #closeTimeout: number;
  readonly #inlet = new Inlet<Uint8Array | string>();
  readonly #gone = deferred();
  #socket: PlatformSocket | undefined;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  #paused = false;
  #closing = false;

  constructor({ peer, closeTimeout }: WebSocketRequest) {
    this.peer = peer;
    this.#closeTimeout = closeTimeout;
  }

  get buffered(): number {
    return this.#inlet.ended ? 0 : (this.#socket?.buffered ?? 0);
  }

  attach(socket: PlatformSocket): void {
    this.#socket = socket;
    if (socket.pause === undefined) return;
    this.pause = () => this.#pause();
    this.resume = () => this.#resume();
  }

  start(sink: TransportSink): void {
    this.#inlet.start(sink);
    if (!this.#paused) this.#socket?.resume?.();
  }

  send(chunk: Uint8Array | string): void {
    if (!this.#closing && !this.#inlet.ended) this.#socket?.send(chunk);
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
      this.#resume();
      this.#socket?.resume?.();
    }
    return this.#gone.promise;
  }

  abort(reason: Error): void {
    this.#inlet.abort(reason);
    this.#socket?.drop();
  }

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

  gone(code: number, reason: string): void {
    clearTimeout(this.#closeTimer);
    this.#inlet.end(this.#closing ? undefined : closeError(code, reason));
    this.#gone.resolve();
  }

  #pause(): void {
    if (this.#closing) return;
    this.#paused = true;
    this.#inlet.pause();
    this.#socket?.pause?.();
  }

  #resume(): void {
    this.#paused = false;
    this.#inlet.resume();
    if (this.#inlet.started) this.#socket?.resume?.();
  }

  #startCloseTimer(): void {
    this.#closeTimer ??= setTimeout(() => this.#cutOff(), this.#closeTimeout);
  }

  #cutOff(): void {
    const unsent = this.buffered;
    const timeout = `within ${this.#closeTimeout} ms`;
    if (!this.#closing) this.#inlet.end(new Error("the WebSocket broke, and the platform does not tell why"));
    else
      this.#inlet.end(
        unsent === 0 ? undefined : new Error(`the peer did not take the last ${unsent} octets ${timeout}`),
      );
    this.#socket?.drop();
  }
}
