import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Pair, drop, kept, live, sessions } from "../../support/resubscribing.js";
import { type ScriptedBroker, settled } from "../../support/scripted-broker.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

describe("thousands of subscriptions are made again some hundred at a time", () => {
  const MANY = 600;
  const MOST = 250;

  /** A client with that many; its broker answers a SUBSCRIBE when it is told to. */
  async function many(receipts: boolean): Promise<Pair & { answer(count: number): Promise<void> }> {
    const unanswered: string[] = [];
    const pair = await kept(
      {
        receipts: false,
        onFrame: ({ command, headers }, self) => {
          const receipt = headers.get("receipt");
          if (receipt === undefined) return;
          if (command === "SUBSCRIBE" && receipts) unanswered.push(receipt);
          else if (command !== "SUBSCRIBE") self.send("RECEIPT", { "receipt-id": receipt });
        },
      },
      { delivery: "at-least-once" },
    );
    for (let n = 0; n < MANY; n++) await pair.client.subscribe(`/topic/${n}`, { id: `s${n}` });
    return {
      ...pair,
      answer: async (count) => {
        for (const receipt of unanswered.splice(0, count)) pair.broker.send("RECEIPT", { "receipt-id": receipt });
        await settled();
      },
    };
  }

  const subscribed = (broker: ScriptedBroker): number =>
    sessions(broker)
      .at(-1)
      ?.filter((command) => command.startsWith("SUBSCRIBE")).length ?? 0;

  test("as the broker confirms them, and what waited follows the last one", async () => {
    const { broker, client, answer } = await many(true);
    broker.transport.abort(new Error("cable cut"));
    await settled();
    const waited = client.send("/topic/0", "waited");
    await vi.advanceTimersByTimeAsync(100);
    expect(subscribed(broker)).toBe(MOST);
    await answer(50);
    expect(subscribed(broker)).toBe(MOST + 50);
    await answer(MANY);
    expect(subscribed(broker)).toBe(MOST + 50 + MOST);
    expect(sessions(broker).at(-1)).not.toContain("SEND");
    await answer(50);
    expect(subscribed(broker)).toBe(MANY);
    await waited;
    expect(live(broker)).toEqual(Array.from({ length: MANY }, (_, n) => `s${n}`));
    expect(sessions(broker).at(-1)?.at(-1)).toBe("SEND");
    await answer(MANY);
    await client.disconnect();
  });

  test("not one that has ended meanwhile, and that was never made in this session", async () => {
    const { broker, client, answer } = await many(true);
    const last = await client.subscribe("/topic/last", { id: "last" });
    await drop(broker);
    const waited = client.send("/topic/0", "waited");
    await last.unsubscribe();
    await answer(MOST);
    await answer(MANY);
    await waited;
    await answer(MANY);
    expect(live(broker)).toHaveLength(MANY);
    expect(sessions(broker).at(-1)).not.toContain("UNSUBSCRIBE last");
    await client.disconnect();
  });

  test("when the session ends before all are made, all are in the next one", async () => {
    const { broker, client, answer } = await many(true);
    await drop(broker);
    await answer(10);
    await drop(broker);
    await answer(MANY);
    await answer(MANY);
    await answer(MANY);
    expect(new Set(live(broker)).size).toBe(MANY);
    await client.disconnect();
  });

  test("and by a broker that confirms nothing, as Spring's, all at once after a while", async () => {
    const { broker, client } = await many(false);
    await drop(broker);
    expect(subscribed(broker)).toBe(MOST);
    await vi.advanceTimersByTimeAsync(5000);
    expect(subscribed(broker)).toBe(MANY);
    await client.disconnect();
  });
});
