/** Timers that run in a worker. */

/** Gets `[id, delay]`, and answers with the id when the time has come; `[id]` cancels. */
const SCRIPT = `
const timers = new Map();
onmessage = ({ data: [id, delay] }) => {
  clearTimeout(timers.get(id));
  timers.delete(id);
  if (delay === undefined) return;
  timers.set(id, setTimeout(() => {
    timers.delete(id);
    postMessage(id);
  }, delay));
};`;

/**
 * All timers of a page in one worker, which lives as long as there are any. Where no worker can be had (a content security
 * policy may forbid `worker-src blob:`) they never fire: a timer of the page's own must run beside.
 */
export class WorkerTimers {
  readonly #pending = new Map<number, () => void>();
  #last = 0;
  #worker: { readonly port: Worker; readonly url: string } | undefined;
  #isForbidden = false;

  /** Call back once in `delay` ms. What is returned cancels that. */
  set(callback: () => void, delay: number): () => void {
    if (this.#isForbidden) return () => undefined;
    const id = ++this.#last;
    this.#pending.set(id, callback);
    this.#start()?.postMessage([id, delay]);
    return () => {
      if (!this.#pending.delete(id)) return;
      this.#worker?.port.postMessage([id]);
      this.#endIfIdle();
    };
  }

  #start(): Worker | undefined {
    if (this.#worker !== undefined) return this.#worker.port;
    const url = URL.createObjectURL(new Blob([SCRIPT], { type: "text/javascript" }));
    try {
      const port = new Worker(url);
      this.#worker = { port, url };
      port.onmessage = ({ data }: MessageEvent<number>) => {
        this.#fire(data);
      };
      port.onerror = (event) => {
        event.preventDefault(); // it is no fault of the page's: its own timers do the work
        this.#forbid();
      };
      return port;
    } catch {
      URL.revokeObjectURL(url);
      this.#forbid();
      return undefined;
    }
  }

  #fire(id: number): void {
    const callback = this.#pending.get(id);
    if (callback === undefined) return;
    this.#pending.delete(id);
    try {
      callback(); // which mostly sets the next one
    } finally {
      this.#endIfIdle();
    }
  }

  #forbid(): void {
    this.#isForbidden = true;
    this.#pending.clear();
    this.#end();
  }

  #endIfIdle(): void {
    if (this.#pending.size === 0) this.#end();
  }

  #end(): void {
    if (this.#worker === undefined) return;
    this.#worker.port.terminate();
    URL.revokeObjectURL(this.#worker.url);
    this.#worker = undefined;
  }
}
