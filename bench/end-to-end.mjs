/** The end-to-end workloads: a client against a far end in another thread, over loopback. */
import { once } from "node:events";
import { connect } from "node:net";
import { performance } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { WebSocket } from "ws";
import { CLIENTS } from "./clients.mjs";
import { quantile } from "./measure.mjs";
import { SEND } from "./workloads.mjs";

/** @typedef {import("./clients.mjs").Ports} Ports */
/** @typedef {{ name: string, run: () => Promise<number> }} Runner `run` resolves with how long it took, in ns */
/** @typedef {"webSocket" | "tcp"} Carrier */

const { destination, contentType, traces, bodies } = SEND;
/** The subscription that the far end's frames are for. */
const SUBSCRIPTION = "sub-0";
const CARRIERS = /** @type {const} */ ({ webSocket: "WebSocket", tcp: "TCP" });

setFlagsFromString("--expose-gc");
/** @type {() => void} */
const collectGarbage = runInNewContext("gc");

/** Workloads by key: what they do with a client, and how many units that is. */
const WORKLOADS = {
  consume: { title: "consume", count: 50_000, size: 100, make: consume, floor: consumeFloor },
  "consume-10k": { title: "consume 10 KB", count: 2000, size: 10_240, make: consume, floor: consumeFloor },
  publish: { title: "publish in a loop", count: 20_000, size: 100, make: publish, floor: publishFloor },
  receipts: { title: "receipts, 100 at a time", count: 4000, size: 100, make: receipts, floor: undefined },
  "round-trip": { title: "receipt round trip, p50", count: 300, size: 100, make: roundTrips, floor: undefined },
};

/** Subscribe, and read one header and the body of each message. @returns {Promise<Runner["run"]>} */
async function consume(/** @type {import("./clients.mjs").BenchClient} */ client, { count = 0, size = 0 }) {
  return () =>
    new Promise((resolve) => {
      let left = count;
      let characters = 0;
      const from = performance.now();
      client.subscribe({ destination, id: SUBSCRIPTION, bench: `${count},${size}` }, (id, body) => {
        characters += (id ?? "").length + body.length;
        if (--left > 0) return;
        if (characters < count * size) throw new Error("bodies are missing");
        resolve((performance.now() - from) * 1e6);
      });
    });
}

/** Send frames in a loop, turn by turn of the event loop, and wait until the far end has all. */
async function publish(/** @type {import("./clients.mjs").BenchClient} */ client, { count = 0 }) {
  return async () => {
    const from = performance.now();
    for (let i = 0; i < count; i++) {
      void client.send(destination, headersOf(i), bodies[i & 255] ?? "");
      if (i % 100 === 99) await turn();
    }
    await client.sendConfirmed(destination, headersOf(0), "last");
    return (performance.now() - from) * 1e6;
  };
}

async function receipts(/** @type {import("./clients.mjs").BenchClient} */ client, { count = 0 }) {
  return async () => {
    const from = performance.now();
    for (let i = 0; i < count; i += 100) {
      const pending = [];
      for (let j = 0; j < 100; j++) {
        pending.push(client.sendConfirmed(destination, headersOf(j), bodies[j] ?? ""));
      }
      await Promise.all(pending);
    }
    return (performance.now() - from) * 1e6;
  };
}

/** One after the other; the time is that of the median. */
async function roundTrips(/** @type {import("./clients.mjs").BenchClient} */ client, { count = 0 }) {
  return async () => {
    const times = [];
    // stompit waits 44 ms for each of its own delayed ACKs: that need not be seen 300 times.
    const end = performance.now() + 1000;
    for (let i = 0; i < count && performance.now() < end; i++) {
      const from = performance.now();
      await client.sendConfirmed(destination, headersOf(i), bodies[i & 255] ?? "");
      times.push((performance.now() - from) * 1e6);
    }
    return quantile(times, 0.5) * count;
  };
}

const headersOf = (/** @type {number} */ i) => ({ "content-type": contentType, "x-trace": traces[i & 255] ?? "" });

function turn() {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** A bare socket that counts NULs. */
async function consumeFloor(/** @type {Carrier} */ carrier, /** @type {Ports} */ ports, { count = 0, size = 0 }) {
  const subscribe = `SUBSCRIBE\ndestination:/q\nid:1\nbench:${count},${size}\n\n\0`;
  const run = async (
    /** @type {(text: string) => void} */ say,
    /** @type {(take: (data: Uint8Array) => void) => void} */ listen,
  ) =>
    new Promise((resolve) => {
      let left = count;
      const from = performance.now();
      listen((data) => {
        for (let at = data.indexOf(0); at >= 0; at = data.indexOf(0, at + 1)) left--;
        if (left <= 0) resolve((performance.now() - from) * 1e6);
      });
      say(subscribe);
    });
  if (carrier === "tcp") {
    const socket = await bareSocket(ports.tcp);
    return {
      run: () =>
        run(
          (text) => socket.write(text),
          (take) => void socket.removeAllListeners("data").on("data", take),
        ),
      close: () => socket.destroy(),
    };
  }
  const socket = await bareWebSocket(ports.webSocket);
  return {
    run: () =>
      run(
        (text) => socket.send(text),
        (take) => void socket.removeAllListeners("message").on("message", take),
      ),
    close: () => socket.terminate(),
  };
}

/** A bare socket, one write a frame, until the receipt of the last. */
async function publishFloor(/** @type {Carrier} */ carrier, /** @type {Ports} */ ports, { count = 0 }) {
  const frames = bodies.map(
    (body, i) => `SEND\ndestination:${destination}\nx-trace:${traces[i]}\ncontent-length:${body.length}\n\n${body}\0`,
  );
  const run = async (/** @type {(text: string) => void} */ say, /** @type {Promise<unknown>} */ answered) => {
    const from = performance.now();
    for (let i = 0; i < count; i++) {
      say(frames[i & 255] ?? "");
      if (i % 100 === 99) await turn();
    }
    say("SEND\ndestination:/q\nreceipt:last\n\n\0");
    await answered;
    return (performance.now() - from) * 1e6;
  };
  if (carrier === "tcp") {
    const socket = await bareSocket(ports.tcp);
    return { run: () => run((text) => socket.write(text), once(socket, "data")), close: () => socket.destroy() };
  }
  const socket = await bareWebSocket(ports.webSocket);
  return { run: () => run((text) => socket.send(text), once(socket, "message")), close: () => socket.terminate() };
}

async function bareSocket(/** @type {number} */ port) {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  return socket;
}

async function bareWebSocket(/** @type {number} */ port) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false, skipUTF8Validation: true });
  await once(socket, "open");
  return socket;
}

/**
 * @param {{ rounds: number, rows?: readonly string[] }} options
 * @param {(row: import("./report.mjs").Row) => void} report
 */
export async function measureEndToEnd({ rounds, rows }, report) {
  const worker = new Worker(new URL("far-end.mjs", import.meta.url));
  const [ports] = /** @type {[Ports]} */ (await once(worker, "message"));
  try {
    for (const [key, workload] of Object.entries(WORKLOADS)) {
      for (const carrier of /** @type {Carrier[]} */ (Object.keys(CARRIERS))) {
        const name = `${key}-${carrier === "tcp" ? "tcp" : "ws"}`;
        if (rows !== undefined && !rows.includes(name)) continue;
        report({
          group: "end to end",
          key: name,
          title: `${workload.title}, ${CARRIERS[carrier]}`,
          unit: key === "round-trip" ? "µs" : "per-second",
          per: workload.count,
          results: await measured(carrier, ports, workload, Math.ceil(rounds / 2)),
          marks: new Map(),
        });
      }
    }
  } finally {
    await worker.terminate();
  }
}

/** Interleaved rounds of all clients over one carrier; each has a connection of its own, and a round to warm up. */
async function measured(
  /** @type {Carrier} */ carrier,
  /** @type {Ports} */ ports,
  /** @type {(typeof WORKLOADS)[keyof typeof WORKLOADS]} */ workload,
  /** @type {number} */ rounds,
) {
  /** @type {{ name: string, samples: number[] }[]} */
  const entries = [...Object.keys(CLIENTS[carrier]), ...(workload.floor === undefined ? [] : ["floor"])].map(
    (name) => ({
      name,
      samples: [],
    }),
  );
  for (let round = -1; round < rounds; round++) {
    for (let at = 0; at < entries.length; at++) {
      const entry = entries[(at + round + 1) % entries.length];
      if (entry === undefined) continue;
      collectGarbage(); // the garbage of one is not to be the next one's burden
      const took = await roundOf(entry.name, carrier, ports, workload);
      if (round >= 0) entry.samples.push(took);
    }
  }
  return new Map(
    entries.map(({ name, samples }) => {
      const median = quantile(samples, 0.5);
      return [name, { median, spread: (quantile(samples, 0.75) - quantile(samples, 0.25)) / 2 / median }];
    }),
  );
}

/** One round over a connection of its own. */
async function roundOf(
  /** @type {string} */ name,
  /** @type {Carrier} */ carrier,
  /** @type {Ports} */ ports,
  /** @type {(typeof WORKLOADS)[keyof typeof WORKLOADS]} */ workload,
) {
  if (name === "floor" && workload.floor !== undefined) {
    const bare = await workload.floor(carrier, ports, workload);
    const took = /** @type {number} */ (await bare.run());
    bare.close();
    return took;
  }
  const client = await CLIENTS[carrier][name]?.(ports);
  if (client === undefined) throw new Error(`no client ${name}`);
  const run = await workload.make(client, workload);
  const took = /** @type {number} */ (await run());
  await client.close();
  return took;
}
