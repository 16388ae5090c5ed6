/** Listen to abort signals: one listener per signal, however many calls wait on it. */

interface Listening {
  readonly callbacks: Set<() => void>;
  readonly listener: () => void;
}

const listening = /* @__PURE__ */ new WeakMap<AbortSignal, Listening>();

/**
 * Call back once when `signal` aborts. The function it returns cancels that.
 *
 * All callbacks of a signal share one listener, which is removed with the last of them: Node warns of a leak from eleven listeners on.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const { callbacks, listener } = listening.get(signal) ?? listen(signal);
  const own = (): void => {
    callback();
  };
  callbacks.add(own);
  return () => {
    if (!callbacks.delete(own) || callbacks.size > 0) return;
    signal.removeEventListener("abort", listener);
    listening.delete(signal);
  };
}

function listen(signal: AbortSignal): Listening {
  const callbacks = new Set<() => void>();
  const listener = (): void => {
    for (const callback of callbacks) callback();
    callbacks.clear();
    listening.delete(signal);
  };
  const made = { callbacks, listener };
  listening.set(signal, made);
  signal.addEventListener("abort", listener, { once: true });
  return made;
}
