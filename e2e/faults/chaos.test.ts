import process from "node:process";
import { afterAll, beforeAll, describe, expect, onTestFailed, onTestFinished, test } from "vitest";
import { type Client, type Version, connect } from "../../src/index.js";
import { ARTEMIS } from "../brokers/artemis.js";
import type { BrokerKind, RunningBroker } from "../brokers/broker.js";
import { RABBITMQ } from "../brokers/rabbitmq.js";
import { drain } from "../support/messages.js";
import { expose, unleash } from "./chaos.js";
import { GUEST, lasting } from "./lasting.js";
import { Ledger } from "./ledger.js";
import { memoryInUse, thirds } from "./memory.js";
import { FaultProxy } from "./proxy.js";
import { randomOf } from "./random.js";
import { scheduleOf } from "./schedule.js";
import { consume, produce } from "./traffic.js";

const KINDS: readonly BrokerKind[] = [RABBITMQ, ARTEMIS];
const SECONDS = Number(process.env["CHAOS_SECONDS"] ?? 100);
const SEED = Number(process.env["CHAOS_SEED"] ?? Date.now() % 1_000_000);
const REPLAY = `CHAOS_SEED=${SEED} CHAOS_SECONDS=${SECONDS}`;

const CARRIERS = ["tcp", "ws"] as const;
const VERSIONS = ["1.0", "1.1", "1.2"] as const satisfies readonly Version[];
const MIB = 1_048_576;
/** How long what is under way at the end may take. */
const PATIENCE = 90_000;

for (const kind of KINDS) {
  const missing = await kind.ensure();
  if (missing !== undefined && process.env["CI"] === "true") throw new Error(`no ${kind.name}: ${missing}`);
  const title = `a long run of troubles with ${kind.name}, ${REPLAY}`;
  describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (${missing})`, () => {
    let broker: RunningBroker | undefined;
    beforeAll(async () => {
      broker = await kind.start();
    });
    afterAll(() => broker?.stop());

    test(
      "loses nothing that was confirmed, leaves no send without an outcome, and keeps no memory",
      { timeout: SECONDS * 1000 + 4 * PATIENCE },
      async () => {
        console.log(`${kind.name}: ${REPLAY}`);
        const random = randomOf(SEED);
        if (broker === undefined) throw new Error("there is no broker");
        const { tcp = "", ws = "" } = broker.address.endpoints;
        const portOf = (url: string): number => Number(new URL(url).port);
        await using tcpProxy = await FaultProxy.start(portOf(tcp), (one) => {
          expose(one, random.fork("tcp"));
        });
        await using wsProxy = await FaultProxy.start(portOf(ws), (one) => {
          expose(one, random.fork("ws"));
        });
        const urls = { tcp: tcpProxy.through(tcp), ws: wsProxy.through(ws) };

        // Each queue is written to and read by both carriers and by several versions.
        const queues = VERSIONS.map((_, index) => `/queue/chaos-${SEED}-${index}`);
        const ledger = new Ledger(CARRIERS.length * VERSIONS.length);
        const complaints: string[] = [];
        const stop = new AbortController();
        const producers: Client[] = [];
        const consumers: Client[] = [];
        const production: Promise<void>[] = [];
        for (const [index, carrier] of CARRIERS.entries()) {
          for (const [place, version] of VERSIONS.entries()) {
            const number = producers.length;
            const own = random.fork(`client ${number}`);
            const producer = lasting(urls[carrier], version, own, complaints);
            const consumer = lasting(urls[carrier], version, own.fork("consumer"), complaints);
            const parts = { ledger, random: own.fork("messages"), signal: stop.signal };
            await consume(consumer, queues[(place + 1 + index) % queues.length] ?? "", ledger, {
              ack: version === "1.0" ? "client" : "client-individual",
            });
            production.push(produce(producer, number, queues[place] ?? "", parts));
            producers.push(producer);
            consumers.push(consumer);
          }
        }
        const all = [...producers, ...consumers];
        onTestFailed(() => {
          console.log(
            REPLAY,
            ledger.tally(),
            ledger.missing(),
            ...all.map(({ state, session }) => ({ state, session })),
          );
          console.log(...all.map((client) => client.metrics()));
        });
        const samples: number[] = [];
        const sampling = setInterval(() => samples.push(memoryInUse()), Math.max(500, SECONDS * 15));
        onTestFinished(async () => {
          stop.abort();
          clearInterval(sampling);
          await Promise.all(all.map((client) => client.disconnect({ timeout: 1000 })));
        });
        await Promise.all(all.map((client) => client.connect()));

        const counts = await unleash(scheduleOf(random, SECONDS * 1000), { broker, proxies: [tcpProxy, wsProxy] });
        clearInterval(sampling);
        stop.abort();

        // Everything that was given to `send` gets an outcome.
        await expect.poll(() => ledger.tally().pending, { timeout: PATIENCE, interval: 200 }).toBe(0);
        await Promise.all(production);
        const left = (): number[] =>
          all.map((client) => {
            const { outboxMessages, receiptsPending, messagesUnread } = client.metrics();
            return outboxMessages + receiptsPending + messagesUnread;
          });
        await expect.poll(left, { timeout: PATIENCE, interval: 200 }).toEqual(all.map(() => 0));
        const sessions = all.map((client) => client.metrics().connects);
        await Promise.all(all.map((client) => client.disconnect()));

        // What the broker has yet is read over a connection that nothing happens to.
        await using clean = await connect(tcp, GUEST);
        for (const queue of queues) await consume(clean, queue, ledger, { ack: "client-individual" });
        await expect.poll(() => ledger.tally().missing, { timeout: PATIENCE, interval: 200 }).toBe(0);
        await clean.disconnect();
        await clean.connect();
        const rest = await Promise.all(queues.map((queue) => drain(clean, queue)));

        const tally = ledger.tally();
        const [, second, last] = thirds(samples);
        const connections = tcpProxy.count + wsProxy.count;
        console.log(
          `${kind.name}: ${REPLAY}`,
          { ...tally, ...counts, connections, reconnects: sessions.reduce((sum, n) => sum + n, 0) - all.length },
          `memory in MiB: ${samples.map((sample) => (sample / MIB).toFixed(1)).join(" ")}`,
          ledger.refusals,
        );
        expect(ledger.damaged).toEqual([]);
        expect(complaints).toEqual([]);
        expect(ledger.refusals).toEqual([]);
        expect(tally).toMatchObject({ pending: 0, missing: 0, refused: 0, confirmed: tally.sent });
        expect(tally.sent).toBeGreaterThan(SECONDS * 20);
        expect(rest.flat().map((message) => message.headers.get("x-number"))).toEqual([]);
        expect(last).toBeLessThan(1.25 * second + 8 * MIB);
        expect(sessions.every((count) => count > 1)).toBe(true);
      },
    );
  });
}
