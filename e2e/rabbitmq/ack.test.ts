import { describe, expect, test } from "vitest";
import { InvalidStateError } from "../../src/index.js";
import { TABLE, open } from "./clients.js";
import { drain, failure, sendAll, take, takeOne, texts } from "../support/messages.js";
import { describeRabbitMq, freshQueue } from "./with-rabbitmq.js";

const FIVE = ["1", "2", "3", "4", "5"];
const WITH_NACK = TABLE.filter(({ version }) => version !== "1.0");

describeRabbitMq("acknowledging to RabbitMQ", () => {
  describe.each(TABLE)("over $carrier with STOMP $version", (row) => {
    test("in the mode auto what was delivered does not come again, and an ack does nothing", async () => {
      const destination = freshQueue();
      {
        await using client = await open(row);
        await sendAll(client, destination, FIVE);
        const messages = await take(await client.subscribe(destination), 5);
        expect(texts(messages)).toEqual(FIVE);
        await Promise.all(messages.map((message) => message.ack({ receipt: true })));
      }
      await using client = await open(row);
      expect(texts(await drain(client, destination))).toEqual([]);
    });

    test("in the mode client an ack is for all messages before it, and the others come again as redelivered", async () => {
      const destination = freshQueue();
      {
        await using client = await open(row);
        await sendAll(client, destination, FIVE);
        const messages = await take(await client.subscribe(destination, { ack: "client" }), 5);
        await messages[2]?.ack({ receipt: true });
        expect(messages.map(({ isSettled }) => isSettled)).toEqual([true, true, true, false, false]);
        await messages[0]?.ack({ receipt: true }); // RabbitMQ would end the connection over it
      }
      await using client = await open(row);
      const again = await drain(client, destination);
      expect(texts(again)).toEqual(["4", "5"]);
      expect(again.map(({ redelivered }) => redelivered)).toEqual([true, true]);
    });

    test("in the mode client-individual an ack is for its message alone, even when acked twice", async () => {
      const destination = freshQueue();
      {
        await using client = await open(row);
        await sendAll(client, destination, FIVE);
        const messages = await take(await client.subscribe(destination, { ack: "client-individual" }), 5);
        for (const index of [1, 3, 1]) await messages[index]?.ack({ receipt: true });
      }
      await using client = await open(row);
      const again = await drain(client, destination);
      expect(texts(again)).toEqual(["1", "3", "5"]);
      expect(again.every(({ redelivered }) => redelivered)).toBe(true);
    });

    test("a message of a session that has ended cannot be acknowledged in the next one", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      await client.send(destination, "late", { receipt: true });
      const message = await takeOne(await client.subscribe(destination, { ack: "client" }));
      await client.disconnect();
      await client.connect();
      expect(await message.ack()).toBe(false);
      const again = await takeOne(await client.subscribe(destination, { ack: "client" }));
      expect(again.redelivered).toBe(true);
      await again.ack({ receipt: true });
      await client.disconnect();
      await client.connect();
      expect(await drain(client, destination)).toEqual([]);
    });

    test("an ack in a transaction counts when that is committed", async () => {
      const destination = freshQueue();
      {
        await using client = await open(row);
        await sendAll(client, destination, ["aborted", "committed"]);
        const messages = await take(await client.subscribe(destination, { ack: "client-individual" }), 2);
        for (const [index, end] of ["ABORT", "COMMIT"].entries()) {
          const transaction = `t-${index}`;
          await client.sendFrame("BEGIN", { transaction });
          await messages[index]?.ack({ transaction });
          await client.sendFrame(end as "ABORT" | "COMMIT", { transaction }, "", { receipt: true });
        }
      }
      await using client = await open(row);
      expect(texts(await drain(client, destination))).toEqual(["aborted"]);
    });
  });

  describe.each(WITH_NACK)("refusing over $carrier with STOMP $version", (row) => {
    test("makes RabbitMQ deliver the message again, as redelivered", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      const subscription = await client.subscribe(destination, { ack: "client-individual" });
      await client.send(destination, "try me twice");
      const first = await takeOne(subscription);
      expect(first.redelivered).toBe(false);
      await first.nack({ receipt: true });
      const second = await takeOne(subscription);
      expect(second.text()).toBe("try me twice");
      expect(second.redelivered).toBe(true);
      expect(second.messageId).not.toBe(first.messageId);
      await second.ack({ receipt: true });
      await client.disconnect();
      await client.connect();
      expect(await drain(client, destination)).toEqual([]);
    });

    test("with requeue:false drops the message", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      await client.send(destination, "not wanted");
      const subscription = await client.subscribe(destination, { ack: "client-individual" });
      await (await takeOne(subscription)).nack({ headers: { requeue: false }, receipt: true });
      await client.disconnect();
      await client.connect();
      expect(await drain(client, destination)).toEqual([]);
    });

    test("with requeue:false has the message go where dead letters go", async () => {
      await using client = await open(row);
      const [destination, grave] = [freshQueue(), freshQueue("topic")];
      const letters = await client.subscribe(grave, { receipt: true });
      const headers = {
        "x-dead-letter-exchange": "amq.topic",
        "x-dead-letter-routing-key": grave.slice("/topic/".length),
      };
      const subscription = await client.subscribe(destination, { ack: "client-individual", headers, receipt: true });
      await client.send(destination, "refused", { receipt: true });
      await (await takeOne(subscription)).nack({ headers: { requeue: false }, receipt: true });
      const letter = await takeOne(letters);
      expect([letter.text(), letter.headers.get("x-first-death-reason")]).toEqual(["refused", "rejected"]);
      expect(subscription.unread).toBe(0);
    });

    test("in the mode client refuses all messages before it", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      await sendAll(client, destination, ["1", "2", "3"]);
      const subscription = await client.subscribe(destination, { ack: "client" });
      const messages = await take(subscription, 3);
      await messages[1]?.nack({ receipt: true });
      const again = await take(subscription, 2);
      expect(texts(again).sort()).toEqual(["1", "2"]);
      expect(again.every(({ redelivered }) => redelivered)).toBe(true);
    });
  });

  describe.each(TABLE.filter(({ version }) => version === "1.0"))("over $carrier with STOMP 1.0", (row) => {
    test("there is no NACK: it is refused before a byte leaves, and the message stays to be acked", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      await client.send(destination, "kept");
      const message = await takeOne(await client.subscribe(destination, { ack: "client" }));
      const error = await failure(message.nack());
      expect(error).toBeInstanceOf(InvalidStateError);
      expect(error).toMatchObject({ message: "NACK needs STOMP 1.1, the session is of 1.0" });
      expect(message.isSettled).toBe(false);
      await message.ack({ receipt: true });
    });
  });
});
