/** STOMP over TCP and TLS, and over Unix domain sockets, in Node. */
import { connect as connectSocket, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { adviceOn } from "../internal/dial-advice.js";
import { dialError } from "../internal/dial-error.js";
import { onAbort } from "../internal/on-abort.js";
import type { Dial, Transport } from "../transport.js";
import { secured } from "./secure-context.js";
import { readTcpTarget, type TcpAddress, type TcpOptions, type TcpTarget } from "./tcp-target.js";
import { TcpTransport } from "./tcp-transport.js";
import type { TlsOptions } from "./tls-options.js";

export type { TcpAddress, TcpOptions } from "./tcp-target.js";

/**
 * Dial a broker over TCP: `stomp://host:61613` (or `tcp:`), over TLS: `stomp+ssl://host:61614` (or `ssl:`), or an address in parts.
 * The dial rejects with a {@link ConnectError} whose `cause` is Node's error.
 *
 * @throws TypeError or RangeError for a wrong URL or option, before anything is opened.
 */
export function tcp(target: string | URL | TcpAddress, options: TcpOptions = {}): Dial {
  const checked = readTcpTarget(target, options);
  const open = checked.tls === undefined ? plainOpener(checked) : tlsOpener(checked, checked.tls);
  return (signal) => dial(open, checked, signal);
}

/** Begin to open a socket; `ready` is called once data can be written. */
type Opener = (ready: () => void) => Socket;

function plainOpener({ address, options }: TcpTarget): Opener {
  const socketOptions = { ...address, ...socketOptionsOf(options) };
  return (ready) => connectSocket(socketOptions, ready);
}

function tlsOpener({ address, options }: TcpTarget, tls: TlsOptions): Opener {
  // RFC 6066, 3: literal IPv4 and IPv6 addresses are not permitted in the server name indication.
  const servername = "host" in address && isIP(address.host) === 0 ? { servername: address.host } : {};
  const socketOptions = { ...servername, ...secured(tls), ...address, ...socketOptionsOf(options) };
  return (ready) => connectTls(socketOptions, ready);
}

function socketOptionsOf({ localAddress, family }: TcpOptions): Pick<TcpOptions, "localAddress" | "family"> {
  return {
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(family === undefined ? {} : { family }),
  };
}

function dial(open: Opener, target: TcpTarget, signal: AbortSignal): Promise<Transport> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = open(() => {
      settle();
      resolve(new TcpTransport(socket, target));
    });
    socket.on("error", onError);
    socket.on("close", onClose);
    const unlisten = onAbort(signal, () => {
      fail(signal.reason);
    });
    // A frame is written whole, so waiting for more (Nagle) only adds the peer's delayed ACK to each round trip.
    socket.setNoDelay(true);
    if (target.options.keepAlive !== undefined) socket.setKeepAlive(true, target.options.keepAlive);

    function onError(cause: Error): void {
      fail(dialError({ peer: target.peer, service: "STOMP" }, cause, adviceOn));
    }
    function onClose(): void {
      onError(new Error("the socket was closed"));
    }
    function fail(reason: unknown): void {
      settle();
      // Destroying a socket in the middle of its opening may still report an error: there is nobody left to tell.
      socket.on("error", () => undefined);
      socket.destroy();
      reject(reason);
    }
    function settle(): void {
      socket.off("error", onError);
      socket.off("close", onClose);
      unlisten();
    }
  });
}
