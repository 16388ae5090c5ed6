/** WebSockets in Node: `ws`, by way of isomorphic-ws. */
import { type ClientRequest, type IncomingMessage, validateHeaderName, validateHeaderValue } from "node:http";
import type { Duplex } from "node:stream";
import WebSocket from "isomorphic-ws";
import { type Deferred, deferred } from "../internal/deferred.js";
import { adviceOn } from "../internal/dial-advice.js";
import { dialError, openError } from "../internal/dial-error.js";
import { messageOf } from "../internal/message-of.js";
import { streamFlushed } from "../internal/stream-flushed.js";
import { secured } from "./secure-context.js";
import { subprotocolError } from "./websocket-errors.js";
import type { WebSocketOptions, WebSocketRequest } from "./websocket-options.js";
import type { PlatformEvents, PlatformSocket } from "./websocket-platform.js";

export { adviceOn };

/**
 * Check the options that not every platform has, and make those of `ws`.
 *
 * @throws TypeError for TLS options or headers that cannot be used; RangeError for a wrong `maxMessageSize`.
 */
export function preparePlatform({ options, closeTimeout }: WebSocketRequest): WebSocket.ClientOptions {
  const { headers, agent, tls, perMessageDeflate = false } = options;
  return {
    // A server that says that it closes, and leaves the connection open, has as long as in a close of ours. The types lack it.
    ...({ closeTimeout } as object),
    // Only an object: the types of `ws` have an outdated checkServerIdentity. It hands these on to tls.connect.
    ...(tls === undefined ? {} : (secured(tls) as object)),
    ...(headers === undefined ? {} : { headers: checked(headers) }),
    // An http.Agent: typed as an object, since the types of Node are not there in a browser.
    ...(agent === undefined ? {} : { agent: agent as NonNullable<WebSocket.ClientOptions["agent"]> }),
    perMessageDeflate,
    maxPayload: maxMessageSizeOf(options),
    // RabbitMQ wraps binary bodies in text messages; what must be UTF-8 is decided by the decoder.
    skipUTF8Validation: true,
  };
}

/** A body of 128 MiB and a header block of 1 MiB. */
const DEFAULT_MAX_MESSAGE_SIZE = (128 + 1) * 1_048_576;

function maxMessageSizeOf({ maxMessageSize = DEFAULT_MAX_MESSAGE_SIZE }: WebSocketOptions): number {
  if (Number.isSafeInteger(maxMessageSize) && maxMessageSize > 0) return maxMessageSize;
  throw new RangeError(`maxMessageSize must be a positive integer, not ${String(maxMessageSize)}`);
}

function checked(headers: Readonly<Record<string, string>>): Record<string, string> {
  if (typeof headers !== "object" || headers === null) {
    throw new TypeError("headers must be an object of names and values");
  }
  try {
    for (const [name, value] of Object.entries(headers)) {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    }
  } catch (cause) {
    // Node names the header, and not its value, which may be a secret.
    throw new TypeError(`headers cannot be sent: ${messageOf(cause)}`, { cause });
  }
  return { ...headers };
}

/** Open a WebSocket. Throws, or reports to `events`, a ConnectError if it cannot be opened. */
export function openWebSocket(
  request: WebSocketRequest,
  prepared: WebSocket.ClientOptions,
  events: PlatformEvents,
): PlatformSocket {
  try {
    return new NodeSocket(
      new WebSocket(request.url, [...request.protocols], prepared),
      { ...request, maxMessageSize: maxMessageSizeOf(request.options) },
      events,
    );
  } catch (cause) {
    throw dialError({ peer: request.peer, service: "WebSocket" }, cause, adviceOn);
  }
}

/** Take over a WebSocket that a server has accepted. `stream` is what is under it. Texts come as texts, unlike to clients. */
export function acceptWebSocket(
  socket: WebSocket,
  stream: Duplex,
  accepted: Omit<NodeSocketTerms, "protocols" | "textAsText">,
  events: Omit<PlatformEvents, "opened" | "failed">,
): PlatformSocket {
  const nothing = (): void => undefined;
  const node = new NodeSocket(
    socket,
    { ...accepted, protocols: [], textAsText: true },
    { ...events, opened: nothing, failed: nothing },
  );
  node.opened(stream);
  return node;
}

interface NodeSocketTerms extends Pick<WebSocketRequest, "peer" | "protocols"> {
  readonly maxMessageSize: number;
  /** Whether text is handed on as such, and not as its octets. */
  readonly textAsText?: boolean;
}

/** Where messages are compressed, `drained` waits while more octets than this are not written. */
const HIGH_WATER_MARK = 65_536;
/** How often `buffered` is looked at where there is nothing else, in ms. */
const POLL_INTERVAL = 10;

class NodeSocket implements PlatformSocket {
  readonly #socket: WebSocket;
  readonly #request: NodeSocketTerms;
  readonly #events: PlatformEvents;
  #state: "opening" | "open" | "gone" = "opening";
  /** What is under the WebSocket: writes are coalesced there, and it tells when it has room. */
  #stream: Duplex | undefined;
  #corked = false;
  #compresses = false;
  #drained: Deferred<void> | undefined;
  /** How many messages were sent, and are written; counted where messages are compressed, which the stream knows nothing of. */
  #sends = 0;
  #writes = 0;
  #flushes: { readonly sends: number; readonly flushed: Deferred<void> }[] = [];

  constructor(socket: WebSocket, request: NodeSocketTerms, events: PlatformEvents) {
    this.#socket = socket;
    this.#request = request;
    this.#events = events;
    socket.on("upgrade", (response) => this.#upgraded(response));
    socket.on("unexpected-response", (_request: ClientRequest, response) => this.#refused(response));
    socket.on("open", () => {
      if (this.#state !== "opening") return;
      this.opened();
      events.opened(socket.protocol);
    });
    // `ws` delivers one Buffer with binaryType "nodebuffer", its default; text as well as binary.
    socket.on("message", (data, isBinary) => {
      const octets = data as Buffer;
      events.message(request.textAsText === true && !isBinary ? octets.toString() : octets);
    });
    socket.on("error", (error) => this.#failed(error));
    socket.on("close", (code, reason) => this.#closed(code, reason.toString()));
  }

  /** The handshake is done. `stream` is what is under it, unless the handshake told. */
  opened(stream?: Duplex): void {
    this.#state = "open";
    this.#compresses = this.#socket.extensions !== "";
    if (stream !== undefined) this.#carriedBy(stream);
  }

  get buffered(): number {
    return this.#state === "gone" ? 0 : this.#socket.bufferedAmount;
  }

  get isClosing(): boolean {
    return this.#socket.readyState > this.#socket.OPEN;
  }

  send(chunk: Uint8Array | string): void {
    // Each message stays a frame of its own, but the frames of one turn of the event loop share a system call.
    if (!this.#corked && this.#stream !== undefined) {
      this.#corked = true;
      this.#stream.cork();
      process.nextTick(this.#uncork, this.#stream);
    }
    if (this.#compresses) {
      this.#sends++;
      this.#socket.send(chunk, this.#written);
    } else this.#socket.send(chunk);
  }

  drained(): Promise<void> {
    // What is still to be compressed is not in the stream yet.
    const busy = this.#compresses ? this.buffered > HIGH_WATER_MARK : this.#stream?.writableNeedDrain === true;
    if (this.#state === "gone" || !busy) return Promise.resolve();
    this.#drained ??= deferred();
    return this.#drained.promise;
  }

  async flushed(): Promise<void> {
    if (this.#compresses) {
      const flushed = deferred();
      this.#flushes.push({ sends: this.#sends, flushed });
      this.#settleFlushed();
      await flushed.promise;
    } else if (this.#stream !== undefined) {
      await streamFlushed(this.#stream);
    } else {
      while (this.buffered > 0) {
        await new Promise((resolve) => {
          setTimeout(resolve, POLL_INTERVAL);
        });
      }
    }
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.close(1000);
  }

  drop(): void {
    if (this.#state === "opening") this.#state = "gone";
    this.#socket.terminate();
  }

  readonly #written = (): void => {
    this.#writes++;
    this.#settleFlushed();
    if (this.buffered <= HIGH_WATER_MARK) this.#settleDrained();
  };

  readonly #uncork = (stream: Duplex): void => {
    this.#corked = false;
    stream.uncork();
  };

  #upgraded(response: IncomingMessage): void {
    if (this.#state !== "opening") return;
    // `ws` refuses both of these as well, but with errors that have no code.
    const chosen = response.headers["sec-websocket-protocol"] ?? "";
    const mismatch = subprotocolError(this.#request, chosen);
    if (mismatch !== undefined) {
      this.#fail(mismatch);
      return;
    }
    const { peer, protocols } = this.#request;
    if (chosen === "" && protocols.length > 0) {
      const reason = `the server chose none of the subprotocols ${protocols.join(", ")}; if it speaks STOMP all the same, pass protocols: []`;
      this.#fail(openError(peer, reason));
      return;
    }
    // Bun has a `ws` of its own, which does not show what is under it.
    const stream: Duplex | null = response.socket;
    if (stream !== null) this.#carriedBy(stream);
  }

  #carriedBy(stream: Duplex): void {
    this.#stream = stream;
    const drained = (): void => {
      if (!this.#compresses) this.#settleDrained();
    };
    stream.on("drain", drained);
    stream.on("finish", drained); // after `end` there is no "drain" any more
  }

  #refused(response: IncomingMessage): void {
    if (this.#state !== "opening") return;
    const { statusCode = 0, statusMessage = "" } = response;
    const status = `${statusCode} ${statusMessage}`.trim();
    const reason = `the server answered ${status} instead of opening a WebSocket; ${adviceOnStatus(statusCode)}`;
    this.#fail(openError(this.#request.peer, reason, new Error(`Unexpected server response: ${statusCode}`)));
  }

  /** Give up opening, for a reason that is ours. */
  #fail(error: Error): void {
    this.drop();
    this.#events.failed(error);
  }

  #failed(error: Error): void {
    if (this.#state === "opening") {
      this.#state = "gone";
      this.#events.failed(dialError({ peer: this.#request.peer, service: "WebSocket" }, error, adviceOn));
    } else if (this.#state === "open") {
      this.#events.broke(worded(error, this.#request));
    }
  }

  #closed(code: number, reason: string): void {
    if (this.#state !== "open") return;
    this.#state = "gone";
    this.#settleDrained();
    this.#settleFlushed();
    this.#events.gone(code, reason);
  }

  #settleFlushed(): void {
    while (this.#flushes[0] !== undefined && (this.#state === "gone" || this.#flushes[0].sends <= this.#writes)) {
      this.#flushes.shift()?.flushed.resolve();
    }
  }

  #settleDrained(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
  }
}

function worded(error: Error, { maxMessageSize }: NodeSocketTerms): Error {
  if (!("code" in error) || error.code !== "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") return error;
  return new Error(`a message was too large: maxMessageSize is ${maxMessageSize}`, { cause: error });
}

function adviceOnStatus(status: number): string {
  switch (status) {
    case 401:
    case 407:
      return "it wants credentials in the handshake: pass them in headers, or to the agent of a proxy";
    case 403:
      return "does it allow this origin, and these credentials?";
    case 404:
      return "is the path right? RabbitMQ has /ws";
    default:
      if (status >= 500) return "is the broker behind it running?";
      if (status >= 300 && status < 400)
        return "it redirects, which is not followed: use the address that it redirects to";
      return "does it speak WebSocket at this port and path?";
  }
}
