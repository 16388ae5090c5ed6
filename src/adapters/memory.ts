/** Two transports linked to each other in memory: for tests, demonstrations, and a broker in the same process. */
import { type Deferred, deferred } from "../internal/deferred.js";
import { checkDuration } from "../internal/duration.js";
import type { Transport, TransportSink } from "../transport.js";

/** How a {@link memoryPair} carries what is sent. The same holds for both directions. */
export interface MemoryOptions {
  /** `"stream"` delivers octets, as TCP does; `"messages"` keeps messages apart, and text as text. @default "stream" */
  readonly kind?: "stream" | "messages";
  /** How long each chunk, and the end, is on its way, in ms. @default 0: delivered in a microtask */
  readonly latency?: number;
  /** Cut what is sent into chunks of this many octets, or of these sizes in turn, over and over. Only for a stream. @default as sent */
  readonly chunkSize?: number | readonly number[];
  /**
   * Break the connection after this many octets in one direction: those are delivered, then both ends fail. Of a message that
   * would pass the number nothing is delivered. @default never
   */
  readonly cutAfter?: number;
  /** `drained()` waits while more octets than this are on their way. @default 65536 */
  readonly highWaterMark?: number;
  /** How long `close()` waits for the other end to take what was sent, in ms. @default 2000 */
  readonly closeTimeout?: number;
}

/**
 * Make two ends of one connection: what is sent at one arrives at the other.
 *
 * @throws TypeError or RangeError for a wrong option.
 */
export function memoryPair(options: MemoryOptions = {}): [Transport, Transport] {
  const settings = readOptions(options);
  const one = new MemoryTransport(settings);
  const other = new MemoryTransport(settings);
  one.link(other);
  other.link(one);
  return [one, other];
}

interface MemorySettings extends Required<Omit<MemoryOptions, "chunkSize">> {
  readonly chunkSizes: readonly number[];
}

function readOptions(options: MemoryOptions): MemorySettings {
  const { kind = "stream", chunkSize = [], cutAfter = Infinity, highWaterMark = 65536 } = options;
  if (kind !== "stream" && kind !== "messages")
    throw new TypeError(`kind must be stream or messages, not ${String(kind)}`);
  const chunkSizes = typeof chunkSize === "number" ? [chunkSize] : [...chunkSize];
  if (chunkSizes.length > 0 && kind === "messages")
    throw new TypeError("chunkSize is for a stream: messages stay whole");
  for (const size of chunkSizes) {
    if (!Number.isInteger(size) || size < 1) throw new RangeError(`chunkSize must be a positive integer, not ${size}`);
  }
  for (const [name, value] of Object.entries({ cutAfter, highWaterMark })) {
    if (!(value > 0)) throw new RangeError(`${name} must be a positive number of octets, not ${value}`);
  }
  return {
    kind,
    latency: checkDuration("latency", options.latency ?? 0),
    chunkSizes,
    cutAfter,
    highWaterMark,
    closeTimeout: checkDuration("closeTimeout", options.closeTimeout ?? 2000),
  };
}

/** What is on its way to one end, in order. */
type Item =
  | { readonly type: "chunk"; readonly chunk: Uint8Array | string; readonly size: number }
  /** Without a reason the other end will send no more; with one the connection is broken. */
  | { readonly type: "end"; readonly reason: Error | undefined };

const encoder = new TextEncoder();

class MemoryTransport implements Transport {
  readonly peer = "memory:";
  readonly #settings: MemorySettings;
  #other: MemoryTransport = this;
  #sink: TransportSink | undefined;
  #paused = false;
  /** What has been sent to this end, and how much of that has arrived; the rest is still on its way. */
  readonly #inbound: Item[] = [];
  #arrived = 0;
  #ended: { readonly reason: Error | undefined } | undefined;
  readonly #gone = deferred();
  #closing = false;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  #buffered = 0;
  #sent = 0;
  #chunks = 0;
  #drained: Deferred<void> | undefined;
  #flushes: { readonly sent: number; readonly flushed: Deferred<void> }[] = [];

  constructor(settings: MemorySettings) {
    this.#settings = settings;
  }

  get kind(): "stream" | "messages" {
    return this.#settings.kind;
  }

  get buffered(): number {
    return this.#buffered;
  }

  link(other: MemoryTransport): void {
    this.#other = other;
  }

  start(sink: TransportSink): void {
    this.#sink = sink;
    if (this.#ended === undefined) this.#pump();
    else sink.closed(this.#ended.reason);
  }

  send(chunk: Uint8Array | string): void {
    if (this.#closing || this.#ended !== undefined || this.#sent >= this.#settings.cutAfter) return;
    // A copy: the sender may use its memory again, and the receiver may keep what it gets.
    const bytes = typeof chunk === "string" ? encoder.encode(chunk) : new Uint8Array(chunk); // `slice` of a Buffer is a view
    const room = this.#settings.cutAfter - this.#sent;
    this.#sent += bytes.length;
    this.#buffered += bytes.length;
    if (this.kind === "stream") this.#carryCut(bytes.subarray(0, room));
    else if (bytes.length <= room) this.#carry(typeof chunk === "string" ? chunk : bytes, bytes.length);
    // What passes the cut stays in `buffered`: it never gets there.
    if (bytes.length >= room) {
      this.#carryEnd(new Error(`the connection was cut after ${this.#settings.cutAfter} octets`));
    }
  }

  drained(): Promise<void> {
    if (this.#buffered <= this.#settings.highWaterMark) return Promise.resolve();
    this.#drained ??= deferred();
    return this.#drained.promise;
  }

  flushed(): Promise<void> {
    const flushed = deferred();
    this.#flushes.push({ sent: this.#sent, flushed });
    this.#settleFlushed();
    return flushed.promise;
  }

  pause(): void {
    if (!this.#closing) this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    // Not at once: the sink may call this from within `data`.
    queueMicrotask(() => this.#pump());
  }

  close(): Promise<void> {
    if (!this.#closing && this.#ended === undefined) {
      this.#closing = true;
      this.#carryEnd();
      this.#closeTimer = setTimeout(() => this.#cutOff(), this.#settings.closeTimeout);
      this.#paused = false;
      queueMicrotask(() => this.#pump());
    }
    return this.#gone.promise;
  }

  abort(reason: Error): void {
    if (this.#ended !== undefined) return;
    this.#breakOff();
    this.#end(reason);
  }

  /** Cut octets into chunks as the options say, and carry each. */
  #carryCut(bytes: Uint8Array): void {
    const { chunkSizes } = this.#settings;
    for (let from = 0; from < bytes.length;) {
      const size = chunkSizes[this.#chunks++ % chunkSizes.length] ?? bytes.length;
      const chunk = bytes.subarray(from, from + size);
      this.#carry(chunk, chunk.length);
      from += size;
    }
  }

  #carry(chunk: Uint8Array | string, size: number): void {
    this.#dispatch({ type: "chunk", chunk, size });
  }

  #carryEnd(reason?: Error): void {
    this.#dispatch({ type: "end", reason });
  }

  #dispatch(item: Item): void {
    const other = this.#other;
    other.#inbound.push(item);
    const arrive = (): void => {
      other.#arrived += 1;
      other.#pump();
    };
    if (this.#settings.latency === 0) queueMicrotask(arrive);
    else setTimeout(arrive, this.#settings.latency);
  }

  /** Deliver what has arrived, as far as the sink takes it. Ends that were not started still see the other end go. */
  #pump(): void {
    while (this.#arrived > 0 && this.#ended === undefined) {
      const next = this.#inbound[0];
      if (next === undefined) return;
      if (this.#holds(next)) return;
      this.#inbound.shift();
      this.#arrived -= 1;
      if (next.type === "end") {
        this.#otherEnded(next.reason);
      } else {
        this.#other.#written(next.size);
        this.#sink?.data(next.chunk);
      }
    }
  }

  /** Whether an item must wait: nobody reads. A broken connection is noticed all the same. */
  #holds(item: Item): boolean {
    if (this.#closing || (item.type === "end" && item.reason !== undefined)) return false;
    return this.#paused || (this.#sink === undefined && item.type === "chunk");
  }

  #otherEnded(reason: Error | undefined): void {
    if (reason !== undefined) {
      this.#other.#broken(reason);
      this.#broken(reason);
      return;
    }
    // Our end follows the other's, behind what was sent before it.
    if (!this.#closing) this.#carryEnd();
    this.#end(undefined);
  }

  #broken(reason: Error): void {
    this.#end(this.#closing && this.#buffered === 0 ? undefined : reason);
  }

  #written(size: number): void {
    this.#buffered -= size;
    this.#settleFlushed();
    if (this.#buffered <= this.#settings.highWaterMark) this.#settleDrained();
  }

  #cutOff(): void {
    const unsent = this.#buffered;
    const { closeTimeout } = this.#settings;
    this.#breakOff();
    this.#end(
      unsent === 0 ? undefined : new Error(`the peer did not take the last ${unsent} bytes within ${closeTimeout} ms`),
    );
  }

  /** Let the other end fail, without what is still on its way to it. */
  #breakOff(): void {
    this.#other.#inbound.length = 0;
    this.#other.#arrived = 0;
    this.#carryEnd(new Error("the peer dropped the connection"));
  }

  #end(reason: Error | undefined): void {
    if (this.#ended !== undefined) return;
    this.#ended = { reason };
    clearTimeout(this.#closeTimer);
    this.#buffered = 0;
    this.#settleDrained();
    this.#settleFlushed();
    this.#gone.resolve();
    this.#sink?.closed(reason);
  }

  #settleFlushed(): void {
    const written = this.#sent - this.#buffered;
    while (this.#flushes[0] !== undefined && this.#flushes[0].sent <= written) this.#flushes.shift()?.flushed.resolve();
  }

  #settleDrained(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
  }
}
