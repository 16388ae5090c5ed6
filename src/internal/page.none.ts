/** What a page does to its program, where there is no page: nothing. `page.web.ts` has the same exports. */

/** A timer. */
export class BackgroundTimer {
  readonly #callback: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(callback: () => void) {
    this.#callback = callback;
  }

  /** Call back once, `delay` ms from now, and not when it was set to before. */
  set(delay: number): void {
    this.stop();
    this.#timer = setTimeout(this.#callback, delay);
  }

  /** Do not call back. */
  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** Be told of hints, until what is returned is called. There are none here. */
export function onWake(_callback: () => void): () => void {
  return () => undefined;
}
