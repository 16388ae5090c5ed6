import { describe, expect, test } from "vitest";
import type { Status } from "../../src/index.js";
import { TABLE, open } from "./clients.js";
import { drain, sendAll, take, texts } from "../support/messages.js";
import { describeRabbitMq, freshQueue } from "./with-rabbitmq.js";

const FIFTY = Array.from({ length: 50 }, (_, index) => String(index));

describeRabbitMq("disconnecting from RabbitMQ", () => {
  describe.each(TABLE)("over $carrier with STOMP $version", (row) => {
    test("tells so without a reason, and ends subscriptions without an error", async () => {
      await using client = await open(row);
      const statuses: Status[] = [];
      client.onStatus((status) => statuses.push(status));
      const subscription = await client.subscribe(freshQueue());
      const next = subscription.next();
      await client.disconnect();
      expect(statuses).toEqual([
        { type: "disconnecting" },
        { type: "disconnected", reason: undefined, reconnects: false },
      ]);
      expect(client.state).toBe("disconnected");
      expect(await next).toEqual({ done: true, value: undefined });
      await expect(subscription.ended).resolves.toBeUndefined();
    });

    test("waits for the receipts that are pending, and loses nothing of what was sent", async () => {
      const destination = freshQueue();
      const confirmed: string[] = [];
      {
        const client = await open(row);
        const sent = FIFTY.map(async (body) => {
          await client.send(destination, body, { receipt: true });
          confirmed.push(body);
        });
        await client.disconnect();
        await Promise.all(sent);
      }
      expect(confirmed).toHaveLength(50);
      await using client = await open(row);
      expect(texts(await drain(client, destination))).toEqual(FIFTY);
    });

    test("loses nothing of what was sent without a receipt", async () => {
      const destination = freshQueue();
      {
        const client = await open(row);
        for (const body of FIFTY) void client.send(destination, body);
        await client.disconnect();
      }
      await using client = await open(row);
      expect(texts(await take(await client.subscribe(destination), 50))).toEqual(FIFTY);
    });

    test("makes acks count that were just sent, and gives back what was not acked", async () => {
      const destination = freshQueue();
      {
        const client = await open(row);
        await sendAll(client, destination, FIFTY);
        const messages = await take(await client.subscribe(destination, { ack: "client" }), 50);
        void messages[29]?.ack();
        await client.disconnect();
      }
      await using client = await open(row);
      const again = await drain(client, destination);
      expect(texts(again)).toEqual(FIFTY.slice(30));
      expect(again.every(({ redelivered }) => redelivered)).toBe(true);
    });

    test("amid a flow of messages gives back what was not acked, delivered or not", async () => {
      const destination = freshQueue();
      {
        const client = await open(row);
        await sendAll(client, destination, FIFTY);
        const subscription = await client.subscribe(destination, { ack: "client-individual" });
        for (const message of await take(subscription, 5)) await message.ack();
        await client.disconnect();
      }
      await using client = await open(row);
      expect(texts(await drain(client, destination))).toEqual(FIFTY.slice(5));
    });

    test("takes no longer than it has to, which RabbitMQ's missing receipt over WebSocket does not change", async () => {
      const client = await open(row, { disconnectTimeout: 60_000 });
      const begin = performance.now();
      await client.disconnect();
      expect(performance.now() - begin).toBeLessThan(10_000);
    });
  });
});
