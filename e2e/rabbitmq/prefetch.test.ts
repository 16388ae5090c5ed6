import { describe, expect, test } from "vitest";
import { type Client, SlowConsumerError, type SubscribeOptions, type Subscription } from "../../src/index.js";
import { drain, failure, take } from "../support/messages.js";
import { FOR_BURSTS, TABLE, open } from "./clients.js";
import { LossyClient, framesOf } from "./lossy-client.js";
import { describeRabbitMq, freshQueue } from "./with-rabbitmq.js";

const NEWEST = TABLE.filter(({ version }) => version === "1.2");
const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index));

/** Fill a queue with so many messages. */
async function filled(client: Client, count: number): Promise<string> {
  const destination = freshQueue();
  await Promise.all(numbers(count).map((body) => client.send(destination, body, { receipt: true })));
  return destination;
}

/** Whatever RabbitMQ was about to send has come. */
async function caughtUp(client: Client): Promise<void> {
  for (let round = 0; round < 20; round++) await client.send(freshQueue(), "", { receipt: true });
}

/** Subscribe, and wait until so many messages are here that are not acknowledged. */
async function holding(
  client: Client,
  destination: string,
  options: SubscribeOptions,
  count: number,
): Promise<Subscription> {
  const subscription = await client.subscribe(destination, options);
  const unread = async (): Promise<number> => {
    await client.send(freshQueue(), "", { receipt: true }); // while it waits for that, the client reads on and on
    return subscription.unread;
  };
  await expect.poll(unread).toBeGreaterThanOrEqual(count);
  return subscription;
}

describeRabbitMq("what RabbitMQ sends ahead", () => {
  describe.each(TABLE)("over $carrier with STOMP $version", (row) => {
    test.each([
      ["client-individual", 100],
      ["client", 1000],
    ] as const)("is bounded by default in the mode %s, to %s messages", async (ack, bound) => {
      await using client = await open(row, FOR_BURSTS);
      const destination = await filled(client, bound + 50);
      const frames = framesOf(client, "SUBSCRIBE");
      const subscription = await holding(client, destination, { ack, buffer: { messages: 5000 } }, bound);
      await caughtUp(client);
      expect(subscription.unread).toBe(bound);
      expect(frames.map((headers) => headers.get("prefetch-count"))).toEqual([String(bound)]);
      const messages = await take(subscription, 10);
      await caughtUp(client);
      expect(subscription.unread).toBe(bound - 10); // handed out is not acknowledged
      for (const message of messages) await message.ack();
      await holdsAgain(client, subscription, bound);
    });

    test("a reader that waits with all of it unacknowledged is told so, and goes on after an acknowledgement", async () => {
      await using client = await open(row);
      const destination = await filled(client, 101);
      const statuses: unknown[] = [];
      client.onStatus((status) => {
        if (status.type === "prefetch-used-up") statuses.push(status);
      });
      const subscription = await client.subscribe(destination, { ack: "client-individual" });
      const messages = await take(subscription, 100);
      expect(statuses).toEqual([]);
      const next = subscription.next();
      expect(statuses).toEqual([
        { type: "prefetch-used-up", subscription: subscription.id, destination, prefetch: 100 },
      ]);
      await messages[50]?.ack();
      const last = await next;
      expect(last.value?.text()).toBe("100");
      for (const message of messages) await message.ack();
      await last.value?.ack({ receipt: true });
      expect(statuses).toHaveLength(1);
    });

    test("has no bound with Infinity, also after a subscription that had one", async () => {
      await using client = await open(row, FOR_BURSTS);
      const [one, two] = [await filled(client, 20), await filled(client, 500)];
      const frames = framesOf(client, "SUBSCRIBE");
      await holding(client, one, { ack: "client-individual", prefetch: 5 }, 5);
      await holding(client, two, { ack: "client-individual", prefetch: Infinity }, 500);
      expect(frames.map((headers) => headers.get("prefetch-count"))).toEqual(["5", "0"]);
    });

    test("is bounded alike in the next session", async () => {
      await using lossy = await LossyClient.open(row);
      const { client } = lossy;
      const destination = await filled(client, 150);
      const frames = framesOf(client, "SUBSCRIBE");
      const subscription = await holding(client, destination, { ack: "client-individual" }, 100);
      await lossy.lose();
      await holdsAgain(client, subscription, 100);
      expect(frames.map((headers) => headers.get("prefetch-count"))).toEqual(["100", "100"]);
    });

    test("is not asked about in the mode auto", async () => {
      await using client = await open(row);
      const frames = framesOf(client, "SUBSCRIBE");
      await client.subscribe(freshQueue(), { receipt: true });
      expect(frames.map((headers) => headers.has("prefetch-count"))).toEqual([false]);
    });
  });

  describe.each(NEWEST)("over $carrier", (row) => {
    const BACKLOG = 30_000;

    /** A queue with a long backlog. */
    async function backlog(client: Client): Promise<string> {
      const destination = freshQueue();
      for (let count = 1; count < BACKLOG; count++) await client.send(destination, "a small message");
      await client.send(destination, "the last one", { receipt: true });
      return destination;
    }

    test("lets an ordinary relay loop work with a backlog that no buffer takes", async () => {
      await using client = await open(row, FOR_BURSTS);
      const [from, to] = [await backlog(client), freshQueue()];
      const subscription = await client.subscribe(from, { ack: "client-individual" });
      const relayed = 3000;
      let count = 0;
      let most = 0;
      for await (const message of subscription) {
        most = Math.max(most, subscription.unread);
        await client.send(to, message.bytes, { receipt: true });
        await message.ack();
        if (++count === relayed) break;
      }
      expect(most).toBeLessThan(100);
      expect(client.metrics().messagesDropped).toBe(0);
      await client.reconnect();
      const left = await drain(client, from);
      expect(left).toHaveLength(BACKLOG - relayed);
      expect(await drain(client, to)).toHaveLength(relayed);
    });

    test("has no bound in the mode auto: a relay loop ends, is told what to do, and nothing is dropped uncounted", async () => {
      await using client = await open(row, FOR_BURSTS);
      const [from, to] = [await backlog(client), freshQueue()];
      const came = framesOf(client, "MESSAGE");
      let relayed = 0;
      const relay = async (): Promise<void> => {
        for await (const message of await client.subscribe(from)) {
          await client.send(to, message.bytes, { receipt: true });
          if (++relayed === BACKLOG) break;
        }
      };
      const error = await failure(relay());
      expect(error).toBeInstanceOf(SlowConsumerError);
      expect(String(error)).toContain('use the ack mode "client-individual"');
      await client.disconnect();
      expect(client.metrics().messagesDropped).toBe(came.length - relayed);
    });
  });
});

/** The broker sends on until the bound is reached again. */
async function holdsAgain(client: Client, subscription: Subscription, bound: number): Promise<void> {
  const unread = async (): Promise<number> => {
    await client.send(freshQueue(), "", { receipt: true });
    return subscription.unread;
  };
  await expect.poll(unread).toBe(bound);
  await caughtUp(client);
  expect(subscription.unread).toBe(bound);
}
