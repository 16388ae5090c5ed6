/** How to open a WebSocket: the options of `webSocket`, checked. */
import { checkFunction } from "../internal/checks.js";
import { checkDuration } from "../internal/duration.js";
import { readUrl } from "../internal/read-url.js";
import type { TlsOptions } from "./tls-options.js";
import type { WebSocketLike } from "./websocket-like.js";

/** Options of {@link webSocket}. */
export interface WebSocketOptions {
  /**
   * The subprotocols to offer, the preferred one first; `[]` offers none. A server that chooses one that was not offered
   * is refused.
   *
   * @default ["v12.stomp", "v11.stomp", "v10.stomp"]
   */
  readonly protocols?: readonly string[];
  /** Headers of the handshake. Only in Node: browsers do not let pages set them. */
  readonly headers?: Readonly<Record<string, string>>;
  /** An `http.Agent` or `https.Agent`, to go through a proxy. Only in Node. */
  readonly agent?: object;
  /** Options of TLS for a `wss:` URL. Only in Node: browsers have their own trust store. */
  readonly tls?: TlsOptions;
  /**
   * Make the socket instead of the platform: SockJS, or anything that looks like a WebSocket. It may be still
   * connecting or open already. The options that are for Node only have no meaning then.
   */
  readonly factory?: (url: string, protocols: readonly string[]) => WebSocketLike;
  /**
   * How long the end of the connection may take once one side has said that it closes, in ms; the platforms' own limits are up to 40 s.
   * @default 2000
   */
  readonly closeTimeout?: number;
  /**
   * The platform's text messages end at the first NUL (React Native): send binary messages only, and put back the NUL
   * that what arrives has lost. ActiveMQ takes no binary messages.
   * @default false
   */
  readonly cutsAtNul?: boolean;
  /** Offer compression of messages (permessage-deflate). Only Node has the choice. @default false */
  readonly perMessageDeflate?: boolean;
  /**
   * Octets of a message that are accepted; a larger one ends the connection before it is read. Only Node has the choice.
   *
   * @default 135266304: the largest frame that the default limits of the decoder let through
   */
  readonly maxMessageSize?: number;
}

/** What to open: options that were checked and filled in. */
export interface WebSocketRequest {
  readonly url: string;
  /** The URL without credentials, query and fragment, for messages. */
  readonly peer: string;
  readonly protocols: readonly string[];
  readonly closeTimeout: number;
  readonly options: WebSocketOptions;
}

const DEFAULT_PROTOCOLS: readonly string[] = ["v12.stomp", "v11.stomp", "v10.stomp"];

/** RFC 6455, 4.1: a subprotocol is a token as HTTP has it. */
const TOKEN = /^[!#$%&'*+\-.0-9A-Z^_`a-z|~]+$/;

/**
 * Check and fill in what {@link webSocket} is given.
 *
 * @throws TypeError or RangeError that names what is wrong; never with what may be a credential.
 */
export function readWebSocketRequest(url: string | URL, options: WebSocketOptions): WebSocketRequest {
  const { href, protocol, host, pathname } = readWebSocketUrl(url);
  const { factory, closeTimeout = 2000 } = options;
  const protocols: readonly string[] = options.protocols ?? DEFAULT_PROTOCOLS;
  if (!isArray(protocols) || new Set(protocols).size < protocols.length || !protocols.every(isToken)) {
    throw new TypeError(`protocols must be an array of different names, not ${JSON.stringify(protocols)}`);
  }
  checkFunction("factory", factory);
  if (options.tls !== undefined && protocol === "ws:") throw new TypeError("tls is for wss: URLs, this one has ws:");
  return {
    url: href,
    peer: `${protocol}//${host}${pathname}`,
    protocols: [...protocols],
    closeTimeout: checkDuration("closeTimeout", closeTimeout),
    options,
  };
}

function isArray(value: unknown): boolean {
  return Array.isArray(value);
}

function isToken(name: unknown): boolean {
  return typeof name === "string" && TOKEN.test(name);
}

function readWebSocketUrl(target: string | URL): URL {
  const url = readUrl(target);
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw new TypeError(`the URL must have the scheme ws: or wss:, not ${url.protocol}`);
  }
  if (url.hash !== "") throw new TypeError("the URL must have no fragment (#…)");
  return url;
}
