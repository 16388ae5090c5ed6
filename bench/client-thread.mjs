/**
 * One client of the end-to-end workloads, in a thread of its own: so no other's garbage is its burden, and what the engine has
 * learnt of the others' code does not slow it down. It is told a workload and answers how long a round took, in ns.
 */
import { once } from "node:events";
import { connect } from "node:net";
import { performance } from "node:perf_hooks";
import { parentPort, workerData } from "node:worker_threads";
import { WebSocket } from "ws";
import { PEER_CLIENTS, stompede } from "./clients.mjs";
import { quantile } from "./measure.mjs";
import { SEND } from "./workloads.mjs";

/** @typedef {import("./clients.mjs").Ports} Ports */
/** @typedef {{ run: () => Promise<number> }} Runner `run` resolves with how long it took, in ns */
/** @typedef {import("./clients.mjs").Carrier} Carrier */

const { destination, contentType, traces, bodies } = SEND;
/** The subscription that the far end's frames are for. */
const SUBSCRIPTION = "sub-0";

/** What each workload does with a client. */
const MAKE = { consume, publish, receipts, "round-trips": roundTrips };
const FLOOR = { consume: consumeFloor, publish: publishFloor };

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
 * Whose thread this is. `entry`: the module that a build of this library is imported from; peers and the floor have none.
 *
 * @type {{ name: string, carrier: Carrier, ports: Ports, entry: string | undefined }}
 */
const { name, carrier, ports, entry } = workerData;

/** One round over a connection of its own. */
async function roundOf(/** @type {import("./end-to-end.mjs").Workload} */ workload) {
  if (name === "floor") {
    if (workload.does !== "consume" && workload.does !== "publish") throw new Error(`no floor of ${workload.does}`);
    const bare = await FLOOR[workload.does](carrier, ports, workload);
    const took = /** @type {number} */ (await bare.run());
    bare.close();
    return took;
  }
  const client = await connectClient();
  const run = await MAKE[workload.does](client, workload);
  const took = await run();
  await client.close();
  return took;
}

async function connectClient() {
  if (entry !== undefined) return stompede((await import(entry)).connect, carrier, ports);
  const client = await PEER_CLIENTS[carrier][name]?.(ports);
  if (client === undefined) throw new Error(`no client ${name}`);
  return client;
}

parentPort?.on("message", async (workload) => {
  parentPort?.postMessage(await roundOf(workload));
});
