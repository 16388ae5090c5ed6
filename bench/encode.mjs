/** The encode workloads: a SEND to text and to octets. What each candidate makes is checked first, by this library's decoder. */
import { Buffer } from "node:buffer";
import { Writable } from "node:stream";
import { FrameImpl } from "@stomp/stompjs";
import stompit from "stompit";
import webstomp from "webstomp-client";
import { timeOf } from "./measure.mjs";
import { SEND } from "./workloads.mjs";

const { destination, contentType, traces, bodies, large } = SEND;
const OCTETS = "application/octet-stream";
const textEncoder = new TextEncoder();

/** @typedef {string | Uint8Array | ArrayBuffer | undefined} Encoded */

/**
 * Makes the frame number `index` (below 256). `undefined`: it went elsewhere, see `sent`.
 *
 * @typedef {object} Encoder
 * @property {string} name
 * @property {(index: number) => Encoded} encode
 * @property {() => Promise<Uint8Array>} [sent] what was written since the last call
 */

/** @type {Readonly<Record<string, { title: string, encoders: (cores: [string, any][]) => Encoder[] }>>} */
const WORKLOADS = {
  "small-text": {
    title: "small JSON SEND to text",
    encoders: (cores) => textEncoders(cores, plain),
  },
  "small-bytes": {
    title: "small JSON SEND to octets",
    encoders: (cores) => octetEncoders(textEncoders(cores, plain)),
  },
  "traced-text": {
    title: "the same with a header that changes, to text",
    encoders: (cores) => textEncoders(cores, traced),
  },
  "traced-bytes": {
    title: "the same with a header that changes, to octets",
    encoders: (cores) => octetEncoders(textEncoders(cores, traced)),
  },
  "binary-1m": {
    title: "1 MiB binary SEND",
    encoders: (cores) => [
      ...cores.map(([name, core]) => ({ name, encode: libraryOctets(core) })),
      { name: "stompjs", encode: stompjsOctets },
      stompitEncoder(
        () => large,
        (index) => ({ ...traced(index), "content-type": OCTETS }),
      ),
      { name: "floor", encode: floorOctets },
    ],
  },
};

/**
 * The headers of the SEND number `index`, made anew as a program does.
 *
 * @typedef {(index: number) => Record<string, string | undefined>} HeadersOf
 */

/** @type {HeadersOf} */
const plain = () => ({ destination, "content-type": contentType });
/** @type {HeadersOf} */
const traced = (index) => ({ destination, "content-type": contentType, "x-trace": traces[index] });

function textEncoders(/** @type {[string, any][]} */ cores, /** @type {HeadersOf} */ headersOf) {
  return [
    ...cores.map(([name, core]) => ({ name, encode: libraryText(core, headersOf) })),
    { name: "stompjs", encode: stompjsText(headersOf) },
    stompitEncoder((index) => bodies[index] ?? "", headersOf),
    { name: "webstomp", encode: webstompText(headersOf) },
    { name: "floor", encode: headersOf === traced ? floorTraced : floorPlain },
  ];
}

/** A socket's `write` of text ends in octets: so do these. */
function octetEncoders(/** @type {Encoder[]} */ encoders) {
  return encoders.map((encoder) => {
    if (encoder.sent !== undefined) return encoder;
    const { name, encode } = encoder;
    return {
      name,
      encode: (/** @type {number} */ index) => {
        const frame = encode(index);
        return typeof frame === "string" ? textEncoder.encode(frame) : frame;
      },
    };
  });
}

function libraryText(/** @type {any} */ { FrameEncoder }, /** @type {HeadersOf} */ headersOf) {
  const encoder = new FrameEncoder({ version: "1.2" });
  return (/** @type {number} */ index) => encoder.encode("SEND", headersOf(index), bodies[index]);
}

function libraryOctets(/** @type {any} */ { FrameEncoder }) {
  const encoder = new FrameEncoder({ version: "1.2" });
  return (/** @type {number} */ index) =>
    encoder.encode("SEND", { destination, "content-type": OCTETS, "x-trace": traces[index] }, large);
}

function stompjsText(/** @type {HeadersOf} */ headersOf) {
  return (/** @type {number} */ index) => {
    const headers = /** @type {Record<string, string>} */ (headersOf(index));
    return new FrameImpl({ command: "SEND", headers, body: bodies[index], escapeHeaderValues: true }).serialize();
  };
}

function stompjsOctets(/** @type {number} */ index) {
  const headers = Object.assign({ destination }, { "content-type": OCTETS, "x-trace": traces[index] });
  return new FrameImpl({ command: "SEND", headers, binaryBody: large, escapeHeaderValues: true }).serialize();
}

function webstompText(/** @type {HeadersOf} */ headersOf) {
  return (/** @type {number} */ index) => webstomp.Frame.marshall("SEND", headersOf(index), bodies[index]);
}

/** The same text with the checks, the escapes and the order of headers left out. */
function floorPlain(/** @type {number} */ index) {
  const body = bodies[index] ?? "";
  return `SEND\ndestination:${destination}\ncontent-type:${contentType}\ncontent-length:${Buffer.byteLength(body)}\n\n${body}\0`;
}

function floorTraced(/** @type {number} */ index) {
  const body = bodies[index] ?? "";
  return `SEND\ndestination:${destination}\ncontent-type:${contentType}\nx-trace:${traces[index]}\ncontent-length:${Buffer.byteLength(body)}\n\n${body}\0`;
}

function floorOctets(/** @type {number} */ index) {
  const head = `SEND\ndestination:${destination}\ncontent-type:${OCTETS}\nx-trace:${traces[index]}\ncontent-length:${large.length}\n\n`;
  const frame = new Uint8Array(head.length + large.length + 1);
  textEncoder.encodeInto(head, frame);
  frame.set(large, head.length);
  return frame;
}

/** It writes a frame in pieces to a socket: here to one that keeps nothing of them. */
function stompitEncoder(
  /** @type {(index: number) => string | Uint8Array} */ body,
  /** @type {HeadersOf} */ headersOf,
) {
  /** @type {Buffer[] | undefined} */
  let kept;
  const socket = new Writable({
    write(chunk, _encoding, done) {
      kept?.push(chunk);
      done();
    },
  });
  socket.setMaxListeners(0);
  const outgoing = new stompit.OutgoingFrameStream(socket);
  outgoing.setVersion("1.2");
  return {
    name: "stompit",
    encode(/** @type {number} */ index) {
      const octets = body(index);
      const length = typeof octets === "string" ? Buffer.byteLength(octets) : octets.length;
      const frame = outgoing.frame("SEND", Object.assign(headersOf(index), { "content-length": length }));
      frame.write(octets);
      frame.end();
      return undefined;
    },
    async sent() {
      kept = [];
      this.encode(7);
      await settled();
      const octets = Buffer.concat(kept);
      kept = undefined;
      return octets;
    },
  };
}

function settled() {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** @type {import("./candidate-process.mjs").Group} */
export const encodeGroup = {
  keys: Object.keys(WORKLOADS),
  peersOf: (key) => WORKLOADS[key]?.encoders([]).map(({ name }) => name) ?? [],
  async prepare(key, name, core) {
    const workload = WORKLOADS[key];
    // The builds of the library come first: so a peer's name finds the peer.
    const encoder = workload?.encoders([[name, core]]).findLast((candidate) => candidate.name === name);
    if (workload === undefined || encoder === undefined) throw new RangeError(`no candidate ${name} for ${key}`);
    const trace = key.startsWith("small") ? undefined : traces[7];
    const isRight = isFrame(core, await octetsOf(encoder), trace, key === "binary-1m" ? large : bodies[7]);
    return {
      title: workload.title,
      per: BATCH,
      mark: isRight ? undefined : "wrong",
      run: (times) => timeOf(() => run(times, encoder)),
    };
  },
};

async function octetsOf(/** @type {Encoder} */ encoder) {
  if (encoder.sent !== undefined) return encoder.sent();
  const frame = encoder.encode(7);
  return typeof frame === "string" ? textEncoder.encode(frame) : new Uint8Array(frame ?? []);
}

function isFrame(
  /** @type {any} */ { FrameDecoder },
  /** @type {Uint8Array} */ octets,
  /** @type {string | undefined} */ trace,
  /** @type {string | Uint8Array | undefined} */ body,
) {
  const decoder = new FrameDecoder({ version: "1.2" });
  decoder.push(octets);
  const frame = decoder.next();
  const { headers } = frame;
  return (
    headers.get("destination") === destination &&
    headers.get("x-trace") === trace &&
    (typeof body === "string" ? frame.text() === body : Buffer.compare(frame.body, body ?? new Uint8Array()) === 0)
  );
}

/** Frames for each turn of the event loop, without which stompit's streams do not go on. */
const BATCH = 16;

async function run(/** @type {number} */ times, /** @type {Encoder} */ encoder) {
  const isStream = encoder.sent !== undefined;
  let sum = 0;
  for (let time = 0; time < times; time++) {
    for (let index = 0; index < BATCH; index++) {
      const frame = encoder.encode((time * BATCH + index) & 255);
      // One character of it is read: so a string is not left as a rope that nobody has joined.
      if (typeof frame === "string") sum += frame.charCodeAt(frame.length - 1);
    }
    if (isStream) await settled();
  }
  if (sum !== 0) throw new Error(`${encoder.name} made a frame that does not end in a NUL`);
}
