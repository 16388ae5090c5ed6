/**
 * The far end of the end-to-end workloads, in a thread of its own: it says as much STOMP as is needed, from frames made
 * beforehand, so that the client is what is measured.
 *
 *     SUBSCRIBE with the header `bench: N,SIZE`   N MESSAGE frames with bodies of SIZE characters, as fast as they go
 *     SEND                                        a RECEIPT if it asks for one; `\nbench:last` in it: told when all came
 */
import { Buffer } from "node:buffer";
import { createServer } from "node:net";
import { parentPort } from "node:worker_threads";
import { WebSocketServer } from "ws";
import { messageFrames } from "./workloads.mjs";

const CONNECTED = "CONNECTED\nversion:1.2\nserver:bench\nheart-beat:0,0\n\n\0";
const CHUNK = 65_536;

/** Frames for one SUBSCRIBE, made once: as they go over TCP, and as text messages of a WebSocket. @type {Map<string, { tcp: Buffer[], webSocket: Buffer[] }>} */
const made = new Map();

/** @param {string} wanted `N,SIZE` */
function framesFor(wanted) {
  let known = made.get(wanted);
  if (known === undefined) {
    const [count = 0, size = 0] = wanted.split(",").map(Number);
    const octets = messageFrames(count, size);
    known = {
      tcp: chunksOf(octets),
      webSocket: chunksOf(octets.flatMap((frame) => [messageHead(frame.length), frame])),
    };
    made.set(wanted, known);
  }
  return known;
}

/** @param {Buffer[]} parts */
function chunksOf(parts) {
  const all = Buffer.concat(parts);
  const chunks = [];
  for (let from = 0; from < all.length; from += CHUNK) chunks.push(all.subarray(from, from + CHUNK));
  return chunks;
}

/** What a server puts before a text message (RFC 6455, 5.2): `ws` would make it anew each time, and be what is measured. */
function messageHead(/** @type {number} */ length) {
  if (length < 126) return Buffer.of(0x81, length);
  const head = Buffer.of(0x81, 126, 0, 0);
  head.writeUInt16BE(length, 2);
  return head;
}

/** @param {import("node:stream").Writable} socket @param {Buffer[]} chunks */
async function writeAll(socket, chunks) {
  for (const chunk of chunks) {
    if (!socket.write(chunk)) await new Promise((resolve) => socket.once("drain", resolve));
  }
}

/**
 * Answer what a client says. `blast` sends the frames of a SUBSCRIBE.
 *
 * @param {(text: string) => void} say
 * @param {(wanted: string) => void} blast
 * @returns {(octets: Buffer) => void}
 */
function answerer(say, blast) {
  /** @type {Buffer} what is left of a frame */
  let rest = Buffer.alloc(0);
  return (octets) => {
    const all = rest.length === 0 ? octets : Buffer.concat([rest, octets]);
    let from = 0;
    let receipts = "";
    for (let to = all.indexOf(0, from); to >= 0; to = all.indexOf(0, from)) {
      while (all[from] === 10) from++;
      const command = all[from];
      if (command === 83 && all[from + 1] === 69) {
        // SEND: its head is looked at for a receipt only.
        const at = all.subarray(from, to).indexOf("\nreceipt:");
        if (at >= 0) receipts += receiptOf(all.toString("latin1", from, to));
      } else {
        const text = all.toString("latin1", from, to);
        if (text.startsWith("CONNECT\n") || text.startsWith("STOMP\n")) say(CONNECTED);
        const wanted = /\nbench:([^\n]*)/.exec(text)?.[1];
        if (text.startsWith("SUBSCRIBE\n") && wanted !== undefined) blast(wanted.replaceAll("\\c", ":"));
        else receipts += receiptOf(text);
      }
      from = to + 1;
    }
    rest = all.subarray(from);
    if (receipts !== "") say(receipts);
  };
}

/** @param {string} text */
function receiptOf(text) {
  const id = /\nreceipt:([^\n]*)/.exec(text)?.[1];
  return id === undefined ? "" : `RECEIPT\nreceipt-id:${id}\n\n\0`;
}

const tcp = createServer({ noDelay: true }, (socket) => {
  socket.on("error", () => {});
  const take = answerer(
    (text) => socket.write(text),
    (wanted) => void writeAll(socket, framesFor(wanted).tcp),
  );
  socket.on("data", take);
});

const webSocket = new WebSocketServer({
  host: "127.0.0.1",
  port: 0,
  perMessageDeflate: false,
  skipUTF8Validation: true,
});
webSocket.on("connection", (client, request) => {
  client.on("error", () => {});
  const { socket } = request;
  const take = answerer(
    (text) => {
      // One frame a message.
      for (const frame of text.split("\0").slice(0, -1)) client.send(`${frame}\0`);
    },
    (wanted) => void writeAll(socket, framesFor(wanted).webSocket),
  );
  client.on("message", (data) => take(/** @type {Buffer} */ (data)));
});

await Promise.all([
  new Promise((resolve) => tcp.listen(0, "127.0.0.1", () => resolve(undefined))),
  new Promise((resolve) => webSocket.once("listening", resolve)),
]);
parentPort?.postMessage({
  tcp: /** @type {import("node:net").AddressInfo} */ (tcp.address()).port,
  webSocket: /** @type {import("node:net").AddressInfo} */ (webSocket.address()).port,
});
