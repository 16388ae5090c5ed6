/** What becomes of stored messages that RabbitMQ ends sessions over. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Client, Status, UnsentMessageStatus } from "../../src/index.js";
import type { StoredSend } from "../../src/store.js";
import { fileStore } from "../../src/stores/file.js";
import { CARRIERS, type Carrier, open } from "./clients.js";
import { takeOne } from "../support/messages.js";
import { describeRabbitMq, freshQueue } from "./with-rabbitmq.js";

interface Started extends AsyncDisposable {
  readonly client: Client;
  readonly sessions: () => number;
  /** Resolves with the first message that is unsent. */
  readonly unsent: Promise<UnsentMessageStatus>;
}

async function start(carrier: Carrier, folder: string): Promise<Started> {
  const client = await open(
    { carrier, version: "1.2" },
    {
      delivery: "at-least-once",
      outbox: { store: fileStore(folder) },
      reconnect: () => 20,
      receiptTimeout: 1000, // over WebSocket RabbitMQ ends the session without a word: then it also is how long that must go on
    },
  );
  let count = 1;
  const unsent = new Promise<UnsentMessageStatus>((resolve) => {
    client.onStatus((status: Status) => {
      if (status.type === "connected") count++;
      if (status.type === "unsent-message") resolve(status);
    });
  });
  return { client, sessions: () => count, unsent, [Symbol.asyncDispose]: () => client.disconnect() };
}

describeRabbitMq("a stored message that RabbitMQ ends sessions over, and that nobody waits for", () => {
  test.each(CARRIERS)("is parked, reported at each start, and leaves when it is told to, over %s", async (carrier) => {
    const folder = await mkdtemp(join(tmpdir(), "stompede-parked-"));
    try {
      const queue = freshQueue();
      const send = (key: string, destination: string): StoredSend => {
        return { key, destination, headers: [], body: key, contentLength: true };
      };
      const store = fileStore(folder);
      await store.open();
      await store.add(send("before", queue));
      await store.add(send("poison", "/exchange/there-is-no-such-exchange/key"));
      await store.add(send("behind", queue));
      await store.close();

      await using subscriber = await open({ carrier: "tcp", version: "1.2" });
      const subscription = await subscriber.subscribe(queue);
      {
        await using first = await start(carrier, folder);
        expect(await first.unsent).toMatchObject({
          key: "poison",
          destination: "/exchange/there-is-no-such-exchange/key",
        });
        expect(first.sessions()).toBeGreaterThan(3);
        const texts = new Set<string>(); // each at least once
        while (texts.size < 2) texts.add((await takeOne(subscription)).text());
        expect([...texts]).toEqual(["before", "behind"]);
        await first.client.send(queue, "new");
      }
      {
        await using second = await start(carrier, folder);
        expect(await second.unsent).toMatchObject({ key: "poison", error: { outcome: "kept" } });
        expect(second.client.unsent.list()).toMatchObject([{ key: "poison", body: "poison" }]);
        await second.client.send(queue, "newer");
        expect(second.sessions()).toBe(1); // it is not sent
        await second.client.unsent.discard("poison");
      }
      expect(await store.open()).toEqual([]);
      await store.close();
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
