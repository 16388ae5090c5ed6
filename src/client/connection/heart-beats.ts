/** The heart-beats of a connection: the timer for what the protocol core says is due. */
import { BackgroundTimer } from "#page";
import { HeartBeatError } from "../../errors.js";
import { LONGEST_DELAY } from "../../internal/duration.js";
import { type HeartBeat, HeartBeatMonitor } from "../../protocol/index.js";
import type { Environment } from "./environment.js";

/** What heart-beats need of their connection. */
export interface HeartBeatHost {
  /** Names the peer in error messages. */
  readonly peer: string;
  /** Whether the peer is held back: then its silence is our doing. */
  readonly isHeld: boolean;
  /** Send a heart-beat. */
  beat(): void;
  /** The peer has been silent for too long. */
  abort(error: HeartBeatError): void;
}

/** Sends heart-beats when nothing else was sent, and notices a silent peer. Runs until `stop`. */
export class HeartBeats {
  readonly #agreed: HeartBeat;
  readonly #environment: Environment;
  readonly #host: HeartBeatHost;
  readonly #monitor: HeartBeatMonitor;
  readonly #timer = new BackgroundTimer(() => {
    this.#check();
  });

  /** Starts at once. `agreed` in ms. */
  constructor(agreed: HeartBeat, environment: Environment, host: HeartBeatHost) {
    this.#agreed = agreed;
    this.#environment = environment;
    this.#host = host;
    this.#monitor = new HeartBeatMonitor(agreed, environment.options.heartBeatTolerance, performance.now());
    this.#check();
  }

  /** Something was sent. */
  sent(): void {
    // Reading the clock for each of many small frames would cost noticeable time.
    if (this.#agreed.outgoing > 0) this.#monitor.sent(performance.now());
  }

  /** Something was received, or the peer could not be heard. */
  received(): void {
    if (this.#agreed.incoming > 0) this.#monitor.received(performance.now());
  }

  /** Stop for good. */
  stop(): void {
    this.#timer.stop();
  }

  #check(): void {
    const now = performance.now();
    if (this.#host.isHeld) this.#monitor.received(now);
    const { send, silence, next } = this.#monitor.check(now);
    if (silence !== undefined) {
      const message = `nothing came from ${this.#host.peer} for ${Math.round(silence)} ms, heart-beats were agreed every ${this.#agreed.incoming} ms`;
      this.#environment.counters.heartBeatsMissed++;
      this.#environment.status.tell({ type: "heart-beat-missed", silence });
      this.#host.abort(new HeartBeatError(message, silence));
      return;
    }
    if (next !== Infinity) {
      // Rounded up: before the time has come, nothing is due. A timer that is early does no harm: the check finds nothing to do.
      this.#timer.set(Math.min(LONGEST_DELAY, Math.max(1, Math.ceil(next - now))));
    }
    // Last: sending may stop us.
    if (send) this.#host.beat();
  }
}
