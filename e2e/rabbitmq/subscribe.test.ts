import { describe, expect, test } from "vitest";
import type { Client, Message, Status } from "../../src/index.js";
import { deferred } from "../../src/internal/deferred.js";
import { rabbitmqctl } from "../brokers/rabbitmq.js";
import { FOR_BURSTS, TABLE, open } from "./clients.js";
import { drain, failure, sendAll, take, takeOne, texts } from "../support/messages.js";
import { describeRabbitMq, freshQueue, rabbitmq } from "./with-rabbitmq.js";

const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index));

/** Resolves once the client has sent so many frames of a command. */
function sent(client: Client, command: string, count: number): Promise<void> {
  const all = deferred<void>();
  let seen = 0;
  client.onFrame(({ direction, frame }) => {
    if (direction === "out" && frame.command === command && ++seen === count) all.resolve();
  });
  return all.promise;
}

describeRabbitMq("subscribing at RabbitMQ", () => {
  describe.each(TABLE)("over $carrier with STOMP $version", (row) => {
    test("messages come in their order to who iterates, and leaving the loop unsubscribes", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      await sendAll(client, destination, numbers(50));
      const subscription = await client.subscribe(destination, { ack: "client-individual" });
      const read: string[] = [];
      for await (const message of subscription) {
        await message.ack();
        read.push(message.text());
        if (read.length === 20) break;
      }
      expect(read).toEqual(numbers(20));
      expect(subscription.isLive).toBe(false);
      await client.disconnect();
      await client.connect();
      expect(texts(await drain(client, destination))).toEqual(numbers(50).slice(20));
    });

    test("UNSUBSCRIBE amid a flow of messages, which RabbitMQ answers by ERRORs, does not end the session", async () => {
      await using client = await open(row, FOR_BURSTS);
      const statuses: Status[] = [];
      client.onStatus((status) => statuses.push(status));
      const destination = freshQueue();
      await sendAll(client, destination, numbers(3000));
      const subscription = await client.subscribe(destination);
      await take(subscription, 10);
      await subscription.unsubscribe({ receipt: true });
      await client.send(freshQueue(), "still here", { receipt: true });
      expect(client.state).toBe("connected");
      expect(await subscription.next()).toEqual({ done: true, value: undefined });
      await expect(subscription.ended).resolves.toBeUndefined();
      const rest = await drain(client, destination);
      expect(rest.length).toBeLessThan(3000);
      expect(statuses.filter(({ type }) => type !== "server-error" && type !== "message-dropped")).toEqual([]);
      for (const status of statuses) {
        if (status.type === "server-error") expect(status.error.message).toBe("Subscription not found");
      }
    });

    // RabbitMQ keeps them for the session: only its end makes them another subscription's.
    test("what was delivered and not acknowledged before UNSUBSCRIBE comes again in the next session", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      await sendAll(client, destination, ["1", "2", "3"]);
      const first = await client.subscribe(destination, { ack: "client-individual" });
      const messages = await take(first, 3);
      await messages[0]?.ack({ receipt: true });
      await first.unsubscribe({ receipt: true });
      expect(await messages[1]?.ack()).toBe(false);
      expect(await drain(client, destination)).toEqual([]);
      await client.disconnect();
      await client.connect();
      expect(texts(await drain(client, destination))).toEqual(["2", "3"]);
    });

    test("a handler is given one message at a time, and each is acknowledged after it", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      await sendAll(client, destination, numbers(20));
      let running = 0;
      let most = 0;
      const read: string[] = [];
      const acked = sent(client, "ACK", 20);
      const work = async (message: Message): Promise<void> => {
        most = Math.max(most, ++running);
        await new Promise(setImmediate);
        running--;
        read.push(message.text());
      };
      await client.subscribe(destination, work, { ack: "client" });
      await acked;
      expect(read).toEqual(numbers(20));
      expect(most).toBe(1);
      await client.disconnect();
      await client.connect();
      expect(await drain(client, destination)).toEqual([]);
    });

    test("with concurrency a handler works on so many messages at once, and no more", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      await sendAll(client, destination, numbers(12));
      const waiting: (() => void)[] = [];
      let most = 0;
      const acked = sent(client, "ACK", 12);
      const work = async (): Promise<void> => {
        const turn = deferred<void>();
        waiting.push(turn.resolve);
        most = Math.max(most, waiting.length);
        if (waiting.length === 4) for (const resolve of waiting.splice(0)) resolve();
        await turn.promise;
      };
      await client.subscribe(destination, work, { ack: "client-individual", concurrency: 4 });
      await acked;
      expect(most).toBe(4);
      await client.disconnect();
      await client.connect();
      expect(await drain(client, destination)).toEqual([]);
    });

    test("a handler that fails is told to status, and the session goes on", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      const failed = deferred<Status>();
      client.onStatus((status) => {
        if (status.type === "handler-error") failed.resolve(status);
      });
      const fault = new Error("not on Mondays");
      await client.subscribe(destination, () => {
        throw fault;
      });
      await client.send(destination, "x");
      expect(await failed.promise).toEqual({ type: "handler-error", error: fault, destination });
      await client.send(freshQueue(), "", { receipt: true });
    });

    test("prefetch-count reaches RabbitMQ: no more unacknowledged messages come than that", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      await sendAll(client, destination, numbers(5));
      const subscription = await client.subscribe(destination, { ack: "client", headers: { "prefetch-count": 2 } });
      const messages = await take(subscription, 2);
      await client.send(freshQueue(), "", { receipt: true }); // whatever was on its way would have come by now
      expect(subscription.unread).toBe(0);
      await messages[1]?.ack();
      expect(texts(await take(subscription, 2))).toEqual(["2", "3"]);
    });
  });

  describe.each(TABLE.filter(({ version }) => version === "1.2"))("over $carrier with STOMP 1.2", (row) => {
    test("x- headers reach RabbitMQ: a queue drops its oldest beyond x-max-length", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      const subscription = await client.subscribe(destination, {
        receipt: true,
        ack: "client",
        headers: { "x-max-length": 2, "prefetch-count": 1 },
      });
      await sendAll(client, destination, numbers(5));
      const first = await takeOne(subscription);
      await first.ack();
      expect([first, ...(await take(subscription, 1))].map((message) => message.text())).toEqual(["0", "3"]);
    });

    test("a durable subscription of a topic gets what was sent while nobody was connected", async () => {
      const destination = freshQueue("topic");
      const options = { id: `mine-${destination}`, headers: { durable: true, "auto-delete": false } };
      {
        await using client = await open(row);
        await client.subscribe(destination, { ...options, receipt: true });
      }
      await using client = await open(row);
      await client.send(destination, "while you were out", { headers: { persistent: true }, receipt: true });
      const subscription = await client.subscribe(destination, options);
      expect((await takeOne(subscription)).text()).toBe("while you were out");
      await subscription.unsubscribe({ headers: { durable: true, "auto-delete": false }, receipt: true });
      expect(await rabbitmqctl(rabbitmq, "list_queues", "name")).not.toContain("stomp-subscription-");
    });

    test("a selector is passed on, which RabbitMQ leaves unheeded, and wildcards of topics work", async () => {
      await using client = await open(row);
      const destination = freshQueue("topic");
      const subscription = await client.subscribe(`${destination}.*`, {
        headers: { selector: "color = 'red'" },
        receipt: true,
      });
      await client.send(`${destination}.a`, "blue", { headers: { color: "blue" } });
      const message = await takeOne(subscription);
      expect([message.destination, message.text()]).toEqual([`${destination}.a`, "blue"]);
    });

    test("a queue that is deleted ends its subscription with the ERROR, and no other", async () => {
      await using client = await open(row);
      const [gone, other] = [freshQueue(), freshQueue()];
      const subscription = await client.subscribe(gone, { receipt: true });
      const unharmed = await client.subscribe(other, { receipt: true });
      const next = failure(subscription.next());
      await rabbitmqctl(rabbitmq, "delete_queue", gone.slice("/queue/".length));
      expect(await next).toMatchObject({ code: "server", message: "Server cancelled subscription" });
      expect(await failure(subscription.ended)).toBe(await next);
      await client.send(other, "goes on");
      expect((await takeOne(unharmed)).text()).toBe("goes on");
    });
  });
});
