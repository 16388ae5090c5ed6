/** What is decoded: MESSAGE frames as RabbitMQ sends them, and how they are cut into chunks. */
import { Buffer } from "node:buffer";

/**
 * One frame, and what must come out of it.
 *
 * @typedef {{ id: string, body: string | Uint8Array, octets: Buffer }} Sample
 */

/**
 * @typedef {object} DecodeWorkload
 * @property {string} key
 * @property {string} title
 * @property {"stream" | "text" | "binary"} carrier how the chunks come: off a TCP socket, or as WebSocket messages
 * @property {(Buffer | string)[]} chunks
 * @property {Sample[]} samples the frames in them, in order; none where the chunks are heart-beats
 * @property {number} units what a time is divided by: frames, or heart-beats
 * @property {number} lives how often the chunks come on one connection
 * @property {boolean} binary whether the bodies are read as octets
 */

const DESTINATION = "/topic/sensors.hall-3.temperature";

/** A JSON body of exactly `length` characters of ASCII. */
function jsonBody(/** @type {number} */ index, /** @type {number} */ length) {
  const start = `{"sensor":"hall-3","sequence":${100_000 + index},"celsius":21.${index % 10},"note":"`;
  return `${start}${"abcdefghij".repeat(Math.ceil(length / 10)).slice(0, length - start.length - 2)}"}`;
}

/** The eight headers that RabbitMQ sends with a MESSAGE to which the producer has added two, and its EOL after the frame. */
function messageFrame(
  /** @type {number} */ index,
  /** @type {string | Uint8Array} */ body,
  { trace = `trace-${index}`, contentType = "application/json" } = {},
) {
  const id = `T_sub-0@@session-Zs0VNbvnXcfUb7Ml8vQ1sA@@${index + 1}`;
  const octets = typeof body === "string" ? Buffer.from(body) : body;
  const head =
    `MESSAGE\nsubscription:sub-0\ndestination:${DESTINATION}\nmessage-id:${id}\nredelivered:false\n` +
    `x-trace:${trace}\npriority:4\ncontent-type:${contentType}\ncontent-length:${octets.length}\n\n`;
  return { id, body, octets: Buffer.concat([Buffer.from(head), octets, Buffer.from("\0\n")]) };
}

/** @returns {Sample[]} */
function samplesOf(/** @type {number} */ count, /** @type {(index: number) => Sample} */ make) {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** Cut into chunks of their own memory each, as a socket's reads are. */
function cut(/** @type {Sample[]} */ samples, /** @type {number} */ size) {
  const all = Buffer.concat(samples.map(({ octets }) => octets));
  const chunks = [];
  for (let from = 0; from < all.length; from += size) chunks.push(owned(all.subarray(from, from + size)));
  return chunks;
}

function owned(/** @type {Uint8Array} */ octets) {
  const buffer = Buffer.allocUnsafeSlow(octets.length);
  buffer.set(octets);
  return buffer;
}

/** A string as a WebSocket delivers it: flat, and nobody's slice. */
function textOf(/** @type {Buffer} */ octets) {
  return octets.toString("utf8");
}

function binaryBody(/** @type {number} */ length) {
  const body = new Uint8Array(length);
  for (let at = 0; at < length; at++) body[at] = (at * 31 + (at >> 8)) & 0xff;
  return body;
}

/** So many small frames are some 128 KiB. They come more than once on a connection, which seldom has as few. */
const MANY = 368;
const LIVES = 10;
const small = () => samplesOf(MANY, (index) => messageFrame(index, jsonBody(index, 100)));

/** @type {Readonly<Record<string, () => Omit<DecodeWorkload, "key">>>} */
const DECODE = {
  "tcp-many": () => {
    const samples = small();
    return {
      title: "64 KiB chunks of many frames",
      carrier: "stream",
      chunks: cut(samples, 65_536),
      samples,
      units: MANY,
      lives: LIVES,
      binary: false,
    };
  },
  "tcp-unicode": () => {
    const samples = samplesOf(MANY, (index) =>
      messageFrame(index, `{"n":${index},"text":"Grüße aus Zürich – 東京 🚀 ${"žluťoučký kůň ".repeat(4)}"}`),
    );
    return {
      title: "64 KiB chunks, unicode bodies",
      carrier: "stream",
      chunks: cut(samples, 65_536),
      samples,
      units: MANY,
      lives: LIVES,
      binary: false,
    };
  },
  "tcp-single": () => {
    const samples = small();
    return {
      title: "one frame a TCP chunk",
      carrier: "stream",
      chunks: samples.map(({ octets }) => owned(octets)),
      samples,
      units: MANY,
      lives: LIVES,
      binary: false,
    };
  },
  "ws-text": () => {
    const samples = small();
    return {
      title: "one WebSocket text message each",
      carrier: "text",
      chunks: samples.map(({ octets }) => textOf(octets)),
      samples,
      units: MANY,
      lives: LIVES,
      binary: false,
    };
  },
  "ws-text-short": () => ({
    ...DECODE["ws-text"](),
    title: `the same, ${MANY} messages a connection`,
    lives: 1,
  }),
  "ws-binary": () => {
    const samples = small();
    return {
      title: "one WebSocket binary message each",
      carrier: "binary",
      chunks: samples.map(({ octets }) => owned(octets)),
      samples,
      units: MANY,
      lives: LIVES,
      binary: false,
    };
  },
  escaped: () => {
    const samples = samplesOf(MANY, (index) =>
      messageFrame(index, jsonBody(index, 100), { trace: `http\\c//host\\c80/a\\nb\\\\c-${index}` }),
    );
    return {
      title: "64 KiB chunks, escaped headers",
      carrier: "stream",
      chunks: cut(samples, 65_536),
      samples,
      units: MANY,
      lives: LIVES,
      binary: false,
    };
  },
  "byte-wise": () => {
    const samples = small().slice(0, 40);
    return {
      title: "one byte a chunk",
      carrier: "stream",
      chunks: cut(samples, 1),
      samples,
      units: samples.length,
      lives: 1,
      binary: false,
    };
  },
  "text-10k": () => {
    const samples = samplesOf(40, (index) => messageFrame(index, jsonBody(index, 10_240)));
    return {
      title: "64 KiB chunks, 10 KB text",
      carrier: "stream",
      chunks: cut(samples, 65_536),
      samples,
      units: samples.length,
      lives: 1,
      binary: false,
    };
  },
  "binary-1m": () => binaryWorkload(1, 4),
  "binary-16m": () => binaryWorkload(16, 1),
  "binary-64m": () => binaryWorkload(64, 1),
  "heart-beats": () => ({
    title: "heart-beats, 1 KiB a chunk",
    carrier: "stream",
    chunks: samplesOf(4, () => ({ id: "", body: "", octets: Buffer.alloc(0) })).map(() =>
      owned(Buffer.alloc(1024, "\n")),
    ),
    samples: [],
    units: 4096,
    lives: 1,
    binary: false,
  }),
};

/** @returns {Omit<DecodeWorkload, "key">} */
function binaryWorkload(/** @type {number} */ mebibytes, /** @type {number} */ count) {
  const body = binaryBody(mebibytes * 1_048_576);
  const samples = samplesOf(count, (index) => messageFrame(index, body, { contentType: "application/octet-stream" }));
  return {
    title: `${mebibytes} MiB binary in 16 KiB chunks`,
    carrier: "stream",
    chunks: cut(samples, 16_384),
    samples,
    units: count,
    lives: 1,
    binary: true,
  };
}

/** The names of the decode workloads. */
export const DECODE_KEYS = Object.keys(DECODE);

/**
 * Make a decode workload.
 *
 * @param {string} key
 * @returns {DecodeWorkload}
 */
export function decodeWorkload(key) {
  const make = DECODE[key];
  if (make === undefined) throw new RangeError(`no workload ${key}`);
  return { key, ...make() };
}

/** What is encoded: a SEND with a destination, a content type and a header of the user's. */
export const SEND = {
  destination: DESTINATION,
  contentType: "application/json",
  /** A header that changes with each frame, as a correlation id does. */
  traces: Array.from({ length: 256 }, (_, index) => `trace-${100_000 + index}`),
  bodies: Array.from({ length: 256 }, (_, index) => jsonBody(index, 100)),
  large: binaryBody(1_048_576),
};

/** So many MESSAGE frames with JSON bodies of a size, as octets: what a far end sends. */
export function messageFrames(/** @type {number} */ count, /** @type {number} */ size) {
  return samplesOf(count, (index) => messageFrame(index, jsonBody(index, size))).map(({ octets }) => octets);
}
