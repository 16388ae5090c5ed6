/** STOMP over TCP and TLS, and over Unix domain sockets, in Node. */
import { connect as connectSocket, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type Deferred, deferred } from "../internal/deferred.js";
import { dialError } from "../internal/dial-error.js";
import { Inlet } from "../internal/inlet.js";
import type { Dial, Transport, TransportSink } from "../transport.js";
import { secured } from "./secure-context.js";
import { readTcpTarget, type TcpAddress, type TcpOptions, type TcpTarget } from "./tcp-target.js";
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
    signal.addEventListener("abort", onAbort);
    // A frame is written whole, so waiting for more (Nagle) only adds the peer's delayed ACK to each round trip.
    socket.setNoDelay(true);
    if (target.options.keepAlive !== undefined) socket.setKeepAlive(true, target.options.keepAlive);

    function onError(cause: Error): void {
      fail(dialError({ peer: target.peer, service: "STOMP" }, cause));
    }
    function onClose(): void {
      onError(new Error("the socket was closed"));
    }
    function onAbort(): void {
      fail(signal.reason);
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
      signal.removeEventListener("abort", onAbort);
    }
  });
}

class TcpTransport implements Transport {
  readonly kind = "stream";
  readonly peer: string;
  readonly #socket: Socket;
  readonly #closeTimeout: number;
  readonly #inlet = new Inlet<Uint8Array>();
  readonly #gone = deferred();
  #drained: Deferred<void> | undefined;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  #corked = false;
  #paused = false;
  #closing = false;
  #error: Error | undefined;
  readonly #uncork = (): void => {
    this.#corked = false;
    this.#socket.uncork();
  };

  constructor(socket: Socket, { peer, closeTimeout }: TcpTarget) {
    this.peer = peer;
    this.#socket = socket;
    this.#closeTimeout = closeTimeout;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("drain", () => this.#settleDrained());
    socket.on("error", (error) => (this.#error = error));
    socket.on("end", () => this.#peerEnded());
    socket.on("close", () => this.#closed());
  }

  get buffered(): number {
    return this.#inlet.ended ? 0 : this.#socket.writableLength;
  }

  start(sink: TransportSink): void {
    this.#inlet.start(sink);
    if (!this.#paused) this.#socket.resume();
  }

  send(chunk: Uint8Array | string): void {
    if (this.#closing || this.#inlet.ended) return;
    // The writes of one turn of the event loop share a system call; a lone one goes when the current callback is done.
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(this.#uncork);
    }
    this.#socket.write(chunk);
  }

  drained(): Promise<void> {
    if (!this.#socket.writableNeedDrain || this.#inlet.ended) return Promise.resolve();
    this.#drained ??= deferred();
    return this.#drained.promise;
  }

  pause(): void {
    if (this.#closing) return;
    this.#paused = true;
    this.#inlet.pause();
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#inlet.resume();
    if (this.#inlet.started) this.#socket.resume();
  }

  close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      this.#closeTimer = setTimeout(() => this.#cutOff(), this.#closeTimeout);
      this.#socket.end();
      // The peer's end comes behind what it has sent before, so that must be read.
      this.resume();
      this.#socket.resume();
    }
    return this.#gone.promise;
  }

  abort(reason: Error): void {
    this.#socket.destroy();
    this.#inlet.abort(reason);
  }

  #receive(chunk: Uint8Array): void {
    if (!this.#inlet.started) {
      // Nobody listens yet: keep the first chunk and let the peer wait with the rest. After `close` nobody ever will.
      if (this.#closing) return;
      this.#socket.pause();
    }
    this.#inlet.deliver(chunk);
  }

  #peerEnded(): void {
    this.#inlet.end();
    // Node ends our side too; the peer gets as long as in a close of our own to take what is buffered.
    void this.close();
  }

  #cutOff(): void {
    const unsent = this.#socket.writableLength;
    this.#inlet.end(
      unsent === 0
        ? undefined
        : new Error(`the peer did not take the last ${unsent} octets within ${this.#closeTimeout} ms`),
    );
    this.#socket.destroy();
  }

  #closed(): void {
    clearTimeout(this.#closeTimer);
    this.#inlet.end(this.#closing && this.#socket.writableFinished ? undefined : this.#error);
    this.#settleDrained();
    this.#gone.resolve();
  }

  #settleDrained(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
  }
}
