/** One direction of a connection that goes through a proxy: takes octets from one socket, and gives them to another one. */
import type { Socket } from "node:net";
import { type Buffer } from "node:buffer";

/** What is held here at most, in octets, before the sender is made to wait. */
const MOST_HELD = 65_536;
/** In how many portions a second a throttled flow gives. */
const PORTIONS = 50;

/** How a connection ends that is cut: both sides get a FIN, or a RST. */
export type CutKind = "fin" | "reset";

interface Piece {
  readonly octets: Buffer;
  /** Not before, as `performance.now()` has it. */
  readonly due: number;
}

/** What a flow needs of its connection. */
export interface FlowHost {
  /** It has forwarded as much as it was to forward. */
  cut(kind: CutKind): void;
}

/** A direction. All that can be done to it can be done, and undone, while octets flow. */
export class Flow {
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #host: FlowHost;
  readonly #held: Piece[] = [];
  #octetsHeld = 0;
  #forwarded = 0;
  #hasEnded = false;
  #isStalled = false;
  #swallows = false;
  #isDropping = false;
  #sizes: (() => number) | undefined;
  #delay = 0;
  #rate = Infinity;
  #cutAt = Infinity;
  #cutKind: CutKind = "fin";
  /** Until then a throttled flow gives nothing. */
  #notBefore = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #turn: ReturnType<typeof setImmediate> | undefined;

  constructor(source: Socket, sink: Socket, host: FlowHost) {
    this.#source = source;
    this.#sink = sink;
    this.#host = host;
    source.on("data", (octets: Buffer) => {
      this.#take(octets);
    });
    source.on("end", () => {
      this.#hasEnded = true;
      this.#pump();
    });
    sink.on("drain", () => {
      this.#pump();
    });
  }

  /** How many octets it has forwarded. */
  get octets(): number {
    return this.#forwarded;
  }

  /** Forward in pieces of these sizes, over and over, or of those that a function gives; `undefined`: as they come. */
  split(sizes: readonly number[] | (() => number) | undefined): void {
    let index = 0;
    this.#sizes = typeof sizes === "object" ? () => sizes[index++ % sizes.length] ?? 1 : sizes;
    this.#pump();
  }

  /** Hold back what comes from now on for so many ms. Order is kept. */
  delay(ms: number): void {
    this.#delay = ms;
  }

  /** Forward no more than so many octets a second; `Infinity`: as many as can be. */
  throttle(octetsPerSecond: number): void {
    this.#rate = octetsPerSecond;
    this.#notBefore = 0;
    this.#pump();
  }

  /** Forward nothing, until `resume` is called. The sockets stay open, and who writes on and on has to wait. */
  stall(): void {
    this.#isStalled = true;
  }

  /** Forward again. */
  resume(): void {
    this.#isStalled = false;
    this.#pump();
  }

  /** Do not pass on the end: the other side is not told that this one has said all. */
  swallowEnd(): void {
    this.#swallows = true;
  }

  /** Forward nothing ever again, and read all the same: nobody is made to wait, and nobody is told. */
  drop(): void {
    this.#isDropping = true;
    this.#swallows = true;
    this.#held.length = 0;
    this.#octetsHeld = 0;
    this.#source.resume();
  }

  /** End the connection once so many octets have been forwarded since its beginning, between two octets of a frame or not. */
  cutAfter(octets: number, kind: CutKind): void {
    this.#cutAt = octets;
    this.#cutKind = kind;
    this.#pump();
  }

  /** Do nothing any more. For its connection, which has ended. */
  stop(): void {
    this.drop();
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
  }

  #take(octets: Buffer): void {
    if (this.#isDropping) return;
    this.#held.push({ octets, due: performance.now() + this.#delay });
    this.#octetsHeld += octets.length;
    if (this.#octetsHeld >= MOST_HELD) this.#source.pause();
    this.#pump();
  }

  #pump(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
    while (!this.#isStalled && !this.#isDropping) {
      if (this.#forwarded >= this.#cutAt) {
        this.#host.cut(this.#cutKind);
        return;
      }
      const first = this.#held[0];
      if (first === undefined) {
        if (this.#hasEnded && !this.#swallows) this.#sink.end();
        return;
      }
      if (this.#sink.writableNeedDrain) return;
      const wait = Math.max(first.due, this.#notBefore) - performance.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => {
          this.#pump();
        }, wait);
        return;
      }
      this.#forward(first);
      if (this.#sizes !== undefined) {
        // Not before the next turn: the receiver is to get this piece by itself.
        this.#turn = setImmediate(() => {
          this.#turn = setImmediate(() => {
            this.#pump();
          });
        });
        return;
      }
    }
  }

  /** Forward as much of a piece as may go now. */
  #forward({ octets, due }: Piece): void {
    const portion = Math.max(1, Math.floor(this.#rate / PORTIONS));
    const size = Math.max(1, Math.min(this.#sizes?.() ?? Infinity, portion, this.#cutAt - this.#forwarded));
    const piece = octets.subarray(0, size);
    if (piece.length === octets.length) this.#held.shift();
    else this.#held[0] = { octets: octets.subarray(size), due };
    this.#octetsHeld -= piece.length;
    this.#forwarded += piece.length;
    if (this.#rate !== Infinity) this.#notBefore = performance.now() + (piece.length / this.#rate) * 1000;
    this.#sink.write(piece);
    if (this.#octetsHeld < MOST_HELD && this.#source.isPaused()) this.#source.resume();
  }
}
