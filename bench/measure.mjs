/** Measures candidates against each other: they take turns, so that the machine's moods hit all alike. */
import { performance } from "node:perf_hooks";

/**
 * @typedef {object} Candidate
 * @property {string} name
 * @property {(times: number) => Promise<number>} time does the work so many times, and tells how many nanoseconds it took
 */

/**
 * @typedef {object} Result
 * @property {number} median nanoseconds for doing the work once
 * @property {number} spread half the distance of the quartiles, as a part of the median
 */

/**
 * @param {readonly Candidate[]} candidates
 * @param {{ rounds: number, roundTime: number }} options `roundTime`: how long a round of one candidate takes, in ms
 * @returns {Promise<Map<string, Result>>}
 */
export async function compare(candidates, { rounds, roundTime }) {
  /** @type {{ candidate: Candidate, times: number, samples: number[] }[]} */
  const entries = [];
  for (const candidate of candidates) {
    await candidate.time(1);
    const times = await calibrated(candidate, roundTime);
    entries.push({ candidate, times, samples: [] });
  }
  for (let round = 0; round < rounds; round++) {
    // Each round begins with another candidate: none is always the one after the same neighbour.
    for (let at = 0; at < entries.length; at++) {
      const entry = entries[(at + round) % entries.length];
      if (entry === undefined) continue;
      entry.samples.push((await entry.candidate.time(entry.times)) / entry.times);
    }
  }
  return new Map(entries.map(({ candidate, samples }) => [candidate.name, resultOf(samples)]));
}

/** Warm up, and find how often the work fits into a round. */
async function calibrated(/** @type {Candidate} */ candidate, /** @type {number} */ roundTime) {
  const wanted = roundTime * 1e6;
  for (let times = 1; ;) {
    const took = await candidate.time(times);
    if (took >= wanted / 2) return Math.max(1, Math.round((times * wanted) / took));
    times = Math.ceil(times * Math.min(8, Math.max(2, wanted / Math.max(took, 1))));
  }
}

/**
 * How many nanoseconds it takes to do some work.
 *
 * @param {() => unknown} work a promise is waited for
 */
export async function timeOf(work) {
  const from = performance.now();
  const pending = work();
  if (pending instanceof Promise) await pending;
  return (performance.now() - from) * 1e6;
}

/** @returns {Result} */
function resultOf(/** @type {number[]} */ samples) {
  const median = quantile(samples, 0.5);
  return { median, spread: (quantile(samples, 0.75) - quantile(samples, 0.25)) / 2 / median };
}

/** The value below which the part `q` of the samples lies. */
export function quantile(/** @type {readonly number[]} */ samples, /** @type {number} */ q) {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const below = sorted[Math.floor(at)] ?? NaN;
  const above = sorted[Math.ceil(at)] ?? NaN;
  return below + (above - below) * (at % 1);
}
