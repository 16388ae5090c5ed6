/** What an {@link Inlet} delivers to; a `TransportSink` is one. */
export interface InletSink<Chunk> {
  data(chunk: Chunk): void;
  closed(reason?: Error): void;
}

/**
 * The receiving half that all transports share: it keeps what comes before there is a sink or while it is held, in
 * order; reports the end once; and delivers nothing after it.
 */
export class Inlet<Chunk> {
  #sink: InletSink<Chunk> | undefined;
  #queue: Chunk[] = [];
  /** Whether what comes is held back. */
  paused = false;
  /** Whether a chunk goes to the sink at once: there is one, it is not paused, and nothing waits before the chunk. */
  #flowing = false;
  /** The end, from when it is known until the sink has been told. */
  #end: { readonly reason: Error | undefined } | undefined;
  #told = false;

  /** Whether the end is known: it may wait behind chunks that are held. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** Whether there is a sink. */
  get started(): boolean {
    return this.#sink !== undefined;
  }

  /** Hand over a chunk; after the end it is dropped. */
  deliver(chunk: Chunk): void {
    if (this.#end !== undefined) return;
    if (this.#flowing) this.#sink?.data(chunk);
    else this.#queue.push(chunk);
  }

  /** Report the end, after what is held; the first end counts. */
  end(reason?: Error): void {
    if (this.#end !== undefined) return;
    this.#end = { reason };
    if (this.#queue.length === 0) this.#tell();
  }

  /** Drop what is held and report the end at once, unless the sink knows of an end already. */
  abort(reason: Error): void {
    if (this.#told) return;
    this.#queue = [];
    this.#end = { reason };
    this.#tell();
  }

  /** Begin to deliver, with what is held. */
  start(sink: InletSink<Chunk>): void {
    this.#sink = sink;
    this.#flush();
  }

  /** Hold back what comes from now on. */
  pause(): void {
    this.paused = true;
    this.#flowing = false;
  }

  /** Deliver what is held, and go on: soon, not at once, since the sink may call this from within `data`. */
  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    if (this.#queue.length > 0) queueMicrotask(() => this.#flush());
    else this.#flush();
  }

  #flush(): void {
    // The sink may pause, or abort, in the middle of this; what comes meanwhile queues up behind.
    while (this.#sink !== undefined && !this.paused) {
      const chunk = this.#queue.shift();
      if (chunk === undefined) {
        this.#flowing = true;
        break;
      }
      this.#sink.data(chunk);
    }
    if (this.#end !== undefined && this.#queue.length === 0) this.#tell();
  }

  #tell(): void {
    if (this.#told || this.#sink === undefined || this.#end === undefined) return;
    this.#told = true;
    this.#sink.closed(this.#end.reason);
  }
}
