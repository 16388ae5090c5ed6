import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { BaseClient } from "../../../src/client/client.js";
import type { Message } from "../../../src/client/messages/message.js";
import type { Status } from "../../../src/client/observing/status.js";
import { ConnectionLostError } from "../../../src/errors.js";
import { type Deferred, deferred } from "../../../src/internal/deferred.js";
import { connected } from "../../support/connected.js";
import { type ScriptedBroker, settled } from "../../support/scripted-broker.js";
import { take } from "../../support/take.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const INDIVIDUAL = { ack: "client-individual" } as const;

/** The frames after CONNECT and SUBSCRIBE. */
function told(broker: ScriptedBroker): string[] {
  return broker.received
    .slice(2)
    .map(({ command, headers }) => [command, headers.get("id") ?? headers.get("destination")].join(" ").trim());
}

/** A handler whose work a test ends, one message at a time. */
class Work {
  readonly begun: string[] = [];
  readonly #ends: Deferred<void>[] = [];

  readonly handler = async (message: Message): Promise<void> => {
    this.begun.push(message.text());
    const end = deferred<void>();
    this.#ends.push(end);
    await end.promise;
  };

  async finish(index: number, error?: Error): Promise<void> {
    if (error === undefined) this.#ends[index]?.resolve();
    else this.#ends[index]?.reject(error);
    await settled();
  }
}

/** Whether a promise is settled, once all that can happen now has happened. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let is = false;
  const settle = (): void => void (is = true);
  promise.then(settle, settle);
  await settled();
  return is;
}

describe("disconnect, with handlers", () => {
  test("waits for those that run, sends their acks, and hands out no more", async () => {
    const { broker, client } = await connected();
    const work = new Work();
    const subscription = await client.subscribe("/queue/a", work.handler, { ...INDIVIDUAL, concurrency: 2 });
    for (const text of ["1", "2", "3"]) broker.message(subscription.id, text);
    await settled();
    const disconnecting = client.disconnect();
    broker.message(subscription.id, "4");
    await work.finish(1);
    expect(await isSettled(disconnecting)).toBe(false);
    expect(told(broker)).toEqual(["ACK ack-m-2"]);
    await work.finish(0);
    await disconnecting;
    expect(work.begun).toEqual(["1", "2"]);
    expect(told(broker)).toEqual(["ACK ack-m-2", "ACK ack-m-1", "DISCONNECT"]);
    await subscription.ended;
  });

  test("sends the NACK of one that fails meanwhile, and tells of it", async () => {
    const { broker, client } = await connected();
    const failed: Status[] = [];
    client.onStatus((status) => {
      if (status.type === "handler-error") failed.push(status);
    });
    const work = new Work();
    const subscription = await client.subscribe("/queue/a", work.handler, INDIVIDUAL);
    broker.message(subscription.id, "1");
    await settled();
    const disconnecting = client.disconnect();
    await work.finish(0, new Error("bad"));
    await disconnecting;
    expect(told(broker)).toEqual(["NACK ack-m-1", "DISCONNECT"]);
    expect(failed).toEqual([{ type: "handler-error", error: new Error("bad"), destination: "/queue/a" }]);
  });

  test("waits for them in the mode auto too, and on several subscriptions", async () => {
    const { client, broker } = await connected();
    const work = new Work();
    const [first, second] = await Promise.all([
      client.subscribe("/queue/a", work.handler),
      client.subscribe("/queue/b", work.handler, { ack: "client" }),
    ]);
    broker.message(first.id, "a");
    broker.message(second.id, "b");
    await settled();
    const disconnecting = client.disconnect();
    await work.finish(0);
    expect(await isSettled(disconnecting)).toBe(false);
    await work.finish(1);
    await disconnecting;
    expect(broker.of("ACK")).toHaveLength(1);
  });

  test("has nothing to wait for when none runs", async () => {
    const { broker, client } = await connected();
    const seen: string[] = [];
    const subscription = await client.subscribe("/queue/a", (message) => seen.push(message.text()), INDIVIDUAL);
    broker.message(subscription.id, "1");
    await settled();
    await client.disconnect();
    expect(seen).toEqual(["1"]);
    expect(told(broker)).toEqual(["ACK ack-m-1", "DISCONNECT"]);
  });

  test("waits for one that decodes its message, which is not handed out any more", async () => {
    const { broker, client } = await connected();
    const decoding = deferred<string>();
    const seen: string[] = [];
    const codec = { decode: () => decoding.promise, encode: () => ({ body: "" }) };
    const handler = (message: Message<string>): number => seen.push(message.value);
    const subscription = await client.subscribe("/queue/a", handler, { ...INDIVIDUAL, codec });
    broker.message(subscription.id, "1");
    await settled();
    const disconnecting = client.disconnect();
    expect(await isSettled(disconnecting)).toBe(false);
    decoding.resolve("one");
    await disconnecting;
    expect(seen).toEqual(["one"]); // it was taken before
    expect(told(broker)).toEqual(["ACK ack-m-1", "DISCONNECT"]);
  });

  test("lets them send, with receipts, and at least once", async () => {
    const { broker, client } = await connected({}, { delivery: "at-least-once" });
    const go = deferred<void>();
    const subscription = await client.subscribe(
      "/queue/a",
      async () => {
        await go.promise;
        await client.send("/queue/b", "awaited", { receipt: true });
        void client.send("/queue/c", "not awaited");
      },
      INDIVIDUAL,
    );
    broker.message(subscription.id, "1");
    await settled();
    const disconnecting = client.disconnect();
    await expect(client.subscribe("/queue/z")).rejects.toThrow("the client is disconnecting");
    go.resolve();
    await disconnecting;
    expect(told(broker)).toEqual(["SEND /queue/b", "SEND /queue/c", "ACK ack-m-1", "DISCONNECT"]);
    expect(client.metrics().outboxMessages).toBe(0);
  });

  test("gives up on one that takes too long: its message is the broker's to deliver again", async () => {
    const { broker, client } = await connected();
    const failed = vi.fn();
    client.onStatus((status) => {
      if (status.type === "handler-error") failed();
    });
    const work = new Work();
    let late: Promise<unknown> | undefined;
    const subscription = await client.subscribe(
      "/queue/a",
      async (message) => {
        await work.handler(message);
        late = message.ack();
      },
      INDIVIDUAL,
    );
    broker.message(subscription.id, "1");
    await settled();
    const disconnecting = client.disconnect({ timeout: 1000 });
    await vi.advanceTimersByTimeAsync(999);
    expect(told(broker)).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    await disconnecting;
    expect(told(broker)).toEqual(["DISCONNECT"]);
    await work.finish(0);
    expect(await late).toBe(false);
    expect(failed).not.toHaveBeenCalled();
  });

  test("waits as long as it takes with the time-out Infinity", async () => {
    const { broker, client } = await connected();
    const work = new Work();
    const subscription = await client.subscribe("/queue/a", work.handler, INDIVIDUAL);
    broker.message(subscription.id, "1");
    await settled();
    const disconnecting = client.disconnect({ timeout: Infinity });
    await vi.advanceTimersByTimeAsync(10_000_000);
    expect(told(broker)).toEqual([]);
    await work.finish(0);
    await disconnecting;
    expect(told(broker)).toEqual(["ACK ack-m-1", "DISCONNECT"]);
  });

  test("ends at once when the connection is lost meanwhile, and does not connect again", async () => {
    const { broker, client } = await connected({}, { reconnect: () => 0 });
    const work = new Work();
    const subscription = await client.subscribe("/queue/a", work.handler, INDIVIDUAL);
    broker.message(subscription.id, "1");
    await settled();
    const disconnecting = client.disconnect({ timeout: Infinity });
    await settled();
    broker.transport.abort(new Error("cable cut"));
    await disconnecting;
    expect(client.state).toBe("disconnected");
    await expect(subscription.ended).rejects.toBeInstanceOf(ConnectionLostError);
    await work.finish(0);
    await vi.advanceTimersByTimeAsync(60_000);
    expect([broker.dialled, broker.of("ACK").length]).toEqual([1, 0]);
  });

  test("after the time is over keeps nothing that the next session would be told of", async () => {
    const { broker, client } = await connected();
    const work = new Work();
    const subscription = await client.subscribe("/queue/a", work.handler, INDIVIDUAL);
    broker.message(subscription.id, "1");
    await settled();
    const disconnecting = client.disconnect({ timeout: 1 });
    await vi.advanceTimersByTimeAsync(1);
    await disconnecting;
    await client.connect();
    await work.finish(0);
    expect(broker.of("ACK")).toEqual([]);
    await client.disconnect();
  });
});

describe("a handler that calls disconnect", () => {
  test.each<[string, (client: BaseClient, ended: Deferred<void>) => unknown]>([
    ["synchronously", (client, ended) => void client.disconnect().then(ended.resolve)],
    [
      "and then works on",
      async (client, ended) => {
        void client.disconnect().then(ended.resolve);
        await settled();
      },
    ],
    [
      "after some work",
      async (client, ended) => {
        await settled();
        void client.disconnect().then(ended.resolve);
        await settled();
      },
    ],
  ])("%s still acknowledges its message, and is given no other", async (_, act) => {
    const { broker, client } = await connected();
    const ended = deferred<void>();
    const seen: string[] = [];
    const subscription = await client.subscribe(
      "/queue/a",
      (message) => {
        seen.push(message.text());
        return act(client, ended);
      },
      INDIVIDUAL,
    );
    broker.message(subscription.id, "1");
    broker.message(subscription.id, "2");
    await ended.promise;
    expect(seen).toEqual(["1"]);
    expect(told(broker)).toEqual(["ACK ack-m-1", "DISCONNECT"]);
  });

  test("and fails refuses its message first", async () => {
    const { broker, client } = await connected();
    const ended = deferred<void>();
    const failed: Status[] = [];
    client.onStatus((status) => failed.push(status));
    const subscription = await client.subscribe(
      "/queue/a",
      () => {
        void client.disconnect().then(ended.resolve);
        throw new Error("no more");
      },
      INDIVIDUAL,
    );
    broker.message(subscription.id, "1");
    await ended.promise;
    expect(told(broker)).toEqual(["NACK ack-m-1", "DISCONNECT"]);
    expect(failed).toContainEqual({ type: "handler-error", error: new Error("no more"), destination: "/queue/a" });
  });

  test("and waits for it waits for itself until the time is over", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", () => client.disconnect({ timeout: 500 }), INDIVIDUAL);
    broker.message(subscription.id, "1");
    await settled();
    await vi.advanceTimersByTimeAsync(499);
    expect(client.state).toBe("disconnecting");
    await vi.advanceTimersByTimeAsync(1);
    await settled();
    expect(client.state).toBe("disconnected");
    expect(told(broker)).toEqual(["DISCONNECT"]);
  });
});

describe("disconnect, with a reader", () => {
  test("that waits for a message: the iteration is over", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", INDIVIDUAL);
    const next = subscription.next();
    await client.disconnect();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(told(broker)).toEqual(["DISCONNECT"]);
  });

  test("that works on a message waits until it is acknowledged, and hands out none of those that are unread", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", INDIVIDUAL);
    for (const text of ["1", "2", "3"]) broker.message(subscription.id, text);
    const message = await take(subscription);
    const disconnecting = client.disconnect();
    expect(await isSettled(disconnecting)).toBe(false);
    await message.ack();
    await disconnecting;
    expect(told(broker)).toEqual(["ACK ack-m-1", "DISCONNECT"]);
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
    expect(subscription.unread).toBe(0);
  });

  test("that asks for another is done with the one it had, and the iteration is over", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", INDIVIDUAL);
    broker.message(subscription.id, "1");
    broker.message(subscription.id, "2");
    const seen: string[] = [];
    const go = deferred<void>();
    const reading = (async () => {
      for await (const message of subscription) {
        seen.push(message.text());
        await go.promise; // and is not acknowledged
      }
    })();
    await settled();
    const disconnecting = client.disconnect();
    expect(await isSettled(disconnecting)).toBe(false);
    go.resolve();
    await Promise.all([disconnecting, reading]);
    expect(seen).toEqual(["1"]);
    expect(told(broker)).toEqual(["DISCONNECT"]);
  });

  test("that leaves its loop meanwhile unsubscribes", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", INDIVIDUAL);
    broker.message(subscription.id, "1");
    const go = deferred<void>();
    const reading = (async () => {
      for await (const message of subscription) {
        await go.promise;
        await message.ack();
        break;
      }
    })();
    await settled();
    const disconnecting = client.disconnect();
    go.resolve();
    await Promise.all([disconnecting, reading]);
    expect(told(broker)[0]).toBe("ACK ack-m-1");
    expect(told(broker).at(-1)).toBe("DISCONNECT");
  });

  test("in the mode auto does not wait: there is nothing to acknowledge", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a");
    broker.message(subscription.id, "1");
    await take(subscription);
    await client.disconnect();
    expect(told(broker)).toEqual(["DISCONNECT"]);
  });

  test("that never comes back waits no longer than the time-out", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", INDIVIDUAL);
    broker.message(subscription.id, "1");
    const message = await take(subscription);
    const disconnecting = client.disconnect();
    await vi.advanceTimersByTimeAsync(2000);
    await disconnecting;
    expect(await message.ack()).toBe(false);
  });

  test.each(["commit", "abort"] as const)("that acknowledged in a transaction waits for its %s", async (end) => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", { ack: "client" });
    broker.message(subscription.id, "1");
    const message = await take(subscription);
    const transaction = await client.begin({ id: "t" });
    await transaction.ack(message);
    const disconnecting = client.disconnect();
    expect(await isSettled(disconnecting)).toBe(false);
    await transaction[end]();
    if (end === "abort") {
      expect(await isSettled(disconnecting)).toBe(false); // it can be acknowledged again
      await message.ack();
    }
    await disconnecting;
    expect(broker.received.slice(2).map(({ command }) => command)).toEqual(
      end === "commit" ? ["BEGIN", "ACK", "COMMIT", "DISCONNECT"] : ["BEGIN", "ACK", "ABORT", "ACK", "DISCONNECT"],
    );
  });
});

describe("disconnect, after unsubscribe", () => {
  test.each(["before", "meanwhile"])("(%s) waits for the handler that still runs, and what it sends", async (when) => {
    const { broker, client } = await connected();
    const work = new Work();
    const subscription = await client.subscribe(
      "/queue/a",
      async (message) => {
        await work.handler(message);
        await client.send("/queue/b", "result", { receipt: true });
      },
      INDIVIDUAL,
    );
    broker.message(subscription.id, "1");
    broker.message(subscription.id, "2");
    await settled();
    if (when === "before") await subscription.unsubscribe();
    const disconnecting = client.disconnect();
    if (when === "meanwhile") await subscription.unsubscribe();
    expect(await isSettled(disconnecting)).toBe(false);
    await work.finish(0);
    await disconnecting;
    expect(work.begun).toEqual(["1"]);
    expect(told(broker)).toEqual(["SEND /queue/b", "ACK ack-m-1", `UNSUBSCRIBE ${subscription.id}`, "DISCONNECT"]);
    await client.connect();
    await client.disconnect(); // it is not waited for again
  });

  test("of a reader has nothing to wait for", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", INDIVIDUAL);
    broker.message(subscription.id, "1");
    await take(subscription);
    const disconnecting = client.disconnect();
    expect(await isSettled(disconnecting)).toBe(false);
    await subscription.unsubscribe();
    await disconnecting;
    expect(told(broker)).toEqual([`UNSUBSCRIBE ${subscription.id}`, "DISCONNECT"]);
  });
});

describe("disconnect, when messages are held back", () => {
  test("lets the receipts through that handlers wait for, and drops what is unread", async () => {
    const { broker, client } = await connected({}, { buffer: { messages: 20 } });
    const go = deferred<void>();
    const seen: string[] = [];
    const subscription = await client.subscribe(
      "/queue/a",
      async (message) => {
        seen.push(message.text());
        await go.promise;
        await client.send("/queue/b", "x", { receipt: true });
      },
      INDIVIDUAL,
    );
    for (let i = 1; i <= 15; i++) broker.message(subscription.id, String(i));
    await settled();
    expect(subscription.unread).toBe(2); // the rest is held back
    const disconnecting = client.disconnect();
    await settled();
    go.resolve();
    await disconnecting;
    expect(seen).toEqual(["1"]);
    expect(told(broker)).toEqual(["SEND /queue/b", "ACK ack-m-1", "DISCONNECT"]);
  });
});
