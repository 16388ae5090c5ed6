/** The decode workloads: each candidate is checked first, and timed only if what it decodes is right. */
import { PEER_DECODERS, floorDecoder, libraryDecoder } from "./decoders.mjs";
import { timeOf } from "./measure.mjs";
import { DECODE_KEYS, decodeWorkload } from "./workloads.mjs";

/** @typedef {import("./workloads.mjs").DecodeWorkload} DecodeWorkload */
/** @typedef {import("./decoders.mjs").Decoder} Decoder */

/** These take minutes with the peers: only the library, to see that it is linear. */
const LIBRARY_ONLY = new Set(["binary-16m", "binary-64m"]);
const CHECK_TIME = 20_000;

/** @type {import("./candidate-process.mjs").Group} */
export const decodeGroup = {
  keys: DECODE_KEYS,
  peersOf: (key) => [...(LIBRARY_ONLY.has(key) ? [] : PEER_DECODERS), floorDecoder].map(({ name }) => name),
  async prepare(key, name, core) {
    const workload = decodeWorkload(key);
    const known = [...PEER_DECODERS, floorDecoder].find((decoder) => decoder.name === name);
    const decoder = known ?? libraryDecoder(name, core);
    const { title, units, lives } = workload;
    const mark =
      decoder.can?.(workload) === false ? "–" : known === floorDecoder ? undefined : await check(decoder, workload);
    return { title, per: units * lives, mark, run: (times) => run(times, decoder, workload) };
  },
};

/** Whether a decoder gets everything right; `undefined`: it does. */
async function check(/** @type {Decoder} */ decoder, /** @type {DecodeWorkload} */ workload) {
  const { samples } = workload;
  let count = 0;
  let isRight = true;
  try {
    await withinTime(
      feed(decoder, workload, chunksFor(decoder, workload), (id, body) => {
        const sample = samples[count++];
        isRight &&= sample !== undefined && id === sample.id && isSame(body, sample.body);
      }),
    );
  } catch {
    return "fails";
  }
  return isRight && count === samples.length ? undefined : "wrong";
}

function isSame(/** @type {string | Uint8Array} */ one, /** @type {string | Uint8Array} */ other) {
  if (typeof one === "string" || typeof other === "string") return one === other;
  return Buffer.compare(one, other) === 0;
}

/** @param {Promise<unknown>} pending */
async function withinTime(pending) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("took too long")), CHECK_TIME);
  });
  await Promise.race([pending, late]).finally(() => clearTimeout(timer));
}

function chunksFor(/** @type {Decoder} */ { prepare }, /** @type {DecodeWorkload} */ { chunks }) {
  return prepare === undefined ? chunks : chunks.map(prepare);
}

async function feed(
  /** @type {Decoder} */ decoder,
  /** @type {DecodeWorkload} */ workload,
  /** @type {readonly unknown[]} */ chunks,
  /** @type {import("./decoders.mjs").Sink} */ sink,
) {
  const reader = decoder.open(sink, workload);
  for (const chunk of chunks) reader.push(chunk);
  await reader.done?.();
}

/** So many connections, one after the other, each with all of the chunks as often as it lives. */
async function run(
  /** @type {number} */ times,
  /** @type {Decoder} */ decoder,
  /** @type {DecodeWorkload} */ workload,
) {
  const { samples, lives } = workload;
  const chunks = chunksFor(decoder, workload);
  const expected = lives * samples.reduce((sum, { id, body }) => sum + id.length + body.length, 0);
  return timeOf(async () => {
    for (let time = 0; time < times; time++) {
      let sum = 0;
      const reader = decoder.open((id, body) => {
        sum += id.length + body.length;
      }, workload);
      for (let life = 0; life < lives; life++) {
        for (let at = 0; at < chunks.length; at++) reader.push(chunks[at]);
        if (reader.done !== undefined) await reader.done();
      }
      if (sum !== expected && decoder !== floorDecoder)
        throw new Error(`${decoder.name} decoded ${sum} units of ${expected}`);
    }
  });
}
