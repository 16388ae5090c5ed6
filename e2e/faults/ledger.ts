/** What became of each message of a run. It is kept in octets outside of the heap, so that the heap tells of the client alone. */

/** What became of a message that was given to `send`. */
export type SendOutcome = "confirmed" | "refused";

const PENDING = 0;
const CONFIRMED = 1;
const REFUSED = 2;
const OUTCOME = 3; // the two lowest bits; the others count how often it was consumed
const ONCE = 4;
const MOST = 255;

/** How it all went. */
export interface Tally {
  /** Messages given to `send`. */
  readonly sent: number;
  readonly confirmed: number;
  readonly refused: number;
  /** Those whose `send` has neither resolved nor rejected. */
  readonly pending: number;
  /** How often a message was consumed. */
  readonly consumed: number;
  /** How often one was that had been consumed before. */
  readonly duplicates: number;
  /** Confirmed and never consumed. */
  readonly missing: number;
}

/** The messages of some producers. Each numbers its own from 0. */
export class Ledger {
  /** What came otherwise than it was sent. */
  readonly damaged: string[] = [];
  /** Why messages were refused. */
  readonly refusals: string[] = [];
  readonly #states: Uint8Array[];
  readonly #sent: number[];

  constructor(producers: number) {
    this.#states = Array.from({ length: producers }, () => new Uint8Array(65_536));
    this.#sent = Array.from({ length: producers }, () => 0);
  }

  /** Note that a producer sends a message. Gives its number. */
  sends(producer: number): number {
    const number = this.#sent[producer] ?? 0;
    this.#sent[producer] = number + 1;
    const states = this.#statesOf(producer);
    if (number >= states.length) {
      const larger = new Uint8Array(2 * states.length);
      larger.set(states);
      this.#states[producer] = larger;
    }
    return number;
  }

  /** Note how a `send` has ended. */
  ended(producer: number, number: number, outcome: SendOutcome): void {
    const states = this.#statesOf(producer);
    const state = states[number] ?? 0;
    if ((state & OUTCOME) !== PENDING) throw new Error(`message ${producer}-${number} has ended twice`);
    states[number] = state | (outcome === "confirmed" ? CONFIRMED : REFUSED);
  }

  /** Note that a message was consumed. */
  consumes(producer: number, number: number): void {
    const states = this.#statesOf(producer);
    if (!(number < (this.#sent[producer] ?? 0))) {
      this.damaged.push(`message ${producer}-${number} was never sent`);
      return;
    }
    const state = states[number] ?? 0;
    states[number] = state + ONCE > MOST ? state : state + ONCE;
  }

  /** Count. */
  tally(): Tally {
    const tally = { sent: 0, confirmed: 0, refused: 0, pending: 0, consumed: 0, duplicates: 0, missing: 0 };
    for (const [producer, sent] of this.#sent.entries()) {
      tally.sent += sent;
      for (const state of this.#statesOf(producer).subarray(0, sent)) {
        const times = state >> 2;
        tally.consumed += times;
        tally.duplicates += Math.max(0, times - 1);
        if ((state & OUTCOME) === PENDING) tally.pending++;
        else if ((state & OUTCOME) === REFUSED) tally.refused++;
        else tally.confirmed++;
        if ((state & OUTCOME) === CONFIRMED && times === 0) tally.missing++;
      }
    }
    return tally;
  }

  /** Some of those that were confirmed and never consumed: `"producer-number"`. */
  missing(most = 20): string[] {
    const missing: string[] = [];
    for (const [producer, sent] of this.#sent.entries()) {
      const states = this.#statesOf(producer);
      for (let number = 0; number < sent && missing.length < most; number++) {
        if (states[number] === CONFIRMED) missing.push(`${producer}-${number}`);
      }
    }
    return missing;
  }

  #statesOf(producer: number): Uint8Array {
    const states = this.#states[producer];
    if (states === undefined) throw new Error(`there is no producer ${producer}`);
    return states;
  }
}
