import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { StaleMessageError } from "../../../src/errors.js";
import { drop, kept } from "../../support/resubscribing.js";
import { settled } from "../../support/scripted-broker.js";
import { take } from "../../support/take.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

describe("messages of an earlier session", () => {
  test("cannot be acknowledged or refused: they come again", async () => {
    const { broker, client } = await kept();
    const subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
    broker.message(subscription.id, "1");
    broker.message(subscription.id, "2");
    const message = await take(subscription);
    const other = await take(subscription);
    await drop(broker);
    const stale = "came in a session that has ended; the broker delivers it again";
    await expect(message.ack()).rejects.toThrow(new StaleMessageError(`message m-1 ${stale}`));
    await expect(other.nack()).rejects.toThrow(new StaleMessageError(`message m-2 ${stale}`));
    expect([...broker.of("ACK"), ...broker.of("NACK")]).toEqual([]);
    await client.disconnect();
  });

  test("are stale as soon as reconnect() is called", async () => {
    const { broker, client } = await kept();
    const subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
    broker.message(subscription.id, "1");
    const message = await take(subscription);
    const renewed = client.reconnect();
    await settled();
    await expect(message.ack()).rejects.toBeInstanceOf(StaleMessageError);
    await renewed;
    await client.disconnect();
  });

  test("that were acknowledged stay so", async () => {
    const { broker, client } = await kept();
    const subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
    broker.message(subscription.id, "1");
    const message = await take(subscription);
    await message.ack();
    await drop(broker);
    await message.ack();
    expect(broker.of("ACK")).toHaveLength(1);
    await client.disconnect();
  });

  test.each(["client", "client-individual"] as const)(
    "that are unread are not handed out in the mode %s, as they come again",
    async (ack) => {
      const { broker, client } = await kept();
      const subscription = await client.subscribe("/queue/a", { ack });
      broker.message(subscription.id, "1");
      broker.message(subscription.id, "2");
      await settled();
      expect(subscription.unread).toBe(2);
      await drop(broker);
      expect(subscription.unread).toBe(0);
      broker.message(subscription.id, "1 again");
      const message = await take(subscription);
      expect(message.text()).toBe("1 again");
      expect(message.sequence).toBe(1);
      await message.ack();
      await settled();
      expect(broker.of("ACK").map(({ headers }) => headers.get("id"))).toEqual(["ack-m-3"]);
      await client.disconnect();
    },
  );

  test("that are unread are handed out in the mode auto, as they do not come again", async () => {
    const { broker, client } = await kept();
    const subscription = await client.subscribe("/queue/a");
    broker.message(subscription.id, "1");
    await settled();
    await drop(broker);
    broker.message(subscription.id, "2");
    expect((await take(subscription)).text()).toBe("1");
    expect((await take(subscription)).text()).toBe("2");
    await client.disconnect();
  });

  test("that a handler works on are not acknowledged when it is done", async () => {
    const { broker, client } = await kept();
    let finish: () => void = () => undefined;
    const seen: string[] = [];
    const subscription = await client.subscribe(
      "/queue/a",
      (message) => {
        seen.push(message.text());
        return message.text() === "1" ? new Promise<void>((resolve) => (finish = resolve)) : undefined;
      },
      { ack: "client-individual" },
    );
    broker.message(subscription.id, "1");
    broker.message(subscription.id, "2");
    await settled();
    await drop(broker);
    finish();
    broker.message(subscription.id, "1 again");
    await settled();
    expect(seen).toEqual(["1", "1 again"]);
    expect(broker.of("ACK").map(({ headers }) => headers.get("id"))).toEqual(["ack-m-3"]);
    await client.disconnect();
  });

  test("are not waited for by disconnect()", async () => {
    const { broker, client } = await kept();
    const subscription = await client.subscribe("/queue/a", { ack: "client" });
    broker.message(subscription.id, "1");
    await take(subscription);
    await drop(broker);
    await client.disconnect(); // without any time going by
    expect(client.state).toBe("disconnected");
  });
});
