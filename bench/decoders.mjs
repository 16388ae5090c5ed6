/** The decoders, each fed as it is fed in life, and each handing over one header and the body of every MESSAGE. */
import { Buffer } from "node:buffer";
import { FrameImpl, Parser } from "@stomp/stompjs";
import stompit from "stompit";
import webstomp from "webstomp-client";

/** @typedef {import("./workloads.mjs").DecodeWorkload} DecodeWorkload */
/** @typedef {(id: string, body: string | Uint8Array) => void} Sink */

/**
 * A decoder at work on one connection: `push` takes a chunk; `done`, where there is one, resolves
 * when all samples are decoded, once more.
 *
 * @typedef {{ push(chunk: any): unknown, done?(): Promise<void> }} Reader
 */

/**
 * @typedef {object} Decoder
 * @property {string} name
 * @property {(workload: DecodeWorkload) => boolean} [can]
 * @property {(chunk: Buffer | string) => unknown} [prepare] turns a chunk into what the transport would hand over
 * @property {(sink: Sink, workload: DecodeWorkload) => Reader} open
 */

/**
 * The decoder of this library.
 *
 * @param {string} name
 * @param {{ FrameDecoder: any }} core
 * @returns {Decoder}
 */
export function libraryDecoder(name, { FrameDecoder }) {
  return {
    name,
    open(sink, { binary }) {
      const decoder = new FrameDecoder({ version: "1.2" });
      return {
        push(chunk) {
          decoder.push(chunk);
          for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
            sink(frame.headers.get("message-id"), binary ? frame.body : frame.text());
          }
        },
      };
    },
  };
}

/** An octet chunk as a WebSocket with `binaryType` "arraybuffer" has it in its event. */
function asArrayBuffer(/** @type {Buffer | string} */ chunk) {
  return typeof chunk === "string" ? chunk : chunk.buffer.slice(chunk.byteOffset, chunk.byteOffset + chunk.length);
}

/** @type {Decoder} */
const stompjsDecoder = {
  name: "stompjs",
  prepare: asArrayBuffer,
  open(sink, { binary }) {
    const parser = new Parser(
      (raw) => {
        const frame = FrameImpl.fromRawFrame(raw, true);
        sink(frame.headers["message-id"] ?? "", binary ? frame.binaryBody : frame.body);
      },
      () => undefined,
    );
    return {
      push(chunk) {
        parser.parseChunk(chunk);
      },
    };
  },
};

/** @type {Decoder} */
const stompitDecoder = {
  name: "stompit",
  can: ({ carrier }) => carrier === "stream",
  // As its Socket reads: one frame at a time, the next when the body of the last one has ended.
  open(sink, { binary, samples }) {
    const incoming = new stompit.IncomingFrameStream();
    incoming.setVersion("1.2");
    let isReading = false;
    let left = samples.length;
    /** @type {() => void} */
    let resolve = () => undefined;
    const again = (/** @type {() => void} */ resolved) => {
      left = samples.length;
      resolved();
    };
    /** @type {(error: Error) => void} */
    let reject = () => undefined;
    const read = () => {
      if (isReading) return;
      const frame = incoming.read();
      if (!frame) return;
      isReading = true;
      frame.on("end", () => {
        isReading = false;
        process.nextTick(read);
      });
      /** @type {(body: string | Uint8Array) => void} */
      const take = (body) => {
        sink(frame.headers["message-id"], body);
        if (--left === 0) resolve();
      };
      if (binary) readOctets(frame, take);
      else
        frame.readString("utf8", (/** @type {Error | null} */ error, /** @type {string} */ body) =>
          error ? reject(error) : take(body),
        );
    };
    incoming.on("readable", read);
    incoming.on("error", (/** @type {Error} */ error) => reject(error));
    read();
    return {
      push(chunk) {
        incoming.write(chunk);
      },
      done: () =>
        new Promise((resolved, rejected) => {
          if (left > 0) [resolve, reject] = [() => again(resolved), rejected];
          else if (samples.length > 0) again(resolved);
          else incoming.write("", () => resolved());
        }),
    };
  },
};

function readOctets(
  /** @type {import("node:stream").Readable} */ frame,
  /** @type {(body: Uint8Array) => void} */ take,
) {
  /** @type {Buffer[]} */
  const parts = [];
  frame.on("data", (part) => parts.push(part));
  frame.on("end", () => take(Buffer.concat(parts)));
}

/** @type {Decoder} */
const webstompDecoder = {
  name: "webstomp",
  prepare: asArrayBuffer,
  // Its text is the body: octets that are no UTF-8 make it throw.
  can: ({ binary }) => !binary,
  open(sink) {
    /** @type {any} */
    const socket = { OPEN: 1, readyState: 0 };
    const client = webstomp.over(socket, { debug: false, heartbeat: false });
    client.connect({}, () => undefined);
    client.onreceive = (/** @type {any} */ frame) => sink(frame.headers["message-id"], frame.body);
    return {
      push(data) {
        socket.onmessage({ data });
      },
    };
  },
};

/**
 * What any decoder must do at least: find the ends of the frames, and make text of the octets. It knows how long the
 * frames are made (as no decoder can), and reads no header: its sink is handed the whole frame.
 *
 * @type {Decoder}
 */
const floorDecoder = {
  name: "floor",
  open(_sink, { binary, samples }) {
    const { octets } = samples[0] ?? { octets: Buffer.alloc(0) };
    let left = 0;
    let found = 0;
    return {
      push(chunk) {
        if (typeof chunk === "string") {
          found += chunk.indexOf("\0");
          return;
        }
        if (binary) {
          // A copy of each chunk into memory of the frame's size.
          if (left < chunk.length) {
            this.frame = Buffer.allocUnsafeSlow(octets.length);
            left = octets.length;
          }
          this.frame?.set(chunk, octets.length - left);
          left -= chunk.length;
          return;
        }
        for (let at = chunk.indexOf(0); at >= 0; at = chunk.indexOf(0, at + 1)) found++;
        found += chunk.utf8Slice(0, chunk.length).length;
      },
      get found() {
        return found;
      },
      /** @type {Buffer | undefined} */
      frame: undefined,
    };
  },
};

/** The other decoders. */
export const PEER_DECODERS = [stompjsDecoder, stompitDecoder, webstompDecoder];
export { floorDecoder };
