import { describe, expect, test, vi } from "vitest";
import { Broker } from "../../src/broker/index.js";
import { HeartBeatOffer } from "../../src/broker/heart-beat-offer.js";
import { RawClient } from "./raw-client.js";

/** What the client sends in CONNECT, what it is answered, and what the broker does then, from its own side. */
const ANSWERS = [
  ["rabbitmq", "1500,1500", "1000,1000"],
  ["rabbitmq", "500,500", "1000,1000"],
  ["rabbitmq", "1,1", "1000,1000"],
  ["rabbitmq", "4999,0", "0,4000"],
  ["rabbitmq", "0,10000", "10000,0"],
  ["rabbitmq", "0,0", "0,0"],
  ["activemq", "1500,700", "700,1500"],
  ["activemq", "0,1", "1,0"],
  ["strict", "1500,1500", "10000,10000"],
] as const;

describe("the heart-beats of CONNECTED", () => {
  test.each(ANSWERS)("in the dialect %s to %s are %s", async (dialect, asked, answered) => {
    for (const versions of [["1.2"], ["1.1"]] as const) {
      await using broker = new Broker({ dialect });
      const [outgoing, incoming] = asked.split(",").map(Number);
      const heartBeat = { outgoing: outgoing ?? 0, incoming: incoming ?? 0 };
      await using client = await RawClient.connect(broker, { versions, heartBeat });
      expect(client.frames[0]?.headers.get("heart-beat")).toBe(answered);
      const [own, wanted] = answered.split(",").map(Number);
      expect(broker.connections[0]?.heartBeat).toEqual({ outgoing: own, incoming: wanted });
    }
  });

  test("may be rarer than a timer can wait", async () => {
    const timers = vi.spyOn(globalThis, "setTimeout");
    try {
      await using broker = new Broker({ dialect: "activemq" });
      await using client = await RawClient.connect(broker, { heartBeat: { outgoing: 0, incoming: 99_999_999_999 } });
      expect(client.frames[0]?.headers.get("heart-beat")).toBe("99999999999,0");
      expect(timers.mock.calls.map(([, ms]) => ms)).toEqual([10_000, 2_147_483_647]);
    } finally {
      timers.mockRestore();
    }
  });

  test("are what an option says, whatever the dialect", async () => {
    await using broker = new Broker({ dialect: "rabbitmq", heartBeat: { outgoing: 300, incoming: 400 } });
    await using client = await RawClient.connect(broker, { heartBeat: { outgoing: 100, incoming: 500 } });
    expect(client.frames[0]?.headers.get("heart-beat")).toBe("300,400");
    expect(broker.connections[0]?.heartBeat).toEqual({ outgoing: 500, incoming: 400 });
  });

  test("are none where the session has none, as before CONNECT and in STOMP 1.0", () => {
    const none = { outgoing: 0, incoming: 0 };
    const offer = new HeartBeatOffer("as-asked");
    expect(offer.agreed(none)).toEqual(none);
    offer.follow("1000,1000");
    expect(offer.agreed(none)).toEqual(none);
  });
});
