import { describe, expect, test } from "vitest";
import { type Client, type Transaction, TransactionError } from "../../src/index.js";
import { TABLE, endSession, open } from "./clients.js";
import { drain, failure, sendAll, take, takeOne, texts } from "../support/messages.js";
import { describeRabbitMq, freshQueue } from "./with-rabbitmq.js";

const FIVE = ["1", "2", "3", "4", "5"];

describeRabbitMq("transactions on RabbitMQ", () => {
  describe.each(TABLE)("over $carrier with STOMP $version", (row) => {
    test("what was sent is there after the commit, and not before", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      const subscription = await client.subscribe(destination);
      const transaction = await client.begin({ receipt: true });
      for (const text of FIVE) await transaction.send(destination, text);
      await client.send(destination, "outside", { receipt: true });
      expect((await takeOne(subscription)).text()).toBe("outside");
      await transaction.commit();
      expect(texts(await take(subscription, 5))).toEqual(FIVE);
    });

    test("what was sent is never there after an abort", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      const transaction = await client.begin();
      for (const text of FIVE) await transaction.send(destination, text);
      await transaction.abort();
      expect(texts(await drain(client, destination))).toEqual([]);
    });

    test("receipts of what was sent come with the commit", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      const transaction = await client.begin();
      let confirmed = 0;
      const sent = FIVE.map((text) =>
        transaction.send(destination, text, { receipt: true }).then(() => {
          confirmed++;
        }),
      );
      await client.send(destination, "outside", { receipt: true });
      expect(confirmed).toBe(0);
      await Promise.all([...sent, transaction.commit()]);
      expect(confirmed).toBe(5);
    });

    test("receipts of what was sent end with an abort, though RabbitMQ never gives them, and disconnecting is quick", async () => {
      const client = await open(row, { disconnectTimeout: 60_000 });
      const begin = performance.now();
      const aborted = await client.begin();
      const sent = failure(aborted.send(freshQueue(), "x", { receipt: true, timeout: Infinity }));
      await aborted.abort();
      expect(await sent).toBeInstanceOf(TransactionError);
      const left = await client.begin();
      const never = failure(left.send(freshQueue(), "x", { receipt: true, timeout: Infinity }));
      await client.disconnect();
      expect(await never).toMatchObject({ code: "transaction", outcome: "aborted" });
      expect(performance.now() - begin).toBeLessThan(10_000);
    });

    test("acks count when it is committed; after an abort the messages can be acknowledged again", async () => {
      const destination = freshQueue();
      {
        await using client = await open(row);
        await sendAll(client, destination, FIVE);
        await using subscription = await client.subscribe(destination, { ack: "client-individual" });
        const messages = await take(subscription, 5);
        const aborted = await client.begin();
        for (const message of messages.slice(0, 2)) await aborted.ack(message, { receipt: true });
        await aborted.abort();
        await messages[0]?.ack({ receipt: true });
        await client.transaction(async (transaction) => {
          for (const message of messages.slice(2, 4)) await transaction.ack(message);
        });
        expect(messages.map(({ isSettled }) => isSettled)).toEqual([true, false, true, true, false]);
      }
      await using client = await open(row);
      expect(texts(await drain(client, destination))).toEqual(["2", "5"]);
    });

    test("in the mode client an ack includes those before it, and an abort undoes that", async () => {
      const destination = freshQueue();
      {
        await using client = await open(row);
        await sendAll(client, destination, FIVE);
        await using subscription = await client.subscribe(destination, { ack: "client" });
        const messages = await take(subscription, 5);
        await failure(
          client.transaction(async (transaction) => {
            await Promise.all(messages.slice(4).map((message) => transaction.ack(message)));
            throw new Error("no");
          }),
        );
        await messages[0]?.ack({ receipt: true });
        await client.transaction((transaction) => transaction.ack(messages[2] ?? fail()));
        expect(await messages[1]?.ack()).toBe(true); // RabbitMQ would end the connection over another ACK
      }
      await using client = await open(row);
      expect(texts(await drain(client, destination))).toEqual(["4", "5"]);
    });

    test("take a message and put another one, both or none", async () => {
      const [from, to] = [freshQueue(), freshQueue()];
      async function move(client: Client, end: (transaction: Transaction) => Promise<void>): Promise<void> {
        await using subscription = await client.subscribe(from, { ack: "client-individual" });
        const message = await takeOne(subscription);
        const transaction = await client.begin();
        await transaction.ack(message);
        await transaction.send(to, message.text().toUpperCase());
        await end(transaction);
      }
      {
        await using client = await open(row);
        await sendAll(client, from, ["one"]);
        await move(client, (transaction) => transaction.abort());
      }
      {
        await using client = await open(row);
        expect(texts(await drain(client, to))).toEqual([]);
        await move(client, (transaction) => transaction.commit());
      }
      await using client = await open(row);
      expect(texts(await drain(client, from))).toEqual([]);
      expect(texts(await drain(client, to))).toEqual(["ONE"]);
    });

    test("end with their session: nothing of them has taken effect, and whoever waits is told", async () => {
      const [from, to] = [freshQueue(), freshQueue()];
      await using client = await open(row, { reconnect: () => 0 });
      await sendAll(client, from, ["one"]);
      const subscription = await client.subscribe(from, { ack: "client-individual" });
      const message = await takeOne(subscription);
      const transaction = await client.begin();
      await transaction.ack(message);
      const sent = failure(transaction.send(to, "x", { receipt: true, timeout: Infinity }));
      await endSession(client);
      for (const error of [await sent, await failure(transaction.commit())]) {
        expect(error).toBeInstanceOf(TransactionError);
        expect(error).toMatchObject({ outcome: "aborted" });
      }
      const again = await takeOne(subscription); // in the next session
      expect([again.text(), again.redelivered]).toEqual(["one", true]);
      await client.transaction((next) => next.ack(again));
      expect(texts(await drain(client, to))).toEqual([]);
    });
  });
});

function fail(): never {
  throw new Error("there is no such message");
}
