/** Sockets with the interface that browsers have: the native one, or one that a caller's factory makes. */
import type { ConnectError } from "../errors.js";
import { type Deferred, deferred } from "../internal/deferred.js";
import { type DialAdvice, dialError, openError } from "../internal/dial-error.js";
import { closeError } from "./websocket-errors.js";
import type { PlatformEvents, PlatformSocket } from "./websocket-platform.js";

/** As much of the interface of a browser's WebSocket as is needed; `never` lets every typing of the events fit. */
export interface WebSocketLike {
  /** 0: connecting, 1: open, 2: closing, 3: closed. */
  readonly readyState: number;
  /** The subprotocol that the server chose; some implementations leave it out. */
  readonly protocol?: string | null;
  /** Octets that were sent and are not written yet; some implementations leave it out. */
  readonly bufferedAmount?: number;
  /** Absent where only text is carried (SockJS). */
  binaryType?: string;
  /** Called when the connection is open. */
  onopen: ((event: never) => void) | null;
  /** Called with each message. */
  onmessage: ((event: never) => void) | null;
  /** Called when something went wrong; the close follows. */
  onerror: ((event: never) => void) | null;
  /** Called once at the end. */
  onclose: ((event: never) => void) | null;
  /** Send a message. */
  send(data: string | Uint8Array<ArrayBuffer>): void;
  /** Close the connection. */
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

/** What the events tell; nothing is relied on, since not every implementation is complete. */
interface LikeEvent {
  readonly data?: unknown;
  readonly code?: number;
  readonly reason?: string;
  readonly message?: unknown;
  readonly error?: unknown;
}

/** Make the error of a socket that could not even be made: a page served over https may not open a ws: URL. */
export function constructionError(peer: string, cause: unknown): ConnectError {
  // Not in the platform's words: browsers name the URL in it, with its query.
  const forbidden = cause instanceof Error && cause.name === "SecurityError";
  return openError(
    peer,
    forbidden ? "SecurityError; a page served over https may only use wss:" : "the platform refuses to",
    cause,
  );
}

/** Gives a socket with the interface of browsers the interface of platforms. */
export class LikeSocket implements PlatformSocket {
  readonly #socket: WebSocketLike;
  readonly #peer: string;
  readonly #events: PlatformEvents;
  readonly #advise: DialAdvice | undefined;
  /** Such a socket would send the names of the octets, or worse. */
  readonly textOnly: boolean;
  #state: "opening" | "open" | "gone" = "opening";
  #drained: Deferred<void> | undefined;
  #poll: ReturnType<typeof setTimeout> | undefined;

  /** `peer` and `advise` are for error messages. */
  constructor(socket: WebSocketLike, peer: string, events: PlatformEvents, advise?: DialAdvice) {
    this.#socket = socket;
    this.#advise = advise;
    this.#peer = peer;
    this.#events = events;
    this.textOnly = !("binaryType" in socket);
    // Before anything can arrive: the default is Blob on most platforms, which can only be read asynchronously.
    if (!this.textOnly) socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#opened();
    socket.onmessage = (event: LikeEvent) => this.#received(event.data);
    socket.onerror = (event?: LikeEvent) => this.#failed(event);
    socket.onclose = (event?: LikeEvent) => this.#closed(event?.code ?? 0, event?.reason ?? "");
    // A factory's socket may be past its events already.
    if (socket.readyState === OPEN) queueMicrotask(() => this.#opened());
    else if (socket.readyState !== CONNECTING) queueMicrotask(() => this.#failed(undefined));
  }

  get buffered(): number {
    return this.#state === "gone" ? 0 : (this.#socket.bufferedAmount ?? 0);
  }

  get isClosing(): boolean {
    return this.#isClosing();
  }

  send(chunk: Uint8Array | string): void {
    const message = this.textOnly && typeof chunk !== "string" ? utf8Of(chunk) : chunk;
    if (message === undefined) {
      this.#break("the body is not UTF-8, and this transport carries text only");
      return;
    }
    try {
      // Sockets take views of any memory but shared memory, which is never handed to them.
      this.#socket.send(message as string | Uint8Array<ArrayBuffer>);
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
    this.#cut();
    if (opened) this.#events.gone(1006, "");
  }

  #isClosing(): boolean {
    const isClosing = this.#socket.readyState > OPEN;
    if (isClosing) this.#events.broke(); // the end itself may be long in coming
    return isClosing;
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
    else this.#break("binary messages have an unknown type");
  }

  #failed(event: LikeEvent | undefined): void {
    // Node 22 fires only this, and no `close`, when a socket cannot be opened.
    if (this.#state === "opening") this.#fail(described(event), event);
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

  #fail(told: string, event?: LikeEvent): void {
    this.#cut();
    this.#events.failed(failure(this.#peer, told, event, this.#advise));
  }

  /** Give the open socket up, for a reason that is ours. */
  #break(why: string): void {
    this.#events.broke(new Error(why));
    this.drop();
  }

  #cut(): void {
    this.#detach();
    try {
      // Platforms without `terminate` close in the background; that takes up to 40 s, and nobody waits for it.
      if (this.#socket.terminate === undefined) this.#socket.close();
      else this.#socket.terminate();
    } catch {
      // There is nothing left to drop.
    }
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
    this.#isClosing();
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
function described(event: LikeEvent | undefined): string {
  if (typeof event?.message === "string" && event.message !== "") return event.message;
  return event?.error instanceof Error ? event.error.message : "";
}

function failure(
  peer: string,
  told: string,
  event: LikeEvent | undefined,
  advise: DialAdvice | undefined,
): ConnectError {
  const cause = event?.error instanceof Error ? event.error : event;
  // `ws`, made by a factory, tells as much as Node does.
  if (cause instanceof Error && "code" in cause) return dialError({ peer, service: "WebSocket" }, cause, advise);
  const reason = told === "" ? "the platform gives no reason (a browser's console may)" : told;
  const certificate = peer.startsWith("wss:") ? ", is its certificate trusted" : "";
  return openError(
    peer,
    `${reason}; is the broker running, is this its WebSocket port and path (RabbitMQ: /ws), ` +
      `and may this origin connect${certificate}?`,
    cause,
  );
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function utf8Of(octets: Uint8Array): string | undefined {
  try {
    return decoder.decode(octets);
  } catch {
    return undefined;
  }
}
