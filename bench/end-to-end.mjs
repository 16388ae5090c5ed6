/** The end-to-end workloads: clients against a far end, each in a thread of its own, over loopback. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { PEER_CLIENTS } from "./clients.mjs";
import { quantile } from "./measure.mjs";

/** @typedef {import("./clients.mjs").Ports} Ports */
/** @typedef {import("./clients.mjs").Carrier} Carrier */
/** @typedef {{ does: "consume" | "publish" | "receipts" | "round-trips", count: number, size: number }} Workload */

const CARRIERS = /** @type {const} */ ({ webSocket: "WebSocket", tcp: "TCP" });

/** @type {Readonly<Record<string, Workload & { title: string, hasFloor: boolean }>>} */
const WORKLOADS = {
  consume: { title: "consume", does: "consume", count: 50_000, size: 100, hasFloor: true },
  "consume-10k": { title: "consume 10 KB", does: "consume", count: 2000, size: 10_240, hasFloor: true },
  publish: { title: "publish in a loop", does: "publish", count: 20_000, size: 100, hasFloor: true },
  receipts: { title: "receipts, 100 at a time", does: "receipts", count: 4000, size: 100, hasFloor: false },
  "round-trip": { title: "receipt round trip, p50", does: "round-trips", count: 300, size: 100, hasFloor: false },
};

/**
 * @typedef {object} Options
 * @property {number} rounds
 * @property {readonly string[] | undefined} rows undefined: all
 * @property {readonly import("./builds.mjs").Build[]} builds of this library, each with a client
 * @property {readonly string[]} peers the other clients to measure
 */

/**
 * @param {Options} options
 * @param {(row: import("./report.mjs").Row) => void} report
 */
export async function measureEndToEnd(options, report) {
  const { rows } = options;
  const farEnd = new Worker(new URL("far-end.mjs", import.meta.url));
  const [ports] = /** @type {[Ports]} */ (await once(farEnd, "message"));
  try {
    for (const [key, workload] of Object.entries(WORKLOADS)) {
      for (const carrier of /** @type {Carrier[]} */ (Object.keys(CARRIERS))) {
        const name = `${key}-${carrier === "tcp" ? "tcp" : "ws"}`;
        if (rows !== undefined && !rows.includes(name)) continue;
        report({
          group: "end-to-end",
          key: name,
          title: `${workload.title}, ${CARRIERS[carrier]}`,
          unit: workload.does === "round-trips" ? "µs" : "per-second",
          per: workload.count,
          results: await measured(carrier, ports, workload, options),
          marks: new Map(),
        });
      }
    }
  } finally {
    await farEnd.terminate();
  }
}

/** Interleaved rounds of all clients over one carrier, after two to warm up. */
async function measured(
  /** @type {Carrier} */ carrier,
  /** @type {Ports} */ ports,
  /** @type {(typeof WORKLOADS)[keyof typeof WORKLOADS]} */ { hasFloor, does, count, size },
  /** @type {Options} */ { rounds, builds, peers },
) {
  const able = peers.filter((name) => Object.hasOwn(PEER_CLIENTS[carrier], name));
  const candidates = [
    ...builds.map(({ name, client }) => ({ name, entry: client })),
    ...[...able, ...(hasFloor ? ["floor"] : [])].map((name) => ({ name, entry: undefined })),
  ];
  const entries = candidates.map(({ name, entry }) => ({
    name,
    thread: new Worker(new URL("client-thread.mjs", import.meta.url), { workerData: { name, carrier, ports, entry } }),
    samples: /** @type {number[]} */ ([]),
  }));
  for (let round = -2; round < rounds; round++) {
    for (let at = 0; at < entries.length; at++) {
      const entry = entries[(at + round + 2) % entries.length];
      if (entry === undefined) continue;
      entry.thread.postMessage({ does, count, size });
      const [took] = /** @type {[number]} */ (await once(entry.thread, "message"));
      if (round >= 0) entry.samples.push(took);
    }
  }
  await Promise.all(entries.map(({ thread }) => thread.terminate()));
  return new Map(
    entries.map(({ name, samples }) => {
      const median = quantile(samples, 0.5);
      return [name, { median, spread: (quantile(samples, 0.75) - quantile(samples, 0.25)) / 2 / median }];
    }),
  );
}
