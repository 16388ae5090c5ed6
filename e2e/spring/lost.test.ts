import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConnectionLostError, HeartBeatError, type Status } from "../../src/index.js";
import { type SpringServer, startSpring } from "../brokers/spring.js";
import { failure, takeOne } from "../support/messages.js";
import { TABLE, describeSpring, fresh, open } from "./with-spring.js";

describeSpring("when Spring's simple broker goes away", () => {
  let server: SpringServer;
  beforeAll(async () => {
    server = await startSpring({ ordered: true });
  });
  afterAll(() => server.stop());

  test("killed and started again, clients come back with their subscriptions", async () => {
    const witnesses = await Promise.all(
      TABLE.map(async ({ way }) => {
        const client = await open(server.address, way, { reconnect: () => 200 });
        const statuses: Status[] = [];
        client.onStatus((status) => statuses.push(status));
        const destination = fresh();
        const read: string[] = [];
        await client.subscribe(destination, (message) => void read.push(message.text()));
        const subscription = await client.subscribe(destination);
        await client.send(destination, "before");
        expect((await takeOne(subscription)).text()).toBe("before");
        await expect.poll(() => read).toEqual(["before"]); // the broker sends to its subscriptions in any order
        return { client, statuses, destination, read, subscription };
      }),
    );
    await server.signal("SIGKILL");
    await expect.poll(() => witnesses.every(({ statuses }) => statuses.length > 0), { timeout: 30_000 }).toBe(true);
    for (const { client, destination } of witnesses) {
      expect(await failure(client.send(destination, "x"))).toBeInstanceOf(ConnectionLostError);
    }
    await server.restart();
    const connects = (): number[] => witnesses.map(({ client }) => client.metrics().connects);
    await expect.poll(connects, { timeout: 50_000 }).toEqual(witnesses.map(() => 2));
    for (const { client, statuses, destination, read, subscription } of witnesses) {
      await client.send(destination, "after");
      expect((await takeOne(subscription)).text()).toBe("after");
      await expect.poll(() => read).toEqual(["before", "after"]);
      expect(statuses[0]).toMatchObject({ type: "disconnected", reconnects: true });
      expect(statuses.filter(({ type }) => /fail|refused|error/.test(type))).toEqual([]);
      await client.disconnect();
    }
  });

  describe.each(TABLE)("over $title", ({ way }) => {
    test("frozen, its silence is found out, and disconnect does not wait for it", async () => {
      const heartBeat = { outgoing: 1000, incoming: 1000 };
      await using client = await open(server.address, way, { heartBeat, reconnect: false });
      const ended = new Promise<unknown>((resolve) => {
        client.onStatus((status) => {
          if (status.type === "disconnected") resolve(status.reason);
        });
      });
      const other = await open(server.address, way, { heartBeat: false, disconnectTimeout: 500 });
      await server.signal("SIGSTOP");
      try {
        expect(await ended).toBeInstanceOf(HeartBeatError);
        const begin = performance.now();
        await other.disconnect();
        expect(performance.now() - begin).toBeLessThan(10_000);
      } finally {
        await server.signal("SIGCONT");
      }
    });
  });
});
