/**
 * What a page does to its program, where there is no page: nothing. `page.web.ts` has the same exports.
 */

/** A sign that a network may be back, or that a frozen page runs again. */
export type WakeHint = "online" | "visible" | "resumed";

/** Call back once, `delay` ms from now. What is returned cancels that. */
export function backgroundTimer(callback: () => void, delay: number): () => void {
  const timer = setTimeout(callback, delay);
  return () => {
    clearTimeout(timer);
  };
}

/** Be told of hints, until what is returned is called. There are none here. */
export function onWake(_callback: (hint: WakeHint) => void): () => void {
  return () => undefined;
}
