/** Sockets with the interface that browsers have: the native one, or one that a caller's factory makes. */
import type { ConnectError } from "../errors.js";
import { type Deferred, deferred } from "../internal/deferred.js";
import { closeError, openError } from "./websocket-errors.js";
import type { PlatformEvents, PlatformSocket } from "./websocket-platform.js";

/** As much of the interface of a browser's WebSocket as is needed; `never` lets every typing of the events fit. */
export interface WebSocketLike {
  readonly readyState: number;
  /** The subprotocol that the server chose; some implementations leave it out. */
  readonly protocol?: string | null;
  readonly bufferedAmount?: number;
  binaryType?: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  /** Drop the connection at once, where an implementation can. */
  terminate?(): void;
}

const CONNECTING = 0;
const OPEN = 1;

/** `drained` waits above the first of these, until `buffered` is not above the second. */
const HIGH_WATER_MARK = 65_536;
const LOW_WATER_MARK = 16_384;

/** There is no event for it, so `bufferedAmount` is looked at this often, in ms, while somebody waits. */
const POLL_INTERVAL = 10;

/** Give a socket with the interface of browsers the one of platforms. `peer` is for messages. */
export function wrapWebSocket(socket: WebSocketLike, peer: string, events: PlatformEvents): PlatformSocket {
  return new LikeSocket(socket, peer, events);
}

/** Make the error of a socket that could not even be made: a page served over https may not open a ws: URL. */
export function constructionError(peer: string, cause: unknown): ConnectError {
  // Not in the platform's words: browsers name the URL in it, with its query.
  const forbidden = cause instanceof Error && cause.name === "SecurityError";
  return openError(
    peer,
    forbidden
      ? "it is forbidden here (SecurityError); a page served over https may only use wss:"
      : "the platform refuses to",
    cause,
  );
}

class LikeSocket implements PlatformSocket {
  readonly #socket: WebSocketLike;
  readonly #peer: string;
  readonly #events: PlatformEvents;
  #state: "opening" | "open" | "gone" = "opening";
  #drained: Deferred<void> | undefined;
  #poll: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: WebSocketLike, peer: string, events: PlatformEvents) {
    this.#socket = socket;
    this.#peer = peer;
    this.#events = events;
    // Before anything can arrive: the default is Blob on most platforms, which can only be read asynchronously.
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }: { readonly data: unknown }) => this.#received(data);
    socket.onerror = (event: object) => this.#failed(event);
    socket.onclose = ({ code, reason }: { readonly code?: number; readonly reason?: string }) =>
      this.#closed(code ?? 0, reason ?? "");
    if (socket.readyState === OPEN) queueMicrotask(() => this.#opened());
  }

  get buffered(): number {
    return this.#state === "gone" ? 0 : (this.#socket.bufferedAmount ?? 0);
  }

  send(chunk: Uint8Array | string): void {
    try {
      // Sockets take views of any memory but shared memory, which is never handed to them.
      this.#socket.send(chunk as string | Uint8Array<ArrayBuffer>);
    } catch {
      // Some platforms throw once the socket closes. The end is reported by its own event; what is sent after it is dropped.
    }
  }

  drained(): Promise<void> {
    if (this.buffered <= HIGH_WATER_MARK) return Promise.resolve();
    this.#drained ??= deferred();
    this.#poll ??= setTimeout(this.#look, POLL_INTERVAL);
    return this.#drained.promise;
  }

  close(): void {
    try {
      this.#socket.close(1000);
    } catch {
      // It is closing already, or is a stand-in that takes no code.
      this.drop();
    }
  }

  drop(): void {
    if (this.#state === "gone") return;
    const opened = this.#state === "open";
    this.#detach();
    try {
      // Platforms without `terminate` close in the background; that takes up to 40 s, and nobody waits for it.
      if (this.#socket.terminate === undefined) this.#socket.close();
      else this.#socket.terminate();
    } catch {
      // There is nothing left to drop.
    }
    if (opened) this.#events.gone(1006, "");
  }

  #opened(): void {
    if (this.#state !== "opening") return;
    this.#state = "open";
    this.#events.opened(this.#socket.protocol ?? "");
  }

  #received(data: unknown): void {
    if (typeof data === "string") this.#events.message(data);
    else if (data instanceof ArrayBuffer) this.#events.message(new Uint8Array(data));
    else if (ArrayBuffer.isView(data))
      this.#events.message(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    else
      this.#events.broke(
        new Error("the WebSocket delivers binary messages neither as ArrayBuffer nor as a view of one"),
      );
  }

  #failed(event: object): void {
    // Node 22 fires only this, and no `close`, when a socket cannot be opened.
    if (this.#state === "opening") this.#fail(describe(event), event);
    else if (this.#state === "open") this.#events.broke();
  }

  #closed(code: number, reason: string): void {
    if (this.#state === "opening") {
      // A code that a server gave would tell something; the platforms' own 1006 and 0 do not.
      this.#fail(code === 1006 || code === 0 ? "" : (closeError(code, reason)?.message ?? "it was closed at once"));
    } else if (this.#state === "open") {
      this.#detach();
      this.#events.gone(code, reason);
    }
  }

  #fail(told: string, event?: object): void {
    const connecting = this.#socket.readyState === CONNECTING;
    this.#detach();
    if (connecting) this.#socket.close();
    const secure = this.#peer.startsWith("wss:");
    const reason =
      `${told === "" ? "the browser hides the reason, its console may tell more" : told}; is the broker running, ` +
      "is this its WebSocket port and path (RabbitMQ: /ws), and does it accept this origin and subprotocol" +
      (secure ? ", and is its certificate trusted here?" : "?");
    const cause = event !== undefined && "error" in event && event.error instanceof Error ? event.error : event;
    this.#events.failed(openError(this.#peer, reason, cause));
  }

  /** Take no more events, and let those who wait go. */
  #detach(): void {
    this.#state = "gone";
    this.#socket.onopen = null;
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
    // Not null: `ws` throws for an error that nobody listens to.
    this.#socket.onerror = () => undefined;
    this.#settleDrained();
  }

  readonly #look = (): void => {
    this.#poll = undefined;
    if (this.buffered <= LOW_WATER_MARK) this.#settleDrained();
    else this.#poll = setTimeout(this.#look, POLL_INTERVAL);
  };

  #settleDrained(): void {
    clearTimeout(this.#poll);
    this.#poll = undefined;
    this.#drained?.resolve();
    this.#drained = undefined;
  }
}

/** What an error event tells beyond its being one: browsers nothing, other platforms some words. */
function describe(event: object): string {
  if ("message" in event && typeof event.message === "string" && event.message !== "") return event.message;
  return "error" in event && event.error instanceof Error ? event.error.message : "";
}
