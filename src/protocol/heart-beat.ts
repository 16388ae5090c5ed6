/** Heart-beats: what two peers agree on, and when one is due or missing. Time is told, never asked for. */
import { ProtocolError } from "../errors.js";

/** How often each side sends, in ms; 0: not at all. */
export interface HeartBeat {
  /** We send something at least this often. */
  readonly outgoing: number;
  /** The peer sends something at least this often. */
  readonly incoming: number;
}

/** No heart-beats. */
export const NO_HEART_BEAT: HeartBeat = { outgoing: 0, incoming: 0 };

const HEADER = /^([0-9]{1,12}),([0-9]{1,12})$/;

/**
 * The value of a `heart-beat` header: what the sender can do and what it wants, in ms.
 *
 * @throws RangeError for what {@link parseHeartBeat} does not read.
 */
export function heartBeatHeader({ outgoing, incoming }: HeartBeat): string {
  const text = `${outgoing},${incoming}`;
  // The sum: of text, in JavaScript, it is none.
  if (!HEADER.test(text) || !Number.isInteger(outgoing + incoming))
    throw new RangeError(`heart-beats are whole numbers of ms up to 999999999999, not ${text}`);
  return text;
}

/**
 * Read a `heart-beat` header: `outgoing` is what its sender can do, `incoming` what it wants. Absent means `0,0`
 * (STOMP 1.2, "Heart-beating").
 *
 * @throws ProtocolError (`invalid-header`) for anything but two numbers of at most 12 digits.
 */
export function parseHeartBeat(text: string | undefined): HeartBeat {
  if (text === undefined) return NO_HEART_BEAT;
  const match = HEADER.exec(text);
  if (match === null) {
    throw new ProtocolError(
      "invalid-header",
      `heart-beat header ${JSON.stringify(text.slice(0, 40))} is not two numbers`,
    );
  }
  return { outgoing: Number(match[1]), incoming: Number(match[2]) };
}

/** What holds for us, from what we offered and what the peer offered: the slower of both wishes, or none. */
export function negotiateHeartBeat(ours: HeartBeat, theirs: HeartBeat): HeartBeat {
  return {
    outgoing: ours.outgoing === 0 || theirs.incoming === 0 ? 0 : Math.max(ours.outgoing, theirs.incoming),
    incoming: ours.incoming === 0 || theirs.outgoing === 0 ? 0 : Math.max(ours.incoming, theirs.outgoing),
  };
}

/** What {@link HeartBeatMonitor.check} found. All times are in ms. */
export interface HeartBeatCheck {
  /** A heart-beat should be sent now. */
  readonly send: boolean;
  /** For how long the peer has been silent, when that is too long; else `undefined`. */
  readonly silence: number | undefined;
  /** When to check again: a time on the clock that the monitor is told; `Infinity` when there is nothing to watch. */
  readonly next: number;
}

/** A check that is later than this part of the agreed time tells of a frozen process, not of a silent peer. */
const LATE = 0.5;

/**
 * Watches the heart-beats of a session. It is told what happens and when, on any clock in ms that does not go back.
 * Beats go out when nothing was sent for half of the agreed time, so that a little delay does no harm.
 *
 * A late check (a throttled tab, a laptop asleep) is no proof against the peer: what it sent may still be in the event
 * loop, behind the timer. It gets the agreed time once more; once only, or a timer that is always late would never find
 * a dead peer.
 */
export class HeartBeatMonitor {
  readonly #agreed: HeartBeat;
  readonly #tolerance: number;
  #sent: number;
  #received: number;
  #due: number;
  /** The peer was given more time since something was last received. */
  #excused = false;

  /** `tolerance`: the peer is too late after the agreed time multiplied by this. */
  constructor(agreed: HeartBeat, tolerance: number, now: number) {
    this.#agreed = agreed;
    this.#tolerance = tolerance;
    this.#sent = now;
    this.#received = now;
    this.#due = this.#next();
  }

  /** Something was sent. */
  sent(now: number): void {
    this.#sent = now;
  }

  /** Something was received; or, after a time in which we did not read, reading goes on. */
  received(now: number): void {
    this.#received = now;
    this.#excused = false;
  }

  /** See what is due. Sooner than `next` is no harm. */
  check(now: number): HeartBeatCheck {
    const { outgoing, incoming } = this.#agreed;
    if (incoming > 0 && now - this.#due > incoming * LATE) this.#excuse(now);
    const send = outgoing > 0 && now - this.#sent >= outgoing / 2;
    if (send) this.#sent = now;
    const silence = now - this.#received;
    const late = incoming > 0 && silence >= incoming * this.#tolerance;
    this.#due = this.#next();
    return { send, silence: late ? silence : undefined, next: this.#due };
  }

  /** Leave the peer the agreed time from now, if it has not got that anyway. The silence told counts from then, too. */
  #excuse(now: number): void {
    const since = now - this.#agreed.incoming * (this.#tolerance - 1);
    if (this.#excused || since <= this.#received) return;
    this.#received = since;
    this.#excused = true;
  }

  #next(): number {
    const { outgoing, incoming } = this.#agreed;
    return Math.min(
      outgoing > 0 ? this.#sent + outgoing / 2 : Infinity,
      incoming > 0 ? this.#received + incoming * this.#tolerance : Infinity,
    );
  }
}
