/** A WebSocket that does what a test tells it, in whatever order: a stand-in for any platform's. */
import { webSocket, type WebSocketLike, type WebSocketOptions } from "../../src/adapters/websocket.js";
import type { Transport } from "../../src/transport.js";
import { never } from "./dialling.js";

/** The events of a WebSocket, as far as any platform fires them. */
export interface FakeEvents {
  open: undefined;
  message: { readonly data: unknown };
  error: { readonly message?: string; readonly error?: unknown } | undefined;
  close: { readonly code?: number; readonly reason?: string } | undefined;
}

/** What sets an implementation apart. */
export interface FakeOptions {
  readonly protocol?: string | null;
  readonly readyState?: number;
  /** Called by `close`; the default does nothing, as a peer that never answers. */
  readonly onClose?: (socket: FakeWebSocket, code: number | undefined) => void;
  /** Called by `send`, before the message is recorded. */
  readonly onSend?: () => void;
}

export class FakeWebSocket implements WebSocketLike {
  readyState: number;
  readonly protocol: string | null;
  bufferedAmount = 0;
  binaryType = "blob";
  onopen: WebSocketLike["onopen"] = null;
  onmessage: WebSocketLike["onmessage"] = null;
  onerror: WebSocketLike["onerror"] = null;
  onclose: WebSocketLike["onclose"] = null;
  readonly sent: (string | Uint8Array)[] = [];
  /** The code of each call of `close`. */
  readonly closes: (number | undefined)[] = [];
  readonly #options: FakeOptions;

  constructor(options: FakeOptions = {}) {
    this.#options = options;
    this.protocol = options.protocol === undefined ? "v12.stomp" : options.protocol;
    this.readyState = options.readyState ?? 0;
  }

  send(data: string | Uint8Array): void {
    this.#options.onSend?.();
    this.sent.push(data);
  }

  close(code?: number): void {
    this.closes.push(code);
    this.#options.onClose?.(this, code);
  }

  /** Fire an event; `never` is what the handlers of {@link WebSocketLike} take, to suit all typings. */
  fire<Name extends keyof FakeEvents>(
    name: Name,
    ...[event]: FakeEvents[Name] extends undefined ? [] : [event?: FakeEvents[Name]]
  ): void {
    if (name === "open") this.readyState = 1;
    if (name === "close") this.readyState = 3;
    this[`on${name}`]?.(event as never);
  }

  /** Whether nobody hears of it any more; an error handler that does nothing may stay. */
  get isForgotten(): boolean {
    return this.onopen === null && this.onmessage === null && this.onclose === null;
  }
}

/** One that can be dropped at once, as those of `ws` and Bun. */
export class TerminableWebSocket extends FakeWebSocket {
  terminations = 0;

  terminate(): void {
    this.terminations += 1;
  }
}

/** A SockJS object: text only, without `binaryType`, and no subprotocol. */
export function fakeSockJs(options: FakeOptions = {}): FakeWebSocket {
  const socket = new FakeWebSocket({ protocol: "", ...options });
  Reflect.deleteProperty(socket, "binaryType");
  return socket;
}

/** Whom {@link dialFake} dials. */
export const FAKE_URL = "ws://broker.example/ws";

/** Dial {@link FAKE_URL} by way of a socket. */
export function dialFake(
  socket: FakeWebSocket,
  signal: AbortSignal = never,
  options: WebSocketOptions = {},
): Promise<Transport> {
  return webSocket(FAKE_URL, { ...options, factory: () => socket })(signal);
}
