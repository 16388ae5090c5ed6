import process from "node:process";
import { afterAll, beforeAll, describe, expect, onTestFailed, onTestFinished, test } from "vitest";
import { type Client, connect } from "../../src/index.js";
import { QUORUM_QUEUE, RabbitMqCluster } from "../brokers/rabbitmq-cluster.js";
import { ensureRabbitMq } from "../brokers/rabbitmq.js";
import { GUEST, lasting } from "./lasting.js";
import { Ledger } from "./ledger.js";
import { randomOf } from "./random.js";
import { consume, produce } from "./traffic.js";

const SEED = Number(process.env["CHAOS_SEED"] ?? Date.now() % 1_000_000);
const ROWS = (["tcp", "ws"] as const).flatMap((carrier) =>
  (["1.1", "1.2"] as const).map((version) => ({ carrier, version })),
);
/** A node that is killed takes the leaders of queues with it: others are to be elected first. */
const PATIENCE = { timeout: 90_000, interval: 100 };

/** Where clients are: the host that each has its session with. */
class Places {
  readonly #places = new Map<Client, string>();

  watch(client: Client): void {
    let tried = "";
    client.onStatus((status) => {
      if (status.type === "connecting") tried = status.target;
      if (status.type === "connected") this.#places.set(client, new URL(tried).host);
      if (status.type === "disconnected") this.#places.delete(client);
    });
  }

  /** How many clients have a session with one of these URLs. */
  at(urls: Readonly<Record<string, string>>): number {
    const hosts = new Set(Object.values(urls).map((url) => new URL(url).host));
    return [...this.#places.values()].filter((host) => hosts.has(host)).length;
  }
}

const missing = await ensureRabbitMq();
if (missing !== undefined && process.env["CI"] === "true") throw new Error(`no RabbitMQ: ${missing}`);
const title = `clients of a RabbitMQ cluster, CHAOS_SEED=${SEED}`;
describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (no RabbitMQ: ${missing})`, () => {
  let cluster: RabbitMqCluster | undefined;
  let startTime = 0;
  beforeAll(async () => {
    const begin = performance.now();
    cluster = await RabbitMqCluster.start();
    startTime = performance.now() - begin;
  });
  afterAll(() => cluster?.stop());

  test("go on with another node when theirs is killed, and lose nothing", { timeout: 400_000 }, async () => {
    if (cluster === undefined) throw new Error("there is no cluster");
    const { nodes } = cluster;
    const random = randomOf(SEED);
    const queues = ROWS.map((_, index) => `/queue/cluster-${SEED}-${index}`);
    const ledger = new Ledger(ROWS.length);
    const complaints: string[] = [];
    const places = new Places();
    const stop = new AbortController();
    const clients: Client[] = [];
    const production: Promise<void>[] = [];
    for (const [index, { carrier, version }] of ROWS.entries()) {
      const own = random.fork(index);
      const urls = (by: "tcp" | "ws"): string[] => nodes.map(({ address }) => address.endpoints[by]);
      // A quorum queue without a leader refuses messages. Over TCP RabbitMQ ends the connection then; over WebSocket it may confirm
      // them (e2e/rabbitmq/refused.test.ts).
      const producer = lasting(urls("tcp"), version, own, complaints);
      const consumer = lasting(urls(carrier), version, own.fork("consumer"), complaints);
      const queue = queues[(index + 1) % queues.length] ?? "";
      for (const client of [producer, consumer]) places.watch(client);
      await consume(consumer, queue, ledger, { ack: "client-individual", headers: QUORUM_QUEUE });
      const messages = { ledger, random: own.fork("messages"), signal: stop.signal, headers: QUORUM_QUEUE };
      production.push(produce(producer, index, queues[index] ?? "", messages));
      clients.push(producer, consumer);
    }
    onTestFailed(() => {
      console.log(title, ledger.tally(), ledger.missing(), ...clients.map((client) => client.metrics()));
    });
    onTestFinished(async () => {
      stop.abort();
      await Promise.all(clients.map((client) => client.disconnect({ timeout: 1000 })));
    });
    await Promise.all(clients.map((client) => client.connect()));

    /** Resolves when so many more messages are confirmed, and so many more consumed. */
    const goesOn = async (count: number): Promise<void> => {
      const { confirmed, consumed } = ledger.tally();
      await expect.poll(() => ledger.tally().confirmed, PATIENCE).toBeGreaterThan(confirmed + count);
      await expect.poll(() => ledger.tally().consumed, PATIENCE).toBeGreaterThan(consumed + count);
    };
    const at = (): number[] => nodes.map(({ address }) => places.at(address.endpoints));
    await goesOn(500);
    await expect.poll(at, PATIENCE).toEqual([clients.length, 0, 0]);

    const times: number[] = [];
    const [first, second, third] = nodes;
    for (const [killed, expected] of [
      [first, [0, clients.length, 0]],
      [second, [clients.length, 0, 0]],
      [third, [clients.length, 0, 0]], // nobody was there, but perhaps leaders of queues
    ] as const) {
      await killed?.signal("SIGKILL");
      const begin = performance.now();
      await expect.poll(at, PATIENCE).toEqual(expected);
      times.push(Math.round(performance.now() - begin));
      await goesOn(500);
      await killed?.restart();
      await goesOn(200);
    }

    stop.abort();
    await expect.poll(() => ledger.tally().pending, PATIENCE).toBe(0);
    await Promise.all(production);
    const left = (): number[] =>
      clients.map((client) => client.metrics().outboxMessages + client.metrics().receiptsPending);
    await expect.poll(left, PATIENCE).toEqual(clients.map(() => 0));
    const reconnects = clients.map((client) => client.metrics().reconnects);
    await Promise.all(clients.map((client) => client.disconnect()));
    await using clean = await connect(third?.address.endpoints.tcp ?? "", GUEST);
    for (const queue of queues)
      await consume(clean, queue, ledger, { ack: "client-individual", headers: QUORUM_QUEUE });
    await expect.poll(() => ledger.tally().missing, PATIENCE).toBe(0);

    const tally = ledger.tally();
    console.log(
      `a cluster: CHAOS_SEED=${SEED}, started in ${Math.round(startTime)} ms`,
      { ...tally, kills: times.length, reconnects: reconnects.reduce((sum, n) => sum + n, 0) },
      `all clients were elsewhere after ${times.join(", ")} ms`,
    );
    expect(ledger.damaged).toEqual([]);
    expect(complaints).toEqual([]);
    expect(ledger.refusals).toEqual([]);
    expect(tally).toMatchObject({ pending: 0, missing: 0, confirmed: tally.sent - tally.refused });
    expect(Math.min(...reconnects)).toBeGreaterThanOrEqual(2);
  });
});
