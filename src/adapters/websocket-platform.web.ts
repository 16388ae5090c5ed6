/** WebSockets where they are native: browsers, Deno, Bun, workers. */
import { type DialAdvice, openError } from "../internal/dial-error.js";
import { LikeSocket, constructionError } from "./websocket-like.js";
import type { WebSocketOptions, WebSocketRequest } from "./websocket-options.js";
import type { PlatformEvents, PlatformSocket } from "./websocket-platform.js";

/** Errors of these platforms have no codes that say what to do. */
export const adviceOn: DialAdvice | undefined = undefined;

/**
 * Check the options that not every platform has.
 *
 * @throws TypeError for one that is for Node only.
 */
export function preparePlatform({ options }: WebSocketRequest): WebSocketOptions {
  for (const name of ["headers", "agent", "tls"] as const) {
    if (options[name] === undefined || options.factory !== undefined) continue;
    throw new TypeError(`${name} is not for browsers: use headers of CONNECT, the query of the URL, or cookies`);
  }
  return options;
}

/** Open a WebSocket. Throws, or reports to `events`, a ConnectError if it cannot be opened. */
export function openWebSocket(
  request: WebSocketRequest,
  _prepared: WebSocketOptions,
  events: PlatformEvents,
): PlatformSocket {
  const { url, peer, protocols } = request;
  // Looked up at each call: pages replace it (polyfills, test doubles) after this file was read. Node 20 has none.
  const constructor: typeof WebSocket | undefined = globalThis.WebSocket;
  if (constructor === undefined) {
    throw openError(peer, "this platform has no WebSocket; give the option factory");
  }
  try {
    return new LikeSocket(new constructor(url, [...protocols]), peer, events);
  } catch (cause) {
    throw constructionError(peer, cause);
  }
}
