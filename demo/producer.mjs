/** Publishes the machine's figures each second, with the library. */
import { ConnectionLostError } from "stompede";
import { Metrics } from "./metrics.mjs";

/** Where the figures go: `/topic/metrics.cpu` and so on. */
export const TOPICS = "/topic/metrics.";

/**
 * Publish until the signal is aborted; while the client is without a connection, wait for the next one. Rejects when it is given up.
 *
 * @param {import("stompede").Client} client connected
 * @param {AbortSignal} signal
 * @param {number} [interval] in ms
 */
export async function produce(client, signal, interval = 1000) {
  const metrics = new Metrics();
  const headers = { "content-type": "application/json" };
  /** @param {string} name @param {unknown} figures */
  const publish = (name, figures) => client.send(TOPICS + name, JSON.stringify(figures), { headers });
  try {
    for (let tick = 1; !signal.aborted; tick++) {
      const started = performance.now();
      try {
        await publish("cpu", metrics.cpu());
        await publish("memory", metrics.memory());
        await publish("load", metrics.load());
        await publish("event-loop", metrics.eventLoop());
        await publish("processes", await metrics.processes());
      } catch (error) {
        if (!(error instanceof ConnectionLostError)) throw error;
        await client.connect({ signal }); // joins what the client is doing anyway
      }
      await pause(interval - (performance.now() - started), signal);
    }
  } finally {
    metrics.close();
  }
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function pause(ms, signal) {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, Math.max(0, ms));
    signal.addEventListener("abort", done);
  });
}
