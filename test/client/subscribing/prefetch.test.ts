import { describe, expect, test } from "vitest";
import type { Message } from "../../../src/client/messages/message.js";
import type { Status } from "../../../src/client/observing/status.js";
import { deferred } from "../../../src/internal/deferred.js";
import { brokerKindOf } from "../../../src/protocol/broker-kinds.js";
import { connected, failure } from "../../support/connected.js";
import { statusesOf } from "../../support/statuses.js";
import { take } from "../../support/take.js";
import { settled } from "../../support/scripted-broker.js";

const RABBIT = ["prefetch-count", 7];
const ACTIVE = ["activemq.prefetchSize", 7];
const ARTEMIS = ["consumer-window-size", 1400];

describe("the header that bounds what a broker sends ahead", () => {
  test.each([
    ["RabbitMQ/4.1.0", [RABBIT]],
    ["ActiveMQ/6.1.2", [ACTIVE]],
    ["ActiveMQ-Artemis/2.30.0 ActiveMQ Artemis Messaging Engine", [ARTEMIS]],
    ["rabbitmq/4", [RABBIT, ACTIVE, ARTEMIS]],
    [undefined, [RABBIT, ACTIVE, ARTEMIS]], // as Artemis in 1.0
  ])("is the one that the broker knows, or all of them: %s", (server, expected) => {
    expect(brokerKindOf(server).prefetch(7)).toEqual(expected);
  });
});

test("a prefetch of one is a window of none on Artemis: one message at a time", () => {
  expect(brokerKindOf("ActiveMQ-Artemis/2.56.0").prefetch(1)).toEqual([["consumer-window-size", 0]]);
});

describe("prefetch", () => {
  test("is written into SUBSCRIBE as the broker wants it, in each session anew", async () => {
    const { broker, client } = await connected({ connected: { server: "RabbitMQ/4.1.0" } }, { reconnect: () => 0 });
    await client.subscribe("/queue/a", { prefetch: 5, ack: "client", id: "a" });
    await client.subscribe("/queue/b", { id: "b" });
    await client.reconnect();
    await settled();
    expect(broker.of("SUBSCRIBE").map(({ headers }) => [headers.get("id"), headers.get("prefetch-count")])).toEqual([
      ["a", "5"],
      ["b", undefined],
      ["a", "5"],
      ["b", undefined],
    ]);
    expect(broker.of("SUBSCRIBE").some(({ headers }) => headers.has("activemq.prefetchSize"))).toBe(false);
    await client.disconnect();
  });

  test("is written once where the caller has given the header", async () => {
    const { broker, client } = await connected({ connected: { server: "RabbitMQ/4.1.0" } });
    await client.subscribe("/queue/a", { prefetch: 5, ack: "client", headers: { "prefetch-count": 3 } });
    await settled();
    expect(broker.of("SUBSCRIBE")[0]?.headers.all("prefetch-count")).toEqual(["3"]);
    await client.disconnect();
  });

  test("and the other headers are sent in each session as they were given in the first place", async () => {
    const { broker, client } = await connected({ connected: { server: "ActiveMQ/6.1.2" } }, { reconnect: () => 0 });
    const headers = new Map([["selector", "a = 1"]]);
    await client.subscribe("/queue/a", { prefetch: 5, headers });
    headers.set("selector", "a = 2");
    await client.subscribe("/queue/b", { headers: headers.entries() }); // which can be gone through once
    await client.reconnect();
    await settled();
    const sent = broker
      .of("SUBSCRIBE")
      .map(({ headers: all }) => [all.get("selector"), all.get("activemq.prefetchSize")]);
    expect(sent).toEqual([
      ["a = 1", "5"],
      ["a = 2", undefined],
      ["a = 1", "5"],
      ["a = 2", undefined],
    ]);
    await client.disconnect();
  });

  test("is not used up by messages of a lost session", async () => {
    const { client, broker } = await connected({}, { reconnect: () => 0 });
    const told = statusesOf(client);
    const subscription = await client.subscribe("/queue/a", { prefetch: 1, ack: "client-individual" });
    broker.message(subscription.id, "1");
    await take(subscription);
    await client.reconnect();
    const next = subscription.next();
    expect(told.filter(({ type }) => type === "prefetch-used-up")).toEqual([]);
    await client.disconnect();
    expect((await next).done).toBe(true);
  });

  test.each([0, -1, 1.5, Number.NaN, -Infinity, "5"])("must be a number of messages, not %o", async (prefetch) => {
    const { broker, client } = await connected();
    expect(await failure(client.subscribe("/queue/a", { prefetch: prefetch as number }))).toEqual(
      new RangeError(`prefetch must be a whole number, 1 or more, or Infinity, not ${prefetch}`),
    );
    expect(broker.of("SUBSCRIBE")).toEqual([]);
    await client.disconnect();
  });

  test.each([
    ["RabbitMQ/4.1.0", ["prefetch-count:100", "prefetch-count:1000", "prefetch-count:10", "prefetch-count:0"]],
    [
      "ActiveMQ/6.1.2",
      ["prefetchSize:100", "prefetchSize:1000", "prefetchSize:10", "prefetchSize:32766"].map(
        (one) => `activemq.${one}`,
      ),
    ],
    ["ActiveMQ-Artemis/2.30.0", ["20000", "200000", "2000", "-1"].map((bytes) => `consumer-window-size:${bytes}`)],
  ])("is sent to %s in the modes with acknowledgement, no more than the buffer holds", async (server, expected) => {
    const { broker, client } = await connected({ connected: { server } });
    await client.subscribe("/queue/a", { ack: "client-individual" });
    await client.subscribe("/queue/b", { ack: "client" });
    await client.subscribe("/queue/c", { ack: "client", buffer: { messages: 10 } });
    await client.subscribe("/queue/d", { ack: "client", prefetch: Infinity });
    await client.subscribe("/queue/e");
    await settled();
    const own = new Set(["destination", "id", "ack"]);
    const sent = broker
      .of("SUBSCRIBE")
      .map(({ headers }) => [...headers].filter(([name]) => !own.has(name)).map((pair) => pair.join(":")));
    expect(sent).toEqual([...expected.map((one) => [one]), []]);
    await client.disconnect();
  });

  test.each(["client", "client-individual"] as const)(
    "that is used up is told once while a reader waits: %s",
    async (ack) => {
      const { broker, client } = await connected();
      const told: Status[] = [];
      client.onStatus((status) => told.push(status));
      const subscription = await client.subscribe("/queue/a", { ack, prefetch: 2 });
      for (const text of ["1", "2"]) broker.message(subscription.id, text);
      const [first, second] = [await take(subscription), await take(subscription)];
      expect(told).toEqual([]); // nobody waits
      const waiting = [subscription.next(), subscription.next()];
      const status = { type: "prefetch-used-up", subscription: subscription.id, destination: "/queue/a", prefetch: 2 };
      expect(told).toEqual([status]);
      await (ack === "client" ? second : first).ack();
      broker.message(subscription.id, "3");
      await waiting[0];
      if (ack === "client-individual") expect(told).toEqual([status, status]); // "2" and "3" are out, and a reader waits again
      await subscription.unsubscribe();
      await waiting[1];
      await client.disconnect();
    },
  );

  test("is not used up by messages of a lost session", async () => {
    const { broker, client } = await connected({}, { reconnect: () => 0 });
    const told: string[] = [];
    client.onStatus(({ type }) => told.push(type));
    const subscription = await client.subscribe("/queue/a", { ack: "client-individual", prefetch: 2 });
    for (const text of ["1", "2"]) broker.message(subscription.id, text);
    await take(subscription);
    await take(subscription);
    await client.reconnect();
    const next = subscription.next();
    await settled();
    expect(told).not.toContain("prefetch-used-up");
    await subscription.unsubscribe();
    await next;
    await client.disconnect();
  });

  test("that is used up is not told while a handler works, nor in the mode auto", async () => {
    const { broker, client } = await connected();
    const told: Status[] = [];
    client.onStatus((status) => told.push(status));
    const go = deferred<void>();
    const handled = await client.subscribe("/queue/a", () => go.promise, { ack: "client", prefetch: 1 });
    const read = await client.subscribe("/queue/b", { prefetch: 1 });
    broker.message(handled.id, "1");
    broker.message(read.id, "1");
    await take(read);
    const waiting = read.next();
    await settled();
    expect(told).toEqual([]);
    go.resolve();
    await client.disconnect();
    await waiting;
  });

  test("that is used up is told when a handler has nothing to do, as what is not valid was left as it is", async () => {
    const { broker, client } = await connected();
    const told: string[] = [];
    client.onStatus(({ type }) => told.push(type));
    const codec = { decode: () => Promise.reject(new Error("not valid")) };
    const options = { ack: "client-individual", prefetch: 2, codec, invalid: () => undefined } as const;
    const subscription = await client.subscribe("/queue/a", () => undefined, options);
    broker.message(subscription.id, "1");
    await settled();
    expect(told).toEqual(["invalid-message"]);
    broker.message(subscription.id, "2");
    await settled();
    expect(told).toEqual(["invalid-message", "invalid-message", "prefetch-used-up"]);
    await client.disconnect();
  });

  test.each([true, false])(
    "that is used up is told once if a broker sends more all the same, codec with a promise: %s",
    async (isAsync) => {
      const { broker, client } = await connected();
      const told: string[] = [];
      client.onStatus(({ type }) => told.push(type));
      const decode = (): Promise<never> => {
        const error = new Error("not valid");
        if (isAsync) return Promise.reject(error);
        throw error;
      };
      const options = { ack: "client-individual", prefetch: 1, codec: { decode }, invalid: () => undefined } as const;
      const subscription = await client.subscribe("/queue/a", () => undefined, options);
      for (const text of ["1", "2", "3"]) broker.message(subscription.id, text);
      await settled();
      expect(told.filter((type) => type === "prefetch-used-up")).toHaveLength(1); // nothing was settled meanwhile
      await client.disconnect();
    },
  );

  test("is not used up for a reader that gets an unread message in a moment", async () => {
    const { broker, client } = await connected();
    const told: string[] = [];
    client.onStatus(({ type }) => told.push(type));
    const slow = deferred<string>();
    const codec = { decode: (message: Message<unknown>) => (message.text() === "1" ? slow.promise : "") };
    const subscription = await client.subscribe("/queue/a", { ack: "client-individual", prefetch: 1, codec });
    for (const text of ["1", "2"]) broker.message(subscription.id, text);
    const reading = [subscription.next(), subscription.next()];
    await settled();
    slow.resolve("");
    await Promise.all(reading);
    expect(told).toEqual([]);
    await subscription.unsubscribe();
    await client.disconnect();
  });
});
