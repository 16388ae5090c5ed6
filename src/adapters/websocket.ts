/** STOMP over WebSocket, on every platform. */
import { adviceOn, openWebSocket, preparePlatform } from "#websocket";
import { openError } from "../internal/dial-error.js";
import { messageOf } from "../internal/message-of.js";
import { onAbort } from "../internal/on-abort.js";
import type { Dial, Transport } from "../transport.js";
import { nulSafe } from "./websocket-nul-safe.js";
import { subprotocolError } from "./websocket-errors.js";
import { LikeSocket, type WebSocketLike } from "./websocket-like.js";
import { readWebSocketRequest, type WebSocketOptions, type WebSocketRequest } from "./websocket-options.js";
import type { PlatformEvents, PlatformSocket } from "./websocket-platform.js";
import { WebSocketTransport } from "./websocket-transport.js";

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
      : (events) => new LikeSocket(made(factory, request), request.peer, events, adviceOn);
  if (options.cutsAtNul !== true) return (signal) => dial(open, request, signal);
  return async (signal) => nulSafe(await dial(open, request, signal));
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
    throw openError(peer, `the factory failed: ${messageOf(cause)}`, cause);
  }
  if (typeof socket?.send !== "function") throw openError(peer, "the factory did not return a WebSocket");
  return socket;
}

function dial(open: Opener, request: WebSocketRequest, signal: AbortSignal): Promise<Transport> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const transport = new WebSocketTransport(request);
    let unlisten = (): void => undefined;
    const socket = open({
      opened: (protocol) => {
        const error = subprotocolError(request, protocol);
        if (error === undefined) {
          unlisten();
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
    unlisten = onAbort(signal, () => {
      fail(signal.reason);
    });
    // A factory is the caller's code, and may have aborted.
    if (signal.aborted) fail(signal.reason);

    function fail(reason: unknown): void {
      unlisten();
      reject(reason);
      socket.drop();
    }
  });
}
