/** What arrives over a transport: chunks in, frames out, while the peer is not held back. */
import { ProtocolError } from "../../errors.js";
import type { ClientSession, ServerFrame } from "../../protocol/index.js";
import type { Transport } from "../../transport.js";
import type { Environment } from "./environment.js";

/** What an intake needs of its connection. */
export interface IntakeHost {
  /** Whether the peer may be held back now. */
  readonly mayHold: boolean;
  /** A frame came. */
  dispatch(frame: ServerFrame): void;
  /** The peer is let go: it was not silent, we did not listen. */
  heard(): void;
  /** The peer broke the protocol. */
  abort(error: ProtocolError): void;
}

/** Decodes what arrives and delivers it frame by frame. */
export class Intake {
  readonly #transport: Transport;
  readonly #session: ClientSession;
  readonly #environment: Environment;
  readonly #host: IntakeHost;
  #wantsHold = false;
  /** `"finishing"`: the transport has ended, and what arrived is delivered. `"over"`: nothing is delivered any more. */
  #state: "reading" | "held" | "finishing" | "over" = "reading";

  constructor(transport: Transport, session: ClientSession, environment: Environment, host: IntakeHost) {
    this.#transport = transport;
    this.#session = session;
    this.#environment = environment;
    this.#host = host;
  }

  /** Whether the peer is held back. */
  get isHeld(): boolean {
    return this.#state === "held";
  }

  /** Whether the transport has ended, and what arrived before is being delivered. */
  get isFinishing(): boolean {
    return this.#state === "finishing";
  }

  /** A chunk came. */
  receive(chunk: Uint8Array | string): void {
    if (this.#state === "over") return;
    const { counters, status } = this.#environment;
    counters.bytesReceived += chunk.length;
    const before = this.#session.eols;
    this.#session.push(chunk);
    this.deliver();
    const beats = this.#session.eols - before;
    if (beats > 0 && isBeats(chunk)) {
      counters.heartBeatsReceived += beats;
      status.tell({ type: "heart-beat" });
    }
  }

  /** Deliver what has arrived, one frame at a time, while the peer is not held back. */
  deliver(): void {
    try {
      while (this.#state !== "held" && this.#state !== "over") {
        const frame = this.#session.next();
        if (frame === undefined) return;
        this.#environment.counters.framesReceived++;
        this.#host.dispatch(frame);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#host.abort(error);
    }
  }

  /** The transport has ended: deliver what has arrived, and hold nothing back any more. */
  finish(): void {
    if (this.#state === "over") return;
    this.#state = "finishing";
    this.deliver();
  }

  /** The session has ended: deliver nothing more. */
  stop(): void {
    this.#state = "over";
  }

  /** Ask for the peer to be held back, or not any more. */
  hold(wanted: boolean): void {
    this.#wantsHold = wanted;
    this.holdOrRead();
  }

  /** Hold the peer back or let it go, where the platform can: what speaks for that may have changed. */
  holdOrRead(): void {
    if (this.#transport.pause === undefined || this.#state === "finishing" || this.#state === "over") return;
    const hold = this.#wantsHold && this.#host.mayHold;
    if (hold === this.isHeld) return;
    if (hold) {
      this.#state = "held";
      this.#transport.pause();
      return;
    }
    this.#state = "reading";
    this.#host.heard();
    this.#transport.resume?.();
    // Not at once: whoever has made room is in the midst of taking a message.
    queueMicrotask(() => {
      this.deliver();
    });
  }
}

/** Whether there is nothing in a chunk but EOLs: RabbitMQ writes one after each frame, which is not a heart-beat. */
function isBeats(chunk: Uint8Array | string): boolean {
  for (let i = 0; i < chunk.length; i++) {
    const unit = typeof chunk === "string" ? chunk.charCodeAt(i) : chunk[i];
    if (unit !== 0x0a && unit !== 0x0d) return false;
  }
  return true;
}
