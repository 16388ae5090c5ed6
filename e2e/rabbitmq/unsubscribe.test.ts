import { describe, expect, test } from "vitest";
import type { Client, Message, Subscription } from "../../src/index.js";
import { deferred } from "../../src/internal/deferred.js";
import { drain, failure, sendAll, take, texts } from "../support/messages.js";
import { FOR_BURSTS, TABLE, open } from "./clients.js";
import { framesOf } from "./lossy-client.js";
import { describeRabbitMq, freshQueue } from "./with-rabbitmq.js";

const NEWEST = TABLE.filter(({ version }) => version === "1.2");
const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index));
const inOrder = (bodies: Iterable<string>): string[] => [...bodies].sort((a, b) => Number(a) - Number(b));

/** The commands of the frames that a client sends from now on. */
function commandsOf(client: Client): string[] {
  const commands: string[] = [];
  client.onFrame(({ direction, frame }) => {
    if (direction === "out") commands.push(frame.command);
  });
  return commands;
}

describeRabbitMq("unsubscribing from RabbitMQ", () => {
  describe.each(TABLE)("over $carrier with STOMP $version", (row) => {
    /** What is left for the next session. */
    async function rest(destination: string): Promise<string[]> {
      await using client = await open(row);
      return inOrder(texts(await drain(client, destination)));
    }

    test("from outside lets running handlers acknowledge first, and nothing that was handled comes again", async () => {
      const destination = freshQueue();
      {
        await using client = await open(row);
        await sendAll(client, destination, numbers(20));
        const begun: string[] = [];
        const [gate, four] = [deferred<void>(), deferred<void>()];
        const work = async (message: Message): Promise<void> => {
          begun.push(message.text());
          if (begun.length === 4) four.resolve();
          await gate.promise;
        };
        const subscription = await client.subscribe(destination, work, { ack: "client-individual", concurrency: 4 });
        await four.promise;
        const commands = commandsOf(client);
        await subscription.unsubscribe(); // it does not wait for the handlers
        expect(subscription.isLive).toBe(true);
        gate.resolve();
        await subscription.ended;
        expect(commands).toEqual(["ACK", "ACK", "ACK", "ACK", "UNSUBSCRIBE"]);
        expect(begun).toEqual(["0", "1", "2", "3"]);
      }
      expect(await rest(destination)).toEqual(numbers(20).slice(4));
    });

    test("with a receipt resolves when the handlers have acknowledged and the broker has confirmed it", async () => {
      const destination = freshQueue();
      {
        await using client = await open(row);
        await sendAll(client, destination, numbers(20));
        const [gate, begun] = [deferred<void>(), deferred<void>()];
        let isDone = false;
        const work = async (): Promise<void> => {
          begun.resolve();
          await gate.promise;
          isDone = true;
        };
        const subscription = await client.subscribe(destination, work, { ack: "client" });
        await begun.promise;
        const commands = commandsOf(client);
        const unsubscribed = subscription.unsubscribe({ receipt: true });
        gate.resolve();
        await unsubscribed;
        expect([isDone, subscription.isLive]).toEqual([true, false]);
        expect(commands).toEqual(["ACK", "UNSUBSCRIBE"]);
      }
      expect(await rest(destination)).toEqual(numbers(20).slice(1));
    });

    test("by the handler itself loses no acknowledgement", async () => {
      const destination = freshQueue();
      {
        await using client = await open(row);
        await sendAll(client, destination, numbers(20));
        const own = deferred<Subscription>();
        const begun: string[] = [];
        const work = async (message: Message): Promise<void> => {
          begun.push(message.text());
          if (begun.length === 5) await (await own.promise).unsubscribe();
        };
        const commands = commandsOf(client);
        own.resolve(client.subscribe(destination, work, { ack: "client-individual" }));
        await (
          await own.promise
        ).ended;
        expect(commands).toEqual(["SUBSCRIBE", "ACK", "ACK", "ACK", "ACK", "ACK", "UNSUBSCRIBE"]);
        expect(begun).toEqual(numbers(5));
      }
      expect(await rest(destination)).toEqual(numbers(20).slice(5));
    });

    test("waits for handlers no longer than it is told to; what they work on comes again", async () => {
      const destination = freshQueue();
      {
        await using client = await open(row);
        await sendAll(client, destination, numbers(3));
        const begun = deferred<Message>();
        const gate = deferred<void>();
        const work = async (message: Message): Promise<void> => {
          begun.resolve(message);
          await gate.promise;
        };
        const subscription = await client.subscribe(destination, work, { ack: "client-individual" });
        const message = await begun.promise;
        const commands = commandsOf(client);
        await subscription.unsubscribe({ timeout: 50, receipt: true });
        expect(subscription.isLive).toBe(false);
        expect(message.signal.aborted).toBe(true);
        gate.resolve();
        expect(await message.ack()).toBe(false);
        expect(commands).toEqual(["UNSUBSCRIBE"]);
      }
      expect(await rest(destination)).toEqual(numbers(3));
    });

    test("every MESSAGE that comes is handed out or counted, also those after an UNSUBSCRIBE", async () => {
      await using client = await open(row, FOR_BURSTS);
      const destination = freshQueue();
      await Promise.all(numbers(3000).map((body) => client.send(destination, body, { receipt: true })));
      const came = framesOf(client, "MESSAGE");
      const dropped: number[] = [];
      client.onStatus((status) => {
        if (status.type === "message-dropped") dropped.push(status.count);
      });
      let handed = 0;
      const enough = deferred<void>();
      const subscription = await client.subscribe(destination, () => {
        if (++handed === 50) enough.resolve();
      });
      await enough.promise;
      await subscription.unsubscribe({ receipt: true });
      await client.send(freshQueue(), "", { receipt: true });
      await client.disconnect();
      expect(client.metrics().messagesDropped).toBe(came.length - handed);
      expect(dropped.at(-1) ?? 0).toBe(came.length - handed);
    });

    test.each([
      ["a header that its version cannot express", { headers: { x: "a\nb\rc\0" }, receipt: true }],
      ["a signal that has aborted", { signal: AbortSignal.abort(), receipt: true }],
    ])("a subscribe that is wrong sends nothing: %s", async (_what, options) => {
      await using client = await open(row);
      const commands = commandsOf(client);
      await expect(client.subscribe(freshQueue(), options)).rejects.toThrow();
      await client.send(freshQueue(), "", { receipt: true });
      expect(commands).toEqual(["SEND"]);
    });

    test("a subscribe that is refused sends no UNSUBSCRIBE", async () => {
      await using client = await open(row, { login: "limited", passcode: "limited", reconnect: false });
      const commands = commandsOf(client);
      await failure(client.subscribe("/queue/closed", { receipt: true }).then(({ ended }) => ended));
      expect(commands).toEqual(["SUBSCRIBE"]);
    });
  });

  describe.each(NEWEST)("disconnecting in the mode auto over $carrier", (row) => {
    const BUFFERED = 200;

    async function buffered(client: Client, handler?: (message: Message) => unknown): Promise<Subscription> {
      const destination = freshQueue();
      await sendAll(client, destination, numbers(BUFFERED));
      const subscription = await (handler === undefined
        ? client.subscribe(destination)
        : client.subscribe(destination, handler));
      const isHere = async (): Promise<number> => {
        await client.send(freshQueue(), "", { receipt: true }); // while it waits for that, the client reads on and on
        return subscription.unread;
      };
      await expect.poll(isHere).toBeGreaterThanOrEqual(BUFFERED - 1);
      return subscription;
    }

    test("a reader still gets what was delivered", async () => {
      const client = await open(row);
      const subscription = await buffered(client);
      const read = await take(subscription, 10);
      await client.disconnect();
      for await (const message of subscription) read.push(message);
      expect(texts(read)).toEqual(numbers(BUFFERED));
      expect(client.metrics().messagesDropped).toBe(0);
    });

    test("a handler works off what was delivered", async () => {
      const client = await open(row);
      const handled: string[] = [];
      const gate = deferred<void>();
      await buffered(client, async (message) => {
        handled.push(message.text());
        await gate.promise;
      });
      gate.resolve();
      await client.disconnect();
      expect(handled).toEqual(numbers(BUFFERED));
      expect(client.metrics().messagesDropped).toBe(0);
    });

    test("what a handler has not worked off in time is dropped, counted and reported", async () => {
      const client = await open(row, { disconnectTimeout: 300 });
      const dropped: unknown[] = [];
      client.onStatus((status) => {
        if (status.type === "message-dropped") dropped.push(status);
      });
      const gate = deferred<void>();
      const subscription = await buffered(client, () => gate.promise);
      await client.disconnect();
      gate.resolve();
      expect(client.metrics().messagesDropped).toBe(BUFFERED - 1);
      expect(dropped).toEqual([{ type: "message-dropped", subscription: subscription.id, count: BUFFERED - 1 }]);
    });
  });
});
