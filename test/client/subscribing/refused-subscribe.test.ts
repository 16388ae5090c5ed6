import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ConnectionLostError, ServerError } from "../../../src/errors.js";
import { failure } from "../../support/connected.js";
import { drop, kept, live, sessions } from "../../support/resubscribing.js";
import { type ScriptOptions, type ScriptedBroker, settled } from "../../support/scripted-broker.js";
import { statusesOf } from "../../support/statuses.js";
import { take } from "../../support/take.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

describe("a SUBSCRIBE that the broker answers by ending the connection", () => {
  /** A broker that ends the session over some destinations. */
  function hostile(end: (broker: ScriptedBroker, receipt: string | undefined) => void): ScriptOptions {
    return {
      onFrame: (frame, self) => {
        if (frame.command === "SUBSCRIBE" && frame.headers.get("destination")?.startsWith("/bad/") === true) {
          end(self, frame.headers.get("receipt"));
        }
      },
    };
  }

  const CLOSES = (broker: ScriptedBroker): void => void broker.transport.close();
  const COMPLAINS = (broker: ScriptedBroker): void => {
    broker.send("ERROR", { message: "access_refused" });
    void broker.transport.close();
  };

  test.each([
    ["without a word", CLOSES, ConnectionLostError, "connection to memory: lost: the peer closed the connection"],
    ["with an ERROR", COMPLAINS, ServerError, "access_refused"],
  ])("%s is set aside after a few tries, and the others live", async (_how, end, type, message) => {
    const { broker, client } = await kept(hostile(end));
    const told = statusesOf(client);
    const good = await client.subscribe("/queue/a", { id: "good" });
    const bad = await client.subscribe("/bad/a", { id: "bad" });
    await vi.advanceTimersByTimeAsync(1000);
    expect(client.state).toBe("connected");
    expect(live(broker)).toEqual(["good"]);
    // Once as it was asked for, once with the others, three times alone.
    const tries = Array.from({ length: 5 }, () => ["CONNECT", "SUBSCRIBE good", "SUBSCRIBE bad"]);
    expect(sessions(broker)).toEqual([...tries, ["CONNECT", "SUBSCRIBE good"]]);
    const error = await failure(bad.next());
    expect(error).toBeInstanceOf(type);
    expect((error as Error).message).toBe(message);
    expect(told.filter((status) => status.type === "subscription-refused")).toEqual([
      { type: "subscription-refused", error, destination: "/bad/a" },
    ]);
    const reading = take(good);
    broker.message("good", "hello");
    expect((await reading).text()).toBe("hello");
    await client.disconnect();
  });

  test("is set aside when it is the only one", async () => {
    const { broker, client } = await kept(hostile(CLOSES));
    const bad = await client.subscribe("/bad/a", { id: "bad" });
    await vi.advanceTimersByTimeAsync(1000);
    expect(await failure(bad.ended)).toBeInstanceOf(ConnectionLostError);
    expect(sessions(broker)).toEqual([...Array.from({ length: 4 }, () => ["CONNECT", "SUBSCRIBE bad"]), ["CONNECT"]]);
    await client.disconnect();
  });

  test("is found among many, and so is another one", async () => {
    const { broker, client } = await kept(hostile(COMPLAINS));
    for (const id of ["a", "b", "c", "d"]) await client.subscribe("/queue/a", { id });
    broker.transport.abort(new Error("cable cut"));
    await settled();
    const bad = [await client.subscribe("/bad/a", { id: "x" }), await client.subscribe("/bad/b", { id: "y" })];
    await vi.advanceTimersByTimeAsync(10_000);
    expect(client.state).toBe("connected");
    expect(live(broker).sort()).toEqual(["a", "b", "c", "d"]);
    for (const subscription of bad) expect(await failure(subscription.ended)).toBeInstanceOf(ServerError);
    expect(broker.dialled).toBeLessThan(12);
    await client.disconnect();
  });

  test("by an ERROR that names it is not tried again", async () => {
    const { broker, client } = await kept(
      hostile((self, receipt) => {
        if (receipt === undefined) return;
        self.send("ERROR", { message: "access_refused", "receipt-id": receipt });
        void self.transport.close();
      }),
    );
    await client.subscribe("/queue/a", { id: "good" });
    const bad = await client.subscribe("/bad/a", { id: "bad" });
    await drop(broker);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await failure(bad.ended)).toBeInstanceOf(ServerError);
    expect(sessions(broker)).toEqual([
      ["CONNECT", "SUBSCRIBE good", "SUBSCRIBE bad"],
      ["CONNECT", "SUBSCRIBE good", "SUBSCRIBE bad"],
      ["CONNECT", "SUBSCRIBE good"],
    ]);
    await client.disconnect();
  });

  test("is told from a network that breaks: that sets nothing aside", async () => {
    const { broker, client } = await kept(
      hostile((self) => {
        self.transport.abort(new Error("cable cut"));
      }),
    );
    const subscription = await client.subscribe("/bad/a");
    await vi.advanceTimersByTimeAsync(2000);
    expect(broker.dialled).toBe(21);
    expect(subscription.isLive).toBe(true);
    await client.disconnect();
  });

  test.each([
    ["its RECEIPT came", {}, 0],
    ["a message of it came", { receipts: false }, 0],
    ["the session lasted for 5 s", { receipts: false }, 5000],
  ])("is not blamed once %s", async (_why, script, wait) => {
    const { broker, client } = await kept(script);
    const subscription = await client.subscribe("/queue/a");
    for (let i = 0; i < 10; i++) {
      void broker.transport.close();
      await vi.advanceTimersByTimeAsync(100);
      if (wait === 0) broker.message(subscription.id, "hello");
      await vi.advanceTimersByTimeAsync(wait);
    }
    expect(subscription.isLive).toBe(true);
    const disconnecting = client.disconnect();
    await vi.advanceTimersByTimeAsync(4000);
    await disconnecting;
  });

  test("makes the others wait no longer than for a proof, or 5 s", async () => {
    const { broker, client } = await kept({ receipts: false });
    await client.subscribe("/queue/a", { id: "a" });
    await client.subscribe("/queue/b", { id: "b" });
    await drop(broker);
    void broker.transport.close();
    await vi.advanceTimersByTimeAsync(100);
    expect(live(broker)).toEqual(["a"]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(live(broker)).toEqual(["a", "b"]);
    const disconnecting = client.disconnect();
    await vi.advanceTimersByTimeAsync(4000);
    await disconnecting;
  });

  test("is not blamed for another one that was unsubscribed, nor is the broker told of what it does not know", async () => {
    const { broker, client } = await kept({ receipts: false });
    const told = statusesOf(client);
    const first = await client.subscribe("/queue/a", { id: "a" });
    const second = await client.subscribe("/queue/b", { id: "b" });
    const third = await client.subscribe("/queue/c", { id: "c" });
    await drop(broker);
    void broker.transport.close();
    await vi.advanceTimersByTimeAsync(100);
    await second.unsubscribe(); // it waits for its turn
    await first.unsubscribe(); // it has its turn, and makes room
    await settled();
    expect(sessions(broker)[2]).toEqual(["CONNECT", "SUBSCRIBE a", "UNSUBSCRIBE a", "SUBSCRIBE c"]);
    expect(third.isLive).toBe(true);
    expect(told.filter((status) => status.type === "subscription-refused")).toEqual([]);
    const disconnecting = client.disconnect();
    await vi.advanceTimersByTimeAsync(4000);
    await disconnecting;
  });

  test("may be answered by disconnect() when it is told", async () => {
    const { broker, client } = await kept(hostile(CLOSES));
    let disconnecting: Promise<void> | undefined;
    client.onStatus((status) => {
      if (status.type === "subscription-refused") disconnecting = client.disconnect();
    });
    const told = statusesOf(client);
    await client.subscribe("/bad/a");
    await vi.advanceTimersByTimeAsync(10_000);
    await disconnecting;
    expect(client.state).toBe("disconnected");
    expect(broker.dialled).toBe(4);
    expect(told.slice(-2)).toEqual([
      { type: "disconnecting" },
      { type: "disconnected", reason: undefined, reconnects: false },
    ]);
  });

  test("may be answered by reconnect() when it is told, which makes one session", async () => {
    const { broker, client } = await kept(hostile(CLOSES));
    let renewed: Promise<void> | undefined;
    client.onStatus((status) => {
      if (status.type === "subscription-refused") renewed = client.reconnect();
    });
    await client.subscribe("/bad/a");
    await vi.advanceTimersByTimeAsync(10_000);
    await renewed;
    expect(client.state).toBe("connected");
    expect(broker.dialled).toBe(5);
    await client.disconnect();
  });
});
