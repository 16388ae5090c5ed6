import { describe, expect, test } from "vitest";
import type { Client, Message } from "../../src/index.js";
import { FOR_BURSTS, TABLE, open } from "./clients.js";
import { drain, sendAll, texts } from "../support/messages.js";
import { describeRabbitMq, freshQueue } from "./with-rabbitmq.js";

const ALL = Array.from({ length: 2000 }, (_, index) => String(index));

describeRabbitMq("disconnecting from RabbitMQ in the midst of work", () => {
  describe.each(TABLE)("over $carrier with STOMP $version", (row) => {
    async function filled(): Promise<string> {
      const destination = freshQueue();
      await using client = await open(row, FOR_BURSTS);
      await Promise.all(
        ALL.map((body) => client.send(destination, body, { receipt: true, headers: { persistent: true } })),
      );
      return destination;
    }

    /** What is left for the next one. */
    async function rest(destination: string): Promise<string[]> {
      await using client = await open(row, FOR_BURSTS);
      return texts(await drain(client, destination));
    }

    test("handlers finish and acknowledge: what was processed does not come again, and nothing is lost", async () => {
      const [destination, results] = [await filled(), freshQueue()];
      const begun: string[] = [];
      const done: string[] = [];
      let enough = (): void => undefined;
      const amidWork = new Promise<void>((resolve) => {
        enough = resolve;
      });
      async function consumer(): Promise<Client> {
        const client = await open(row, { ...FOR_BURSTS, disconnectTimeout: 60_000 });
        await client.subscribe(
          destination,
          async (message) => {
            begun.push(message.text());
            await client.send(results, message.text(), { receipt: true });
            done.push(message.text());
            if (done.length === 500) enough();
          },
          { ack: "client-individual", concurrency: 8, prefetch: 100 },
        );
        return client;
      }
      const consumers = await Promise.all([consumer(), consumer()]);
      await amidWork;
      await Promise.all(consumers.map((client) => client.disconnect()));
      expect(begun.length).toBe(done.length); // none was cut off
      const [left, confirmed] = [await rest(destination), await rest(results)];
      expect(done.length).toBeGreaterThanOrEqual(500);
      expect(done.length).toBeLessThan(ALL.length);
      expect([...done, ...left].sort()).toEqual([...ALL].sort()); // each of them once
      expect(confirmed.sort()).toEqual([...done].sort());
    });

    test("readers finish, too", async () => {
      const [destination, results] = [await filled(), freshQueue()];
      const done: string[] = [];
      const client = await open(row, { ...FOR_BURSTS, disconnectTimeout: 60_000 });
      const subscription = await client.subscribe(destination, { ack: "client", prefetch: 100 });
      let disconnecting: Promise<void> | undefined;
      for await (const message of subscription) {
        if (done.length === 100) disconnecting = client.disconnect();
        await client.send(results, message.text(), { receipt: true });
        await message.ack();
        done.push(message.text());
      }
      await disconnecting;
      expect(done).toEqual(ALL.slice(0, 101));
      expect((await rest(destination)).sort()).toEqual(ALL.slice(101).sort());
    });

    test("handlers move messages to another queue in transactions: each is in one of both", async () => {
      const [from, to] = [freshQueue(), freshQueue()];
      const few = ALL.slice(0, 200);
      const client = await open(row, { ...FOR_BURSTS, disconnectTimeout: 60_000 });
      await sendAll(client, from, few);
      let moved = 0;
      const amidWork = new Promise<void>((resolve) => {
        const handler = (message: Message): Promise<void> =>
          client.transaction(async (transaction) => {
            await transaction.ack(message);
            await transaction.send(to, message.text());
            moved++;
            if (moved === 50) resolve();
          });
        void client.subscribe(from, handler, { ack: "client-individual", concurrency: 8, prefetch: 20 });
      });
      await amidWork;
      await client.disconnect();
      const [left, there] = [await rest(from), await rest(to)];
      expect(there.length).toBeGreaterThanOrEqual(50);
      expect(there.length).toBeLessThan(200);
      expect([...left, ...there].sort()).toEqual([...few].sort());
    });
  });
});
