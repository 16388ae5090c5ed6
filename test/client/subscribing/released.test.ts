/** Messages that can no longer be acknowledged, because their session or subscription has ended: the broker delivers them again. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Message } from "../../../src/client/messages/message.js";
import { ConnectionLostError, InvalidStateError, ServerError } from "../../../src/errors.js";
import { deferred } from "../../../src/internal/deferred.js";
import { failure } from "../../support/connected.js";
import { drop, kept } from "../../support/resubscribing.js";
import { type ScriptedBroker, settled } from "../../support/scripted-broker.js";
import { take } from "../../support/take.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const MODES = ["client", "client-individual"] as const;

const ids = (broker: ScriptedBroker, command: "ACK" | "NACK"): unknown[] =>
  broker.of(command).map(({ headers }) => headers.get("id"));

describe("a loop that acknowledges", () => {
  test.each(MODES)("goes on after any number of lost sessions: %s", async (ack) => {
    const { broker, client } = await kept();
    const subscription = await client.subscribe("/queue/a", { ack });
    const seen: [string, boolean][] = [];
    const work = { go: deferred<void>() };
    const looping = (async () => {
      for await (const message of subscription) {
        await work.go.promise;
        seen.push([message.text(), await message.ack()]);
        if (message.text() === "last") break;
      }
    })();
    for (const lost of ["1", "2", "3"]) {
      work.go = deferred();
      broker.message(subscription.id, lost);
      await settled();
      await drop(broker);
      work.go.resolve();
      await settled();
    }
    broker.message(subscription.id, "last");
    await looping;
    expect(seen).toEqual([
      ["1", false],
      ["2", false],
      ["3", false],
      ["last", true],
    ]);
    expect(ids(broker, "ACK")).toEqual(["ack-m-4"]);
    await client.disconnect();
  });

  test("may be left while the connection ends", async () => {
    const connecting = kept({ memory: { latency: 10 } }, { reconnect: false });
    await vi.advanceTimersByTimeAsync(50);
    const { broker, client } = await connecting;
    const subscribing = client.subscribe("/queue/a", { ack: "client" });
    await vi.advanceTimersByTimeAsync(50);
    const subscription = await subscribing;
    broker.message(subscription.id, "1");
    const looping = (async () => {
      for await (const message of subscription) {
        expect(message.text()).toBe("1");
        break;
      }
    })();
    await vi.advanceTimersByTimeAsync(5);
    const unwritten = failure(client.send("/queue/b", "x".repeat(2_000_000))); // UNSUBSCRIBE waits behind it
    await vi.advanceTimersByTimeAsync(5);
    broker.clientEnd.abort(new Error("cable cut"));
    await vi.advanceTimersByTimeAsync(10);
    expect(await unwritten).toBeInstanceOf(ConnectionLostError);
    await looping;
    expect(client.state).toBe("disconnected");
  });
});

describe("no handler starts with a message that can no longer be acknowledged", () => {
  const ENDS: Record<string, (broker: ScriptedBroker, id: string) => void> = {
    "by the end of the last session": (broker) => {
      broker.transport.abort(new Error("cable cut"));
    },
    "by an ERROR that names it": (broker, subscription) => {
      broker.send("ERROR", { message: "cancelled", subscription });
    },
  };

  test.each(Object.entries(ENDS))("when a subscription ends %s", async (_, end) => {
    const { broker, client } = await kept({}, { reconnect: false, buffer: { messages: 400 } });
    client.onStatus(() => undefined);
    const begun: string[] = [];
    const go = deferred<void>();
    const handler = async (message: Message): Promise<void> => {
      begun.push(message.text());
      await go.promise;
    };
    const subscription = await client.subscribe("/queue/a", handler, { ack: "client-individual", concurrency: 2 });
    for (let job = 1; job <= 30; job++) broker.message(subscription.id, String(job));
    await settled();
    end(broker, subscription.id);
    await settled();
    expect(subscription.unread).toBe(0);
    go.resolve();
    await settled();
    expect(begun).toEqual(["1", "2"]);
    expect(broker.of("ACK")).toEqual([]);
    await client.disconnect();
  });

  test("when it is decoded across the loss of its session", async () => {
    const { broker, client } = await kept();
    const decoding = deferred<string>();
    const codec = {
      decode: (message: Message<unknown>) => (message.text() === "1" ? decoding.promise : message.text()),
    };
    const seen: string[] = [];
    const subscription = await client.subscribe("/queue/a", ({ value }) => seen.push(value), {
      ack: "client-individual",
      codec,
    });
    broker.message(subscription.id, "1");
    await settled();
    await drop(broker);
    decoding.resolve("1");
    broker.message(subscription.id, "1 again");
    await settled();
    expect(seen).toEqual(["1 again"]);
    expect(ids(broker, "ACK")).toEqual(["ack-m-2"]);
    await client.disconnect();
  });

  test("and is not refused by a codec that fails after the loss of its session", async () => {
    const { broker, client } = await kept();
    const told: string[] = [];
    client.onStatus(({ type }) => told.push(type));
    const decoding = deferred<string>();
    const subscription = await client.subscribe("/queue/a", () => undefined, {
      ack: "client-individual",
      codec: { decode: () => decoding.promise },
    });
    broker.message(subscription.id, "1");
    await settled();
    await drop(broker);
    decoding.reject(new Error("not valid"));
    await settled();
    expect(broker.of("NACK")).toEqual([]);
    expect(told).not.toContain("invalid-message"); // it comes again
    await client.disconnect();
  });

  test("but what runs counts against concurrency until it is done", async () => {
    const { broker, client } = await kept();
    const begun: string[] = [];
    const go = deferred<void>();
    const handler = async (message: Message): Promise<void> => {
      begun.push(message.text());
      if (message.text() === "1") await go.promise;
    };
    const subscription = await client.subscribe("/queue/a", handler, { ack: "client-individual" });
    broker.message(subscription.id, "1");
    await settled();
    await drop(broker);
    broker.message(subscription.id, "1 again");
    await settled();
    expect(begun).toEqual(["1"]);
    go.resolve();
    await settled();
    expect(begun).toEqual(["1", "1 again"]);
    expect(ids(broker, "ACK")).toEqual(["ack-m-2"]);
    await client.disconnect();
  });
});

describe("message.signal", () => {
  test.each(MODES)("aborts with the reason when the session is lost: %s", async (ack) => {
    const { broker, client } = await kept();
    const subscription = await client.subscribe("/queue/a", { ack });
    for (const text of ["1", "2", "3"]) broker.message(subscription.id, text);
    const [acked, open, unasked] = [await take(subscription), await take(subscription), await take(subscription)];
    const signals = [acked.signal, open.signal];
    await acked.ack();
    expect(open.signal).toBe(signals[1]);
    await drop(broker);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true]);
    expect(signals[1]?.reason).toBeInstanceOf(ConnectionLostError);
    expect(unasked.signal.aborted).toBe(true); // asked for when it was released already
    expect(unasked.signal.reason).toEqual(
      new InvalidStateError("message m-3 was released: the broker delivers it again"),
    );
    await client.disconnect();
  });

  test.each([
    ["unsubscribe()", InvalidStateError],
    ["disconnect()", InvalidStateError],
    ["an ERROR that names the subscription", ServerError],
  ] as const)("aborts by %s", async (how, reason) => {
    const { broker, client } = await kept();
    const subscription = await client.subscribe("/queue/a", { ack: "client" });
    broker.message(subscription.id, "1");
    const { signal } = await take(subscription);
    if (how === "unsubscribe()") await subscription.unsubscribe();
    else if (how !== "disconnect()") broker.send("ERROR", { message: "no", subscription: subscription.id });
    else {
      const disconnecting = client.disconnect();
      await vi.advanceTimersByTimeAsync(1000);
      expect(signal.aborted).toBe(false); // it can still be acknowledged
      await vi.advanceTimersByTimeAsync(60_000);
      await disconnecting;
    }
    await settled();
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toBeInstanceOf(reason);
    await client.disconnect();
  });

  test("does not abort in the mode auto, nor for what a transaction has acknowledged for good", async () => {
    const { broker, client } = await kept();
    const auto = await client.subscribe("/queue/a");
    const other = await client.subscribe("/queue/b", { ack: "client-individual" });
    broker.message(auto.id, "1");
    broker.message(other.id, "2");
    broker.message(other.id, "3");
    const [free, committed, open] = [await take(auto), await take(other), await take(other)];
    const first = await client.begin();
    await first.ack(committed);
    const { signal } = committed; // asked for while it can still be released
    await first.commit();
    const second = await client.begin();
    await second.ack(open);
    const lost = open.signal;
    const never = free.signal;
    await drop(broker);
    expect([never.aborted, signal.aborted, lost.aborted]).toEqual([false, false, true]);
    expect([committed.isSettled, open.isSettled]).toEqual([true, false]);
    await client.disconnect();
  });
});

test("a transaction rejects what was released, so that its work ends", async () => {
  const { broker, client } = await kept();
  const subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
  broker.message(subscription.id, "1");
  const message = await take(subscription);
  await drop(broker);
  const error = new InvalidStateError("message m-1 was released: the broker delivers it again");
  const working = client.transaction(async (transaction) => {
    await transaction.send("/queue/b", "result");
    await transaction.ack(message);
  });
  expect(await failure(working)).toEqual(error);
  expect(broker.of("COMMIT")).toEqual([]);
  expect(broker.of("ABORT")).toHaveLength(1);
  await client.disconnect();
});

test("a transaction of another client rejects a message, and nothing is sent", async () => {
  const { broker, client } = await kept();
  const other = await kept();
  const subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
  broker.message(subscription.id, "1");
  const message = await take(subscription);
  const transaction = await other.client.begin();
  expect(await failure(transaction.ack(message))).toEqual(
    new InvalidStateError("message m-1 and the transaction are not of the same session"),
  );
  expect([...broker.of("ACK"), ...other.broker.of("ACK")]).toEqual([]);
  expect(await message.ack()).toBe(true);
  await client.disconnect();
  await other.client.disconnect();
});

test("two readers may wait at once, and both acknowledge while the client disconnects", async () => {
  const { broker, client } = await kept();
  const subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
  const reading = [subscription.next(), subscription.next()];
  broker.message(subscription.id, "1");
  broker.message(subscription.id, "2");
  const read = await Promise.all(reading);
  const disconnecting = client.disconnect();
  await settled();
  for (const { value } of read) expect(await value?.ack()).toBe(true);
  await disconnecting;
  expect(ids(broker, "ACK")).toEqual(["ack-m-1", "ack-m-2"]);
});
