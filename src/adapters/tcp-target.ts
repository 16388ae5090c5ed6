/** Where a TCP connection goes to, and how: the options of `tcp`, checked. */
import { checkDuration } from "../internal/duration.js";
import { readUrl } from "../internal/read-url.js";
import type { TlsOptions } from "./tls-options.js";

/** How to connect, whatever the address. */
export interface TcpOptions {
  /**
   * Options of TLS. With an address `true` asks for TLS with none of them; a URL asks by its scheme.
   *
   * @default false with an address, or what the scheme of the URL says
   */
  readonly tls?: boolean | TlsOptions;
  /** How long `close()` waits for the peer to take what is buffered and to end its side, in ms. @default 2000 */
  readonly closeTimeout?: number;
  /** After how many ms of silence the system begins to probe the connection (SO_KEEPALIVE). @default never */
  readonly keepAlive?: number;
  /** The address of this machine to connect from. @default the system chooses */
  readonly localAddress?: string;
  /** Use only this version of IP. @default both */
  readonly family?: 4 | 6;
}

/** An address in parts, and how to connect to it. */
export interface TcpAddress extends TcpOptions {
  /** A host name or an IP address. @default "localhost" */
  readonly host?: string;
  /** @default 61613, or 61614 with TLS */
  readonly port?: number;
  /** The path of a Unix domain socket (or named pipe), instead of `host` and `port`. */
  readonly path?: string;
}

/** A checked target. */
export interface TcpTarget {
  /** For messages: `stomp://127.0.0.1:61613`. */
  readonly peer: string;
  readonly address: { readonly host: string; readonly port: number } | { readonly path: string };
  readonly tls: TlsOptions | undefined;
  readonly closeTimeout: number;
  readonly options: TcpOptions;
}

/** The schemes of URLs that name a TCP connection, and whether it has TLS. */
const SCHEMES: ReadonlyMap<string, boolean> = new Map([
  ["stomp:", false],
  ["tcp:", false],
  ["stomp+ssl:", true],
  ["ssl:", true],
]);

const DEFAULT_PORT = 61613;
const DEFAULT_TLS_PORT = 61614;

/**
 * Read a target as {@link tcp} takes it.
 *
 * @throws TypeError or RangeError that names what is wrong; never with what may be a credential.
 */
export function readTcpTarget(target: string | URL | TcpAddress, options: TcpOptions): TcpTarget {
  const address =
    typeof target === "string" || target instanceof URL ? readTcpUrl(target, options) : { ...target, ...options };
  const { tls = false, path } = address;
  if (typeof tls !== "boolean" && (typeof tls !== "object" || tls === null)) {
    throw new TypeError("tls must be a boolean or an object of TLS options");
  }
  const rest = {
    tls: tls === false ? undefined : tls === true ? {} : tls,
    closeTimeout: checkDuration("closeTimeout", address.closeTimeout ?? 2000),
    options: address,
  };
  if (address.keepAlive !== undefined) checkDuration("keepAlive", address.keepAlive);
  if (path !== undefined) {
    if (typeof path !== "string" || path === "") throw new TypeError("path must be the path of a socket");
    if (address.host !== undefined || address.port !== undefined) {
      throw new TypeError("path stands instead of host and port: give one or the other");
    }
    return { peer: `unix:${path}`, address: { path }, ...rest };
  }
  const { host = "localhost", port = tls === false ? DEFAULT_PORT : DEFAULT_TLS_PORT } = address;
  if (typeof host !== "string" || host === "") throw new TypeError("host must be a host name or an IP address");
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new RangeError(`port must be an integer from 1 to 65535, not ${String(port)}`);
  }
  const scheme = tls === false ? "stomp" : "stomp+ssl";
  return { peer: `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`, address: { host, port }, ...rest };
}

function readTcpUrl(target: string | URL, options: TcpOptions): TcpAddress {
  const url = readUrl(target);
  const secure = SCHEMES.get(url.protocol);
  if (secure === undefined) {
    throw new TypeError(`a TCP target has the scheme ${[...SCHEMES.keys()].join(" ")} and not ${url.protocol}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new TypeError("credentials in a URL are not sent: give them as login and passcode to the client");
  }
  if (url.hostname === "" || !["", "/"].includes(url.pathname) || url.search !== "" || url.hash !== "") {
    throw new TypeError(`a ${url.protocol} URL has a host, maybe a port, and nothing else`);
  }
  if (options.tls !== undefined && secure !== (options.tls !== false)) {
    throw new TypeError(
      secure
        ? `a ${url.protocol} URL means TLS, so tls cannot be false`
        : `a ${url.protocol} URL means no TLS: for tls use stomp+ssl:`,
    );
  }
  return {
    ...options,
    tls: options.tls ?? secure,
    host: decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, "$1"),
    ...(url.port === "" ? {} : { port: Number(url.port) }),
  };
}
