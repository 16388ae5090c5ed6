/** Where a client meets the adapters: a target's scheme chooses one. */
import { tcp } from "#tcp";
import type { TcpOptions } from "./adapters/tcp-target.js";
import { type WebSocketOptions, webSocket } from "./adapters/websocket.js";
import { BaseClient } from "./client/client.js";
import type { NamedDial } from "./client/reconnecting/named-dial.js";
import type { ClientOptions } from "./client/options/options.js";
import { readUrl } from "./internal/read-url.js";
import { VERSIONS, subprotocolsOf } from "./protocol/index.js";
import type { Dial, Transport } from "./transport.js";

/**
 * Whom to connect to: a URL, or a function that is asked at each attempt to connect, for a URL or for a transport (then it is a
 * dial of one's own). `ws:` and `wss:` URLs go over WebSocket; `stomp:` (`tcp:`) and `stomp+ssl:` (`ssl:`) URLs over TCP and
 * TLS, where the platform has them.
 */
export type Target = string | URL | TargetFunction;

/** Is asked for a URL or a transport at each attempt to connect. It should give up when the signal is aborted. */
export type TargetFunction = (
  signal: AbortSignal,
) => string | URL | Transport | Promise<string | URL | Transport> | Promise<string | URL> | Promise<Transport>;

/** Options of a {@link Client}. */
export interface ConnectOptions extends ClientOptions {
  /** For a WebSocket target: headers and agent of the handshake (Node), subprotocols, a constructor of one's own. */
  readonly webSocket?: WebSocketOptions;
  /** For a TCP target: keep-alive, local address. */
  readonly tcp?: TcpOptions;
  /** For a `stomp+ssl:` or (in Node) `wss:` target: `ca`, `cert`, `key`, `passphrase`, `servername`, as Node's `tls.connect` has them. */
  readonly tls?: WebSocketOptions["tls"];
}

/**
 * A STOMP client. It is there before its connection is: subscriptions can be made, and its state be shown, while the
 * broker is still down.
 *
 *     const client = new Client("wss://broker.example/ws", { login, passcode });
 *     client.onStatus((status) => …);
 *     await client.connect();
 */
export class Client extends BaseClient {
  /**
   * @param target Whom to connect to; of several, `targetOrder` says in which order they are tried.
   * @throws TypeError or RangeError for a wrong target or option, before anything is opened.
   */
  constructor(target: Target | readonly Target[], options: ConnectOptions = {}) {
    const targets: readonly Target[] = isList(target) ? target : [target];
    super(
      targets.map((one) => namedDialOf(one, options)),
      options,
    );
  }
}

/**
 * Make a client and connect it. Rejects with ConnectError when no session comes about, with `signal.reason`, and with
 * TypeError or RangeError for a wrong target or option.
 */
export async function connect(
  target: Target | readonly Target[],
  options: ConnectOptions & { readonly signal?: AbortSignal } = {},
): Promise<Client> {
  const { signal } = options;
  const client = new Client(target, options);
  await client.connect(signal === undefined ? {} : { signal });
  return client;
}

function isList(target: Target | readonly Target[]): target is readonly Target[] {
  return Array.isArray(target);
}

function namedDialOf(target: Target, options: ConnectOptions): NamedDial {
  if (typeof target === "function")
    return { name: "the broker", dial: (signal) => dialAnswer(target, options, signal) };
  const url = readUrl(target);
  return { name: nameOf(url), dial: dialOf(url, options) };
}

async function dialAnswer(target: TargetFunction, options: ConnectOptions, signal: AbortSignal): Promise<Transport> {
  const answer = await target(signal);
  if (typeof answer !== "string" && !(answer instanceof URL)) return answer;
  return dialOf(readUrl(answer), options)(signal);
}

function dialOf(url: URL, options: ConnectOptions): Dial {
  const tls = options.tls === undefined ? {} : { tls: options.tls };
  switch (url.protocol) {
    case "ws:":
    case "wss:": {
      const protocols = subprotocolsOf(options.versions ?? VERSIONS);
      return webSocket(url, { protocols, ...tls, ...options.webSocket });
    }
    case "stomp:":
    case "tcp:":
    case "stomp+ssl:":
    case "ssl:":
      return tcp(url, { ...tls, ...options.tcp });
    default:
      throw new TypeError(`target has the scheme ${url.protocol}, known are ws: wss: stomp: stomp+ssl: tcp: ssl:`);
  }
}

/** A URL without what may be a secret. */
function nameOf(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname === "/" ? "" : url.pathname}`;
}
