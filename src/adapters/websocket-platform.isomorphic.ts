/** WebSockets by way of isomorphic-ws, whose browser variant goes into the single browser file. */
import WebSocketOfPlatform from "isomorphic-ws";
import { openError } from "../internal/dial-error.js";
import { LikeSocket, constructionError, type WebSocketLike } from "./websocket-like.js";
import type { WebSocketOptions, WebSocketRequest } from "./websocket-options.js";
import type { PlatformEvents, PlatformSocket } from "./websocket-platform.js";

export { adviceOn, preparePlatform } from "./websocket-platform.web.js";

/** Open a WebSocket. Throws, or reports to `events`, a ConnectError if it cannot be opened. */
export function openWebSocket(
  request: WebSocketRequest,
  _prepared: WebSocketOptions,
  events: PlatformEvents,
): PlatformSocket {
  const { url, peer, protocols } = request;
  // The types of isomorphic-ws are those of `ws`, but its browser variant is the native constructor, or null where there is none.
  const constructor = WebSocketOfPlatform as unknown as
    (new (url: string, protocols: string[]) => WebSocketLike) | null;
  if (constructor === null) {
    throw openError(peer, "this platform has no WebSocket; give the option factory");
  }
  try {
    return new LikeSocket(new constructor(url, [...protocols]), peer, events);
  } catch (cause) {
    throw constructionError(peer, cause);
  }
}
