/** Much of everything, through RabbitMQ: what it takes is printed, and that nothing of it is kept afterwards is tested. */
import { expect, test } from "vitest";
import { type Client, type Subscription, connect } from "../../src/index.js";
import { deferred } from "../../src/internal/deferred.js";
import { describeRabbitMq, freshQueue, rabbitmq } from "../rabbitmq/with-rabbitmq.js";
import { GUEST } from "./lasting.js";
import { memoryInUse } from "./memory.js";

const SUBSCRIPTIONS = 10_000;
const CONNECTIONS = 1000;
const MESSAGES = 1_000_000;
/** So many sends are on their way before one is waited for: the queue in between stays short. */
const BATCH = 2000;
const MIB = 2 ** 20;
/** What may be in use afterwards that was not before: code that was compiled, pools of the platform. */
const SLACK = 16 * MIB;

/** A broker with much to do may answer late. */
const LASTING = { ...GUEST, receiptTimeout: 120_000, reconnect: false } as const;

/** A session that is lost fails a test at once, and with the reason: what was on its way then may never come. */
function rejectAtEnd(client: Client, all: () => { reject(reason: unknown): void }): void {
  client.onStatus((status) => {
    if (status.type === "disconnected" && status.reason !== undefined) all().reject(status.reason);
  });
}

/** RabbitMQ reads nothing, heart-beats neither, while it works off what it has read: each portion is to take it less than a beat. */
const PORTION = 500;

async function inPortions<T>(count: number, act: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  while (results.length < count) {
    const size = Math.min(PORTION, count - results.length);
    results.push(...(await Promise.all(Array.from({ length: size }, (_, index) => act(results.length + index)))));
  }
  return results;
}

/** Print how much memory is in use, and how long things took. */
function note(what: string, begin: { readonly memory: number; readonly time: number }, peak: number): void {
  const mib = (octets: number): string => (octets / MIB).toFixed(1);
  const seconds = ((performance.now() - begin.time) / 1000).toFixed(1);
  console.log(
    `${what}: ${seconds} s; memory before ${mib(begin.memory)}, at most ${mib(peak)}, after ${mib(memoryInUse())} MiB`,
  );
}

const now = (): { memory: number; time: number } => ({ memory: memoryInUse(), time: performance.now() });

/** Where a test got to, told by its failure when it hangs: the time it may take is over before that of the test. */
async function within<T>(limit: number, progress: () => unknown, work: () => Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`still at ${JSON.stringify(progress())} after ${limit} ms`)), limit);
  });
  try {
    return await Promise.race([late, work()]);
  } finally {
    clearTimeout(timer);
  }
}

describeRabbitMq("much of everything", () => {
  test(
    `${String(SUBSCRIPTIONS)} subscriptions on one connection, and again on the next`,
    { timeout: 400_000 },
    async () => {
      const begin = now();
      const base = freshQueue("topic");
      let peak: number;
      {
        await using client = await connect(rabbitmq.endpoints.tcp, { ...LASTING, reconnect: () => 100 });
        const received = new Uint8Array(SUBSCRIPTIONS);
        const progress = { subscribed: 0, sent: 0, rounds: 0, unsubscribed: 0 };
        let count = 0;
        let all = deferred<void>();
        rejectAtEnd(client, () => all);
        const subscribe = async (index: number): Promise<Subscription> => {
          const subscription = await client.subscribe(
            `${base}-${String(index)}`,
            (message) => {
              expect(message.text()).toBe(String(index));
              received[index] = (received[index] ?? 0) + 1;
              if (++count === SUBSCRIPTIONS) all.resolve();
            },
            { receipt: true },
          );
          progress.subscribed++;
          return subscription;
        };
        /** Have every subscription get a message. */
        const round = async (): Promise<void> => {
          all = deferred<void>();
          count = 0;
          for (progress.sent = 0; progress.sent < SUBSCRIPTIONS; progress.sent++) {
            await client.send(`${base}-${String(progress.sent)}`, String(progress.sent));
          }
          await all.promise;
          progress.rounds++;
          expect(received.every((times) => times === progress.rounds)).toBe(true);
        };
        const where = (): unknown => ({ ...progress, count, state: client.state, ...client.metrics() });
        peak = await within(380_000, where, async () => {
          const subscriptions = await inPortions(SUBSCRIPTIONS, subscribe);
          await round();
          await client.reconnect();
          await expect
            .poll(() => client.metrics(), { timeout: 200_000 })
            .toMatchObject({ connects: 2, receiptsPending: 0 });
          await round();
          const inUse = memoryInUse();
          await inPortions(SUBSCRIPTIONS, async (index) => {
            await subscriptions[index]?.unsubscribe({ receipt: true });
            progress.unsubscribed++;
          });
          return inUse;
        });
      }
      note(`${String(SUBSCRIPTIONS)} subscriptions`, begin, peak);
      expect(memoryInUse() - begin.memory).toBeLessThan(SLACK);
    },
  );

  test(`${String(CONNECTIONS)} connections in one process`, { timeout: 300_000 }, async () => {
    const begin = now();
    const queue = freshQueue();
    const clients: Client[] = [];
    const urls = [rabbitmq.endpoints.tcp, rabbitmq.endpoints.ws];
    let peak: number;
    try {
      const options = { ...GUEST, connectTimeout: 60_000, receiptTimeout: 60_000, reconnect: false } as const;
      while (clients.length < CONNECTIONS) {
        const some = Array.from({ length: 50 }, (_, index) => connect(urls[index % 2] ?? "", options));
        clients.push(...(await Promise.all(some)));
      }
      let count = 0;
      const all = deferred<void>();
      const reader = clients[0];
      await reader?.subscribe(queue, () => {
        if (++count === CONNECTIONS) all.resolve();
      });
      await Promise.all(clients.map((client) => client.send(queue, "from one of many", { receipt: true })));
      await all.promise;
      peak = memoryInUse();
      expect(clients.every(({ state }) => state === "connected")).toBe(true);
    } finally {
      await Promise.all(clients.splice(0).map((client) => client.disconnect()));
    }
    note(`${String(CONNECTIONS)} connections`, begin, peak);
    expect(memoryInUse() - begin.memory).toBeLessThan(SLACK);
  });

  test(`${String(MESSAGES)} messages`, { timeout: 600_000 }, async () => {
    const begin = now();
    const queue = freshQueue();
    let peak = 0;
    {
      await using sender = await connect(rabbitmq.endpoints.tcp, LASTING);
      await using reader = await connect(rabbitmq.endpoints.tcp, LASTING);
      let next = 0;
      const all = deferred<void>();
      rejectAtEnd(reader, () => all);
      await reader.subscribe(
        queue,
        (message) => {
          if (message.text() !== String(next)) all.reject(new Error(`${message.text()} came for ${String(next)}`));
          next++;
          if (next === MESSAGES) all.resolve();
        },
        { receipt: true },
      );
      for (let sent = 0; sent < MESSAGES; sent += BATCH) {
        for (let n = sent; n < sent + BATCH - 1; n++) void sender.send(queue, String(n));
        await sender.send(queue, String(sent + BATCH - 1), { receipt: true });
        if (sent % 100_000 === 0) peak = Math.max(peak, memoryInUse());
      }
      await all.promise;
      peak = Math.max(peak, memoryInUse());
      expect(reader.metrics()).toMatchObject({ messagesReceived: MESSAGES, messagesDropped: 0 });
    }
    note(`${String(MESSAGES)} messages`, begin, peak);
    expect(peak - begin.memory).toBeLessThan(4 * SLACK);
    expect(memoryInUse() - begin.memory).toBeLessThan(SLACK);
  });
});
