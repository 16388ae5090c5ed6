/**
 * What a page does to its program: its timers are held back while nobody looks at it, it is frozen, it goes offline.
 * `page.none.ts` has the same exports.
 */
import { WorkerTimers } from "./worker-timers.js";

/** A sign that a network may be back, or that a frozen page runs again. */
export type WakeHint = "online" | "visible" | "resumed";

let workerTimers: WorkerTimers | undefined;

/**
 * Call back once, `delay` ms from now, also in a page that is in the background: browsers hold its own timers back for up
 * to a minute, but not those of a worker. What is returned cancels it.
 */
export function backgroundTimer(callback: () => void, delay: number): () => void {
  // The page's own timer runs as well: so a worker that fails, or that a content security policy forbids, costs nothing but lateness.
  let cancelInWorker: (() => void) | undefined;
  const timer = setTimeout(fire, delay);
  function fire(): void {
    clearTimeout(timer);
    cancelInWorker?.();
    callback();
  }
  // In a worker there is no document, and nothing is held back.
  if (typeof document !== "undefined" && typeof Worker === "function") {
    workerTimers ??= new WorkerTimers();
    cancelInWorker = workerTimers.set(fire, delay);
  }
  return () => {
    clearTimeout(timer);
    cancelInWorker?.();
  };
}

/** Be told of hints that it is worth trying to connect again, until what is returned is called. They are no proof. */
export function onWake(callback: (hint: WakeHint) => void): () => void {
  const listeners = new AbortController();
  const { signal } = listeners;
  const online = (): void => {
    callback("online");
  };
  globalThis.addEventListener("online", online, { signal });
  if (typeof document !== "undefined") {
    document.addEventListener(
      "visibilitychange",
      () => {
        if (document.visibilityState === "visible") callback("visible");
      },
      { signal },
    );
    globalThis.addEventListener(
      "pageshow",
      (event) => {
        if (event.persisted) callback("resumed");
      },
      { signal },
    );
    document.addEventListener(
      "resume",
      () => {
        callback("resumed");
      },
      { signal },
    );
  }
  return () => {
    listeners.abort();
  };
}
