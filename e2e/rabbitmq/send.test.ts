import { describe, expect, test } from "vitest";
import { type Client, type Status } from "../../src/index.js";
import { FOR_BURSTS, TABLE, open } from "./clients.js";
import { drain, take, takeOne, texts } from "../support/messages.js";
import { describeRabbitMq, freshQueue } from "./with-rabbitmq.js";

function receiptsOf(client: Client): string[] {
  const ids: string[] = [];
  client.onFrame(({ direction, frame }) => {
    if (direction === "in" && frame.command === "RECEIPT") ids.push(frame.headers.get("receipt-id") ?? "");
  });
  return ids;
}

describeRabbitMq("sending to RabbitMQ", () => {
  describe.each(TABLE)("over $carrier with STOMP $version", (row) => {
    test("a message comes with its destination, its body, and the headers it was given", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      await client.send(destination, "héllo", { headers: { "content-type": "text/plain", "x-n": 7, "x-yes": true } });
      const message = await takeOne(await client.subscribe(destination));
      expect(message.destination).toBe(destination);
      expect(message.text()).toBe("héllo");
      expect(message.contentType).toBe("text/plain");
      expect(message.headers.get("x-n")).toBe("7");
      expect(message.headers.get("x-yes")).toBe("true");
      expect(message.redelivered).toBe(false);
      expect(message.messageId).not.toBe("");
    });

    test("an empty body stays empty", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      await client.send(destination);
      const message = await takeOne(await client.subscribe(destination));
      expect(message.bytes).toHaveLength(0);
    });

    test("a body without content-length arrives all the same", async () => {
      await using client = await open(row, { contentLength: false });
      const destination = freshQueue();
      await client.send(destination, "no length is told");
      expect((await takeOne(await client.subscribe(destination))).text()).toBe("no length is told");
    });

    test("a receipt confirms that the broker has the message", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      const receipts = receiptsOf(client);
      await client.send(destination, "confirmed", { receipt: "my own: receipt" });
      expect(receipts).toEqual(["my own: receipt"]);
      await using other = await open(row);
      expect(texts(await drain(other, destination))).toEqual(["confirmed"]);
    });

    test("a thousand receipts that are awaited at once all come", async () => {
      await using client = await open(row, FOR_BURSTS);
      const destination = freshQueue();
      const receipts = receiptsOf(client);
      const bodies = Array.from({ length: 1000 }, (_, index) => String(index));
      await Promise.all(bodies.map((body) => client.send(destination, body, { receipt: true })));
      expect(new Set(receipts).size).toBe(1000);
      expect(texts(await drain(client, destination))).toEqual(bodies);
    });

    test("a topic brings each message to all who are subscribed", async () => {
      await using sender = await open(row);
      await using reader = await open(row);
      const destination = freshQueue("topic");
      const one = await reader.subscribe(destination, { receipt: true });
      const two = await reader.subscribe(destination, { receipt: true });
      for (const body of ["1", "2", "3"]) await sender.send(destination, body);
      expect(texts(await take(one, 3))).toEqual(["1", "2", "3"]);
      expect(texts(await take(two, 3))).toEqual(["1", "2", "3"]);
    });

    test("a transaction delivers nothing until it is committed, and nothing when it is aborted", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      for (const [transaction, end] of [
        ["given-up", "ABORT"],
        ["meant", "COMMIT"],
      ] as const) {
        await client.sendFrame("BEGIN", { transaction }, "", { receipt: true });
        await client.send(destination, transaction, { headers: { transaction } });
        await client.send(destination, `${end} comes`, { receipt: true });
        await client.sendFrame(end, { transaction }, "", { receipt: true });
      }
      expect(texts(await drain(client, destination))).toEqual(["ABORT comes", "COMMIT comes", "meant"]);
    });

    test("to a destination that RabbitMQ does not know is answered by an ERROR, and the session goes on", async () => {
      await using client = await open(row);
      const statuses: Status[] = [];
      client.onStatus((status) => statuses.push(status));
      await client.send("/nonsense/x", "nobody gets this");
      await client.send(freshQueue(), "but this works", { receipt: true });
      expect(statuses).toMatchObject([{ type: "server-error", error: { message: "Unknown destination" } }]);
      expect(client.state).toBe("connected");
    });
  });
});
