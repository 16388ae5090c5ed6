import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { joined } from "../../support/frames.js";
import { drop, kept, live } from "../../support/resubscribing.js";
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
    expect([await message.ack(), await other.nack()]).toEqual([false, false]);
    expect([...broker.of("ACK"), ...broker.of("NACK")]).toEqual([]);
    await client.disconnect();
  });

  test("are released as soon as reconnect() is called", async () => {
    const { broker, client } = await kept();
    const subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
    broker.message(subscription.id, "1");
    const message = await take(subscription);
    const renewed = client.reconnect();
    await settled();
    expect(await message.ack()).toBe(false);
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
    expect(await message.ack()).toBe(true);
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
      expect(message.sequence).toBe(3); // it counts on
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

  test("that a handler fails with are not refused: in STOMP 1.0 that is no second fault", async () => {
    const { broker, client } = await kept({ session: { versions: ["1.0"] } });
    const told: unknown[] = [];
    client.onStatus((status) => {
      if (status.type === "handler-error") told.push(status.error);
    });
    let fail: (error: Error) => void = () => undefined;
    const handler = (): Promise<void> => new Promise((_, reject) => (fail = reject));
    const subscription = await client.subscribe("/queue/a", handler, { ack: "client" });
    broker.message(subscription.id, "1");
    await settled();
    broker.transport.abort(new Error("cable cut"));
    await settled();
    fail(new Error("bad"));
    await settled();
    expect(told).toEqual([new Error("bad")]);
    await client.disconnect();
  });

  test("that a handler works on when the client has ended are not waited for in the next life", async () => {
    const { broker, client } = await kept({}, { reconnect: false });
    client.onStatus(() => undefined);
    const hangs = await client.subscribe("/queue/a", () => new Promise(() => undefined));
    broker.message(hangs.id, "1");
    await settled();
    await hangs.unsubscribe();
    const disconnecting = client.disconnect({ timeout: 1 });
    await vi.advanceTimersByTimeAsync(1);
    await disconnecting;
    await client.connect();
    await client.disconnect(); // without any time going by
    expect(client.state).toBe("disconnected");
  });

  test("are not handed to a handler once the transport has ended", async () => {
    const { broker, client } = await kept();
    const seen: string[] = [];
    const crowded = await client.subscribe("/queue/a", { ack: "client", buffer: { messages: 2 } });
    const idle = await client.subscribe("/queue/b", (message) => seen.push(message.text()), { ack: "client" });
    const auto = await client.subscribe("/queue/c", (message) => seen.push(message.text()));
    // The first message has the peer held back; what is in the same chunk is delivered at the end.
    const frames = [crowded, idle, auto].map(({ id, destination }) =>
      broker.session.encode("MESSAGE", { subscription: id, "message-id": id, destination, ack: id }, destination),
    );
    broker.transport.send(joined(frames));
    await settled();
    expect(seen).toEqual([]);
    await drop(broker);
    expect(seen).toEqual(["/queue/c"]); // it would not come again
    expect(broker.of("ACK")).toEqual([]);
    await client.disconnect();
  });

  test.each(["between two sessions", "in the next session"])(
    "are not waited for by unsubscribe() %s: a broker would send messages in vain",
    async (when) => {
      const { broker, client } = await kept();
      let finish: () => void = () => undefined;
      const work = (): Promise<void> => new Promise((resolve) => (finish = resolve));
      const subscription = await client.subscribe("/queue/a", work, { ack: "client-individual" });
      broker.message(subscription.id, "1");
      await settled();
      if (when === "between two sessions") broker.transport.abort(new Error("cable cut"));
      else await drop(broker);
      await settled();
      await subscription.unsubscribe();
      expect(subscription.isLive).toBe(false);
      await vi.advanceTimersByTimeAsync(100);
      expect(live(broker)).toEqual([]);
      finish();
      await client.disconnect();
    },
  );

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
