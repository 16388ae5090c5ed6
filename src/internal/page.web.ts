/**
 * What a page does to its program: its timers are held back while nobody looks at it, it is frozen, it goes offline.
 * `page.none.ts` has the same exports.
 */

/** Gets a delay, and answers when it is over; another delay takes its place. */
const SCRIPT = `
let timer;
onmessage = ({ data }) => {
  clearTimeout(timer);
  timer = setTimeout(postMessage, data, 0);
};`;

/**
 * A timer that fires also in a page that is in the background: browsers hold the timers of a page back for up to a minute, but not
 * those of a worker. It may fire early when it was set again just now.
 */
export class BackgroundTimer {
  readonly #fire: () => void;
  // The page's own timer runs as well: so a worker that fails, or that a content security policy (`worker-src`) forbids, costs
  // nothing but lateness.
  #timer: ReturnType<typeof setTimeout> | undefined;
  #worker: Worker | undefined;
  #url: string | undefined;

  constructor(callback: () => void) {
    this.#fire = () => {
      if (this.#timer === undefined) return; // the other one has fired
      clearTimeout(this.#timer);
      this.#timer = undefined;
      callback();
    };
  }

  /** Call back once, `delay` ms from now, and not when it was set to before. */
  set(delay: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#fire, delay);
    // In a worker there is no document, and nothing is held back.
    if (this.#url === undefined && typeof document !== "undefined" && typeof Worker === "function") this.#startWorker();
    this.#worker?.postMessage(delay);
  }

  /** Do not call back, and end the worker. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#worker?.terminate();
    if (this.#url !== undefined) URL.revokeObjectURL(this.#url);
    this.#worker = this.#url = undefined;
  }

  #startWorker(): void {
    this.#url = URL.createObjectURL(new Blob([SCRIPT], { type: "text/javascript" }));
    try {
      this.#worker = new Worker(this.#url);
      this.#worker.onmessage = this.#fire;
      // It is not a fault of the page: the page's own timer does the work.
      this.#worker.onerror = (event) => {
        event.preventDefault();
      };
    } catch {
      // Forbidden: it is not tried again.
    }
  }
}

/** Be told of hints that it is worth trying to connect again, until what is returned is called. They are no proof. */
export function onWake(callback: () => void): () => void {
  const listeners = new AbortController();
  const { signal } = listeners;
  const wake = (event: Event): void => {
    if (event.type === "visibilitychange" && document.visibilityState !== "visible") return;
    if ("persisted" in event && event.persisted !== true) return; // a page that was loaded, not resumed
    callback();
  };
  // By capture what happens to the document comes by here too. Where there is none it is not allowed everywhere (workerd).
  const capture = typeof document !== "undefined";
  for (const type of ["online", "visibilitychange", "pageshow", "resume"])
    globalThis.addEventListener(type, wake, { signal, capture });
  return () => {
    listeners.abort();
  };
}
