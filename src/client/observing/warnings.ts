/** Warnings on the console, for what a peer sent and nobody listens to. */

/** How long the next warning of a kind waits, in ms. */
const PAUSE = 1000;
const MOST_SHOWN = 300;

/** Writes at most one warning of each kind in a second. */
export class Warnings {
  readonly #last = new Map<string, number>();

  /** Warn. The text must not hold header values or bodies. */
  warn(kind: string, text: string): void {
    const now = performance.now();
    if (now - (this.#last.get(kind) ?? -Infinity) < PAUSE) return;
    this.#last.set(kind, now);
    // A terminal obeys control characters. The console is looked up when it is needed: programs and tests replace it.
    const shown = text.slice(0, MOST_SHOWN).replace(/[\p{Cc}\u2028\u2029]/gu, "?");
    globalThis.console?.warn(
      `stompede: ${shown}; client.onStatus(listener) reports this, and a listener silences the warning`,
    );
  }
}
