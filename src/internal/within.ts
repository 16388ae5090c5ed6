/** Doing something within a time, and until a signal. */
import { Deadlines } from "./deadlines.js";
import { onAbort } from "./on-abort.js";

/** How long, and until which signal, something may take. */
export interface WithinLimits {
  /** In ms; may be `Infinity`. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Do something with a signal that aborts when its time is over, with what `expired` makes, or when the caller's signal aborts, with that
 * one's reason.
 */
export async function within<T>(
  { timeout, signal }: WithinLimits,
  expired: () => unknown,
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const deadline = new Deadlines<AbortController>(() => {
    own.abort(expired());
  });
  const unlisten = signal && onAbort(signal, () => own.abort(signal.reason));
  deadline.set(own, timeout);
  try {
    return await act(own.signal);
  } finally {
    deadline.clear();
    unlisten?.();
  }
}

/** Do something until the signal aborts; then this rejects with the signal's reason, and a result that comes later goes to `late`. */
export function unlessAborted<T>(
  signal: AbortSignal,
  act: (signal: AbortSignal) => Promise<T>,
  late?: (result: T) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) throw signal.reason;
    const unlisten = onAbort(signal, () => {
      reject(signal.reason);
    });
    Promise.resolve()
      .then(() => act(signal))
      .then((result) => {
        if (signal.aborted) late?.(result);
        else resolve(result);
      }, reject)
      .finally(unlisten);
  });
}
