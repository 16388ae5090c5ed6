/** Serve a broker over TCP and WebSocket, in Node. For development, as the broker itself: whoever reaches the ports is let in. */
import type { TlsOptions } from "node:tls";
import { checkDuration } from "../internal/duration.js";
import type { Broker } from "./broker.js";
import type { Listener } from "./node-listener.js";
import { listenTcp, listenWebSocket } from "./node-ports.js";

/** Options of {@link serve}. */
export interface ServeOptions {
  /** The address to listen at. Others than this machine's own let the network in. @default "127.0.0.1" */
  readonly host?: string;
  /** The port for STOMP over TCP; 0 is a free one, `false` is none. @default 0 */
  readonly tcpPort?: number | false;
  /** The port for STOMP over WebSocket; 0 is a free one, `false` is none. @default 0 */
  readonly wsPort?: number | false;
  /** Options of Node's `tls.createServer`, `cert` and `key` above all: then both ports speak TLS only. @default no TLS */
  readonly tls?: TlsOptions;
  /** How long a client may take to agree to the end of its connection, in ms, before it is cut off. @default 2000 */
  readonly closeTimeout?: number;
  /** Octets of a WebSocket message that are accepted; a larger one ends its connection. @default 135266304 */
  readonly maxMessageSize?: number;
}

/** Where a broker listens. */
export interface Address {
  /** The port. */
  readonly port: number;
  /** What a client connects to: `stomp://127.0.0.1:61613`, `ws://127.0.0.1:15674/ws`; with TLS `stomp+ssl:` and `wss:`. */
  readonly url: string;
}

/** A broker that is being served. */
export interface Served extends AsyncDisposable {
  /** STOMP over TCP; `undefined` if it was turned off. */
  readonly tcp: Address | undefined;
  /** STOMP over WebSocket; `undefined` if it was turned off. The path of the URL is customary: any other does as well. */
  readonly ws: Address | undefined;
  /**
   * Stop listening, and close the connections that came in here; the broker goes on, with what it holds. Resolves when
   * nothing is open any more.
   */
  close(): Promise<void>;
}

/**
 * Serve a broker over TCP and WebSocket: STOMP 1.0, 1.1 and 1.2 over either, one frame a message over the latter.
 *
 *     await using served = await serve(new Broker());
 *     const client = await connect(served.ws?.url ?? "");
 *
 * Rejects with an Error that names the address when it cannot listen there (`cause` is Node's), with TypeError or
 * RangeError for a wrong option; then nothing stays open.
 */
export async function serve(broker: Broker, options: ServeOptions = {}): Promise<Served> {
  const { host = "127.0.0.1", tcpPort = 0, wsPort = 0, tls, maxMessageSize = 135_266_304 } = options;
  if (typeof host !== "string" || host === "") throw new TypeError("host must be a host name or an IP address");
  checkPort("tcpPort", tcpPort);
  checkPort("wsPort", wsPort);
  if (!Number.isSafeInteger(maxMessageSize) || maxMessageSize < 1)
    throw new RangeError(`maxMessageSize must be a positive integer, not ${maxMessageSize}`);
  const closeTimeout = checkDuration("closeTimeout", options.closeTimeout ?? 2000);
  const terms = { broker, host, tls, closeTimeout, maxMessageSize };
  const listeners: Listener[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(listeners.map((listener) => listener.close()));
  };
  const opened = async (opening: Promise<Listener>): Promise<Address> => {
    const listener = await opening;
    listeners.push(listener);
    return { port: listener.port, url: listener.url };
  };
  try {
    const tcp = tcpPort === false ? undefined : await opened(listenTcp(tcpPort, terms));
    const ws = wsPort === false ? undefined : await opened(listenWebSocket(wsPort, terms));
    return { tcp, ws, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

function checkPort(name: string, port: number | false): void {
  if (port !== false && !(Number.isInteger(port) && port >= 0 && port <= 65535))
    throw new RangeError(`${name} must be an integer from 0 to 65535, or false, not ${String(port)}`);
}
