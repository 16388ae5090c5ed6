/** What becomes of a message that its queue refuses: one that is full, or a quorum queue that has lost its leader. */
import { describe, expect, test } from "vitest";
import { ConnectionLostError } from "../../src/index.js";
import { failure, sendAll, takeOne } from "../support/messages.js";
import { TABLE, open } from "./clients.js";
import { describeRabbitMq, freshQueue } from "./with-rabbitmq.js";

/** The broker has a policy for such names: one message fits in. */
const refusingQueue = (): string => freshQueue().replace("/queue/", "/queue/refusing-");

describeRabbitMq("a message that its queue refuses", () => {
  describe.each(TABLE.filter(({ carrier }) => carrier === "tcp"))("over tcp with STOMP $version", (row) => {
    test("ends the session, so that nothing is taken for confirmed", async () => {
      await using client = await open(row, { reconnect: false });
      const destination = refusingQueue();
      await client.send(destination, "fits", { receipt: true });
      expect(await failure(client.send(destination, "does not", { receipt: true }))).toBeInstanceOf(
        ConnectionLostError,
      );
    });
  });

  describe.each(TABLE.filter(({ carrier }) => carrier === "ws"))("over ws with STOMP $version", (row) => {
    test("is confirmed together with a later one: docs/brokers.md warns of that", async () => {
      await using client = await open(row);
      const destination = refusingQueue();
      await client.send(destination, "fits", { receipt: true });
      const refused = client.send(destination, "does not", { receipt: true, timeout: 50_000 });
      await client.send(freshQueue(), "after it", { receipt: true }); // by now the queue has had it
      await using other = await open(row);
      const subscription = await other.subscribe(destination);
      expect((await takeOne(subscription)).text()).toBe("fits");
      let isConfirmed = false;
      void refused.then(() => (isConfirmed = true));
      // RabbitMQ confirms several messages by the number of the last one, where it can, and the refused one is among them.
      for (let round = 0; !isConfirmed && round < 100; round++) {
        await sendAll(client, freshQueue(), ["1", "2", "3", "4", "5"]);
      }
      await refused;
      await other.send(destination, "the next", { receipt: true });
      expect((await takeOne(subscription)).text()).toBe("the next");
    });
  });
});
