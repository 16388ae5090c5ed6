import { describe, expect, test } from "vitest";
import {
  type Client,
  InvalidStateError,
  type Message,
  SlowConsumerError,
  type SubscribeOptions,
  type Subscription,
} from "../../src/index.js";
import { deferred } from "../../src/internal/deferred.js";
import { drain, failure, sendAll, take, takeOne, texts } from "../support/messages.js";
import { rabbitmqctl } from "../brokers/rabbitmq.js";
import { TABLE, open } from "./clients.js";
import { LossyClient, framesOf } from "./lossy-client.js";
import { describeRabbitMq, freshQueue, rabbitmq } from "./with-rabbitmq.js";

const NEWEST = TABLE.filter(({ version }) => version === "1.2");
const WITH_NACK = TABLE.filter(({ version }) => version !== "1.0");
const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index));

const inOrder = (bodies: Iterable<string>): string[] => [...bodies].sort((a, b) => Number(a) - Number(b));

describeRabbitMq("each message of RabbitMQ has one owner", () => {
  describe.each(TABLE)("over $carrier with STOMP $version", (row) => {
    test.each(["reconnect()", "a lost session"])(
      "after %s an id can be used again, and its messages come",
      async (how) => {
        await using lossy = await LossyClient.open(row);
        const { client } = lossy;
        const destination = freshQueue();
        const options = { id: "orders", ack: "client-individual" } as const;
        const first = await client.subscribe(destination, options);
        await client.send(destination, "1");
        await (await takeOne(first)).ack({ receipt: true });
        await first.unsubscribe({ receipt: true });
        await (how === "reconnect()" ? client.reconnect() : lossy.lose());
        const second = await client.subscribe(destination, options);
        await client.send(destination, "2");
        const message = await takeOne(second);
        await message.ack({ receipt: true });
        expect(message.text()).toBe("2");
      },
    );

    test("a loop that acknowledges goes on over several lost sessions, and every message is handled", async () => {
      await using lossy = await LossyClient.open(row);
      const { client } = lossy;
      const destination = freshQueue();
      const all = numbers(100);
      await sendAll(client, destination, all);
      const handled = new Set<string>();
      const outcomes: boolean[] = [];
      let losses = 0;
      for await (const message of await client.subscribe(destination, { ack: "client-individual", prefetch: 10 })) {
        if (losses < 4 && handled.size >= losses * 20 + 10) {
          losses++;
          await lossy.lose(); // amid the work on this message
        }
        const isAcknowledged = await message.ack({ receipt: true });
        outcomes.push(isAcknowledged);
        if (isAcknowledged) handled.add(message.text());
        if (handled.size === all.length) break;
      }
      expect(inOrder(handled)).toEqual(all);
      expect(outcomes.filter((outcome) => !outcome)).toHaveLength(4);
      expect(lossy.statuses.filter(({ type }) => type === "disconnected")).toHaveLength(4);
      await client.reconnect();
      expect(await drain(client, destination)).toEqual([]);
    });

    test("a handler of a lost session is told by its message's signal, and the message comes again", async () => {
      await using lossy = await LossyClient.open(row);
      const { client } = lossy;
      const destination = freshQueue();
      await client.send(destination, "long work", { receipt: true });
      const came = [deferred<Message>(), deferred<Message>()];
      let aborted: unknown;
      const work = async (message: Message): Promise<void> => {
        const isFirst = !message.redelivered;
        came[isFirst ? 0 : 1]?.resolve(message);
        if (!isFirst) return;
        await new Promise<void>((resolve) => {
          message.signal.addEventListener("abort", () => {
            aborted = message.signal.reason;
            resolve();
          });
        });
      };
      const subscription = await client.subscribe(destination, work, { ack: "client-individual" });
      const first = await came[0]?.promise;
      expect(first?.signal.aborted).toBe(false);
      await lossy.lose();
      const second = await came[1]?.promise;
      expect(aborted).toMatchObject({ code: "connection-lost" });
      expect(await first?.ack()).toBe(false);
      expect([second?.text(), second?.sequence]).toEqual(["long work", 2]);
      await expect.poll(() => second?.isSettled).toBe(true);
      expect(second?.signal.aborted).toBe(false);
      expect(lossy.statuses.filter(({ type }) => type === "handler-error")).toEqual([]);
      await subscription.unsubscribe({ receipt: true });
      await client.reconnect();
      expect(await drain(client, destination)).toEqual([]);
    });

    test("a transaction whose message was released rejects, and its work is done once, with the message that comes again", async () => {
      await using lossy = await LossyClient.open(row);
      const { client } = lossy;
      const [from, to] = [freshQueue(), freshQueue()];
      await client.send(from, "move me", { receipt: true });
      const subscription = await client.subscribe(from, { ack: "client-individual" });
      const move = (message: Message): Promise<void> =>
        client.transaction(async (transaction) => {
          await transaction.send(to, message.text());
          await transaction.ack(message);
        });
      const released = await takeOne(subscription);
      await lossy.lose();
      const error = await failure(move(released));
      expect(error).toBeInstanceOf(InvalidStateError);
      expect(String(error)).toContain("was released: the broker delivers it again");
      await move(await takeOne(subscription));
      await client.reconnect();
      // RabbitMQ may put what was committed into its queue later than what the next session sends there.
      const moved = await client.subscribe(to);
      expect((await takeOne(moved)).text()).toBe("move me");
      await moved.unsubscribe({ receipt: true });
      expect(await drain(client, to)).toEqual([]);
      await subscription.unsubscribe({ receipt: true });
      expect(await drain(client, from)).toEqual([]);
    });

    test("numbers of messages count on in the next session", async () => {
      await using lossy = await LossyClient.open(row);
      const { client } = lossy;
      const destination = freshQueue();
      await sendAll(client, destination, ["a", "b"]);
      const subscription = await client.subscribe(destination, { ack: "client" });
      const before = await take(subscription, 2);
      await lossy.lose();
      const after = await take(subscription, 2);
      await lossy.lose();
      const last = await take(subscription, 2);
      const sequences = [...before, ...after, ...last].map(({ sequence }) => sequence);
      expect(sequences).toEqual([1, 2, 3, 4, 5, 6]);
      await last[1]?.ack({ receipt: true }); // it includes the other one, and none of the sessions before
      expect(last[0]?.isSettled).toBe(true);
      expect([...before, ...after].some(({ isSettled }) => isSettled)).toBe(false);
    });

    test("to leave a loop while its session ends is not an error", async () => {
      for (const how of ["lost", "disconnect"] as const) {
        await using lossy = await LossyClient.open(row, { reconnect: false });
        const { client } = lossy;
        const destination = freshQueue();
        await client.send(destination, "x", { receipt: true });
        let ended: Promise<void> | undefined;
        for await (const message of await client.subscribe(destination, { ack: "client-individual" })) {
          expect(message.text()).toBe("x");
          ended = how === "lost" ? lossy.lose("disconnected") : client.disconnect();
          if (how === "lost") await ended;
          break;
        }
        await ended;
      }
    });

    test("to leave a loop is not an error when its session is lost before all is written", async () => {
      await using lossy = await LossyClient.open(row, { reconnect: false });
      const { client } = lossy;
      const destination = freshQueue();
      await client.send(destination, "x", { receipt: true });
      let lost: Promise<void> | undefined;
      const sends: Promise<unknown>[] = [];
      for await (const message of await client.subscribe(destination, { ack: "client-individual" })) {
        lossy.stall();
        // More than sockets take: whoever sends now waits.
        for (let count = 0; count < 16; count++)
          sends.push(failure(client.send(freshQueue(), new Uint8Array(1_048_576))));
        setImmediate(() => {
          lost = lossy.lose("disconnected");
        });
        expect(message.text()).toBe("x");
        break;
      }
      await lost;
      await Promise.all(sends);
    });

    test("an unsubscribe that waits for a handler ends with its session, and its SUBSCRIBE is not repeated", async () => {
      await using lossy = await LossyClient.open(row);
      const { client } = lossy;
      const destination = freshQueue();
      await client.send(destination, "x", { receipt: true });
      const [begun, gate] = [deferred<Message>(), deferred<void>()];
      const work = async (message: Message): Promise<void> => {
        begun.resolve(message);
        await gate.promise;
      };
      const subscription = await client.subscribe(destination, work, { ack: "client-individual" });
      const message = await begun.promise;
      const unsubscribed = subscription.unsubscribe({ receipt: true });
      const [subscribes, unsubscribes] = [framesOf(client, "SUBSCRIBE"), framesOf(client, "UNSUBSCRIBE")];
      await lossy.lose();
      await unsubscribed; // with its session it has ended
      await subscription.ended;
      expect(message.signal.aborted).toBe(true);
      gate.resolve();
      await client.send(freshQueue(), "", { receipt: true });
      expect([subscribes, unsubscribes]).toEqual([[], []]);
      expect(texts(await drain(client, destination))).toEqual(["x"]);
    });

    test("an unsubscribe waits for no handler of a lost session, for which RabbitMQ would send in vain", async () => {
      await using lossy = await LossyClient.open(row, { reconnect: () => 100 });
      const { client } = lossy;
      const destination = freshQueue();
      await sendAll(client, destination, ["1", "2"]);
      const [begun, gate] = [deferred<void>(), deferred<void>()];
      const work = async (): Promise<void> => {
        begun.resolve();
        await gate.promise;
      };
      const subscription = await client.subscribe(destination, work, { ack: "client-individual" });
      await begun.promise;
      const subscribes = framesOf(client, "SUBSCRIBE");
      const connected = lossy.next("connected");
      await lossy.lose("disconnected");
      await subscription.unsubscribe();
      await connected;
      expect(texts(await drain(client, destination)).sort()).toEqual(["1", "2"]); // in this session
      expect(subscribes).toHaveLength(1); // that of `drain`
      gate.resolve();
    });

    test("disconnect() lets handlers acknowledge that an unsubscribe waits for", async () => {
      const destination = freshQueue();
      {
        const client = await open(row);
        await sendAll(client, destination, ["1", "2"]);
        const [begun, gate] = [deferred<void>(), deferred<void>()];
        const work = async (): Promise<void> => {
          begun.resolve();
          await gate.promise;
        };
        const subscription = await client.subscribe(destination, work, { ack: "client-individual" });
        await begun.promise;
        const unsubscribed = subscription.unsubscribe({ receipt: true });
        const disconnected = client.disconnect();
        gate.resolve();
        await Promise.all([unsubscribed, disconnected, subscription.ended]);
      }
      await using client = await open(row);
      expect(texts(await drain(client, destination))).toEqual(["2"]);
    });
  });

  describe.each(WITH_NACK)("over $carrier with STOMP $version", (row) => {
    test("in the mode client an ack with a receipt does not confirm what a later nack has refused", async () => {
      await using client = await open(row);
      const [destination, grave] = [freshQueue(), freshQueue("topic")];
      const letters = await client.subscribe(grave, { receipt: true });
      const headers = {
        "x-dead-letter-exchange": "amq.topic",
        "x-dead-letter-routing-key": grave.slice("/topic/".length),
      };
      const subscription = await client.subscribe(destination, { ack: "client", headers, receipt: true });
      await sendAll(client, destination, ["1", "2"]);
      const messages = await take(subscription, 2);
      expect(await messages[1]?.nack({ headers: { requeue: false } })).toBe(true);
      const acks = framesOf(client, "ACK");
      const error = await failure(messages[0]?.ack({ receipt: true }) ?? Promise.resolve());
      expect(error).toBeInstanceOf(InvalidStateError);
      expect(String(error)).toMatch(/was settled before, together with a later one$/);
      expect(texts(await take(letters, 2)).sort()).toEqual(["1", "2"]);
      expect(acks).toEqual([]);
    });
  });

  describe.each(TABLE)("with receipts over $carrier with STOMP $version", (row) => {
    test.each(["client", "client-individual"] as const)(
      "in the mode %s no receipt confirms an ack that was sent without one",
      async (ack) => {
        await using client = await open(row);
        const destination = freshQueue();
        await sendAll(client, destination, ["1", "2"]);
        const [first, second] = await take(await client.subscribe(destination, { ack }), 2);
        expect(await first?.ack()).toBe(true);
        expect(await first?.ack()).toBe(true);
        const error = await failure(first?.ack({ receipt: true }) ?? Promise.resolve());
        expect(error).toBeInstanceOf(InvalidStateError);
        expect(String(error)).toMatch(/was settled before, without a receipt$/);
        expect(await second?.ack({ receipt: true })).toBe(true);
        expect(await second?.ack({ receipt: true })).toBe(true);
      },
    );
  });

  describe.each(NEWEST)("over $carrier", (row) => {
    const options = { headers: { durable: true, "auto-delete": false }, ack: "client-individual" } as const;

    /** Make a durable subscription, use it, end it for this session, and send to its topic while it is away. */
    async function away(client: Client, id: string, topic: string): Promise<void> {
      const first = await client.subscribe(topic, { ...options, id, receipt: true });
      await client.send(topic, "1");
      await (await takeOne(first)).ack({ receipt: true });
      await first.unsubscribe({ receipt: true }); // without `durable`: RabbitMQ keeps its queue
      await client.send(topic, "2", { headers: { persistent: true }, receipt: true });
    }

    async function remove(subscription: Subscription): Promise<void> {
      await subscription.unsubscribe({ headers: { durable: true, "auto-delete": false }, receipt: true });
    }

    test.each(["reconnect()", "a lost session"])("after %s a durable subscription can be resumed", async (how) => {
      await using lossy = await LossyClient.open(row);
      const { client } = lossy;
      const topic = freshQueue("topic");
      const id = `mine-${topic}`;
      await away(client, id, topic);
      await (how === "reconnect()" ? client.reconnect() : lossy.lose());
      const second = await client.subscribe(topic, { ...options, id });
      const message = await takeOne(second);
      expect(message.text()).toBe("2");
      await message.ack({ receipt: true });
      await remove(second);
    });

    /** Subscribe with a handler to 300 jobs, and wait until one is worked on while others wait here. */
    async function atWork(
      client: Client,
      destination: string,
      more: SubscribeOptions = {},
    ): Promise<{ begun: string[]; finish: () => void; subscription: Subscription }> {
      const begun: string[] = [];
      const gate = deferred<void>();
      const work = async (message: Message): Promise<void> => {
        begun.push(message.text());
        await gate.promise;
      };
      const subscription = await client.subscribe(destination, work, {
        ack: "client-individual",
        ...more,
      });
      const isReady = async (): Promise<boolean> => {
        await client.send(freshQueue(), "", { receipt: true }); // while it waits for that, the client reads on and on
        return subscription.unread >= 99 || !subscription.isLive;
      };
      await expect.poll(isReady).toBe(true);
      return { begun, finish: gate.resolve, subscription };
    }

    test("when the last session has ended no handler begins a queued job, and all come in the next one", async () => {
      const destination = freshQueue();
      {
        await using lossy = await LossyClient.open(row, { reconnect: false });
        await sendAll(lossy.client, destination, numbers(300));
        const { begun, finish, subscription } = await atWork(lossy.client, destination);
        await lossy.lose("disconnected");
        finish();
        await failure(subscription.ended);
        await turn();
        expect(begun).toEqual(["0"]);
        expect(subscription.unread).toBe(0);
      }
      await using client = await open(row);
      expect(inOrder(texts(await drain(client, destination)))).toEqual(numbers(300));
    });

    test("when its queue is deleted no handler begins a job that waits", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      await sendAll(client, destination, numbers(300));
      const { begun, finish, subscription } = await atWork(client, destination);
      const ended = failure(subscription.ended);
      await rabbitmqctl(rabbitmq, "delete_queue", destination.slice("/queue/".length));
      expect(await ended).toMatchObject({ code: "server", message: "Server cancelled subscription" });
      finish();
      await turn();
      expect(begun).toEqual(["0"]);
      expect(subscription.unread).toBe(0);
    });

    test("when too many come for the buffer no handler begins one that waits, and all come in the next session", async () => {
      const destination = freshQueue();
      {
        await using client = await open(row);
        await sendAll(client, destination, numbers(300));
        const { begun, finish, subscription } = await atWork(client, destination, {
          prefetch: Infinity,
          buffer: { messages: 100 },
        });
        await expect
          .poll(() => client.send(freshQueue(), "", { receipt: true }).then(() => subscription.isLive))
          .toBe(false);
        expect(await failure(subscription.ended)).toBeInstanceOf(SlowConsumerError);
        finish();
        await turn();
        expect(begun).toEqual(["0"]);
      }
      await using client = await open(row);
      expect(inOrder(texts(await drain(client, destination)))).toEqual(numbers(300));
    });
  });
});

/** Whatever follows a handler's end at once has happened after that. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
