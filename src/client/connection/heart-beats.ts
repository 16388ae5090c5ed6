/** The heart-beats of a connection: the timer for what the protocol core says is due. */
import { backgroundTimer } from "#page";
import { HeartBeatError } from "../../errors.js";
import { LONGEST_DELAY } from "../../internal/duration.js";
import { type HeartBeat, HeartBeatMonitor } from "../../protocol/index.js";

/** What heart-beats need of their connection. */
export interface HeartBeatHost {
  /** The peer, for messages to people. */
  readonly peer: string;
  /** Whether the peer is held back: then its silence is ours. */
  isHeld(): boolean;
  /** Send a heart-beat. */
  beat(): void;
  /** The peer has been silent for too long. */
  silent(error: HeartBeatError): void;
}

/** Sends heart-beats when nothing else was sent, and notices a silent peer. Runs until `stop`. */
export class HeartBeats {
  readonly #agreed: HeartBeat;
  readonly #host: HeartBeatHost;
  readonly #monitor: HeartBeatMonitor;
  #cancelTimer: (() => void) | undefined;

  /** Starts at once. `agreed` in ms; a peer is silent for too long after what was agreed times `tolerance`. */
  constructor(agreed: HeartBeat, tolerance: number, host: HeartBeatHost) {
    this.#agreed = agreed;
    this.#host = host;
    this.#monitor = new HeartBeatMonitor(agreed, tolerance, performance.now());
    this.#check();
  }

  /** Something was sent. */
  sent(): void {
    // The clock is not asked for nothing: with many small frames that would be felt.
    if (this.#agreed.outgoing > 0) this.#monitor.sent(performance.now());
  }

  /** Something was received, or the peer could not be heard. */
  received(): void {
    if (this.#agreed.incoming > 0) this.#monitor.received(performance.now());
  }

  /** Stop for good. */
  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #check(): void {
    const now = performance.now();
    if (this.#host.isHeld()) this.#monitor.received(now);
    const { send, silence, next } = this.#monitor.check(now);
    if (silence !== undefined) {
      const message = `nothing came from ${this.#host.peer} for ${Math.round(silence)} ms, heart-beats were agreed every ${this.#agreed.incoming} ms`;
      this.#host.silent(new HeartBeatError(message, silence));
      return;
    }
    if (next !== Infinity) {
      // Rounded up: before the time has come, nothing is due. Not long enough is no harm, the check only finds nothing.
      const delay = Math.min(LONGEST_DELAY, Math.max(1, Math.ceil(next - now)));
      this.#cancelTimer = backgroundTimer(() => this.#check(), delay);
    }
    // Last: what it meets may stop us.
    if (send) this.#host.beat();
  }
}
