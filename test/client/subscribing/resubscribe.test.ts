import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { DialClient } from "../../../src/client/client.js";
import type { Message } from "../../../src/client/messages/message.js";
import type { ClientOptions } from "../../../src/client/options/options.js";
import type { Subscription } from "../../../src/client/subscribing/subscription.js";
import { ConnectionLostError, ServerError, StaleMessageError } from "../../../src/errors.js";
import { connected, failure } from "../../support/connected.js";
import type { ScriptOptions, ScriptedBroker } from "../../support/scripted-broker.js";
import { settled } from "../../support/scripted-broker.js";
import { statusesOf } from "../../support/statuses.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

interface Pair {
  readonly broker: ScriptedBroker;
  readonly client: DialClient;
}

function kept(script: ScriptOptions = {}, options: ClientOptions = {}): Promise<Pair> {
  return connected(script, { reconnect: () => 100, ...options });
}

/** Let the network break, and the client connect again. */
async function drop(broker: ScriptedBroker): Promise<void> {
  broker.transport.abort(new Error("cable cut"));
  await vi.advanceTimersByTimeAsync(100);
}

async function take(subscription: Subscription): Promise<Message> {
  const result = await subscription.next();
  if (result.done === true) throw new Error("the iteration has ended");
  return result.value;
}

/** What was sent in each session: commands, with the id of a subscription. */
function sessions(broker: ScriptedBroker): string[][] {
  const all: string[][] = [];
  for (const { command, headers } of broker.received) {
    if (command === "CONNECT") all.push([]);
    const id = headers.get("id");
    all.at(-1)?.push(id === undefined ? command : `${command} ${id}`);
  }
  return all;
}

/** The ids that a broker has SUBSCRIBEs of in the last session, and no UNSUBSCRIBE. */
function live(broker: ScriptedBroker): string[] {
  const ids: string[] = [];
  for (const { command, headers } of broker.received) {
    const id = headers.get("id") ?? "";
    if (command === "CONNECT") ids.length = 0;
    if (command === "SUBSCRIBE") ids.push(id);
    if (command === "UNSUBSCRIBE") ids.splice(ids.indexOf(id), 1);
  }
  return ids;
}

describe("after a lost connection a subscription", () => {
  test("whose receipt never comes, as from Spring's simple broker, does not delay disconnect", async () => {
    const { broker, client } = await kept({
      receipts: false,
      onFrame: ({ command, headers }, self) => {
        if (command === "DISCONNECT") self.send("RECEIPT", { "receipt-id": headers.get("receipt") ?? "" });
      },
    });
    await client.subscribe("/topic/a");
    await drop(broker);
    expect(client.metrics()).toMatchObject({ connects: 2, receiptsPending: 1 });
    const begin = Date.now();
    await client.disconnect();
    expect(Date.now() - begin).toBe(0);
    expect(sessions(broker).at(-1)).toEqual(["CONNECT", "SUBSCRIBE sub-1", "DISCONNECT"]);
  });

  test("is made again with the same id, ack mode and headers, and a receipt that proves it", async () => {
    const { broker, client } = await kept({ connected: { server: "RabbitMQ/4.0.5" } });
    const { id } = await client.subscribe("/queue/a", {
      ack: "client-individual",
      prefetch: 5,
      headers: { selector: "a = 'b:c'" },
    });
    await drop(broker);
    const [first, second] = broker.of("SUBSCRIBE").map(({ headers }) => [...headers]);
    expect(first).toEqual([
      ["destination", "/queue/a"],
      ["id", id],
      ["ack", "client-individual"],
      ["selector", "a = 'b:c'"],
      ["prefetch-count", "5"],
    ]);
    expect(second?.slice(0, -1)).toEqual(first);
    expect(second?.at(-1)?.[0]).toBe("receipt");
    await client.disconnect();
  });

  test("comes before what waited, and that before new traffic", async () => {
    const { broker, client } = await kept({}, { delivery: "at-least-once" });
    await client.subscribe("/queue/a", { id: "a" });
    await client.subscribe("/queue/b", { id: "b" });
    broker.transport.abort(new Error("cable cut"));
    await settled();
    const waited = client.send("/queue/a", "waited");
    client.onStatus((status) => {
      if (status.type === "connected") void client.sendFrame("SEND", { destination: "/queue/a" }, "new");
    });
    await vi.advanceTimersByTimeAsync(100);
    await waited;
    expect(sessions(broker)[1]).toEqual(["CONNECT", "SUBSCRIBE a", "SUBSCRIBE b", "SEND", "SEND"]);
    await client.disconnect();
  });

  test("goes on for its reader and for its handler", async () => {
    const { broker, client } = await kept();
    const read = await client.subscribe("/queue/a");
    const handled: string[] = [];
    const other = await client.subscribe("/queue/b", (message) => handled.push(message.text()));
    const reading = take(read);
    await drop(broker);
    broker.message(read.id, "for the reader");
    broker.message(other.id, "for the handler");
    expect((await reading).text()).toBe("for the reader");
    await settled();
    expect(handled).toEqual(["for the handler"]);
    await client.disconnect();
    expect((await read.next()).done).toBe(true);
  });

  test("that was made or ended meanwhile is made once or never", async () => {
    const { broker, client } = await kept();
    const gone = await client.subscribe("/queue/a", { id: "gone" });
    await client.subscribe("/queue/a", { id: "stays" });
    broker.transport.abort(new Error("cable cut"));
    await settled();
    await client.subscribe("/queue/a", { id: "new" });
    await gone.unsubscribe();
    await vi.advanceTimersByTimeAsync(100);
    expect(sessions(broker)[1]).toEqual(["CONNECT", "SUBSCRIBE stays", "SUBSCRIBE new"]);
    await client.disconnect();
  });

  test("keeps its id for itself; an id that no session knows is free", async () => {
    const { broker, client } = await kept();
    broker.transport.abort(new Error("cable cut"));
    await settled();
    const mine = await client.subscribe("/queue/a", { id: "mine" });
    await expect(client.subscribe("/queue/b", { id: "mine" })).rejects.toThrow('subscription id "mine" is in use');
    await mine.unsubscribe();
    await client.subscribe("/queue/b", { id: "mine" });
    await vi.advanceTimersByTimeAsync(100);
    expect(live(broker)).toEqual(["mine"]);
    await client.disconnect();
  });

  test("is made once in each session, however many there are", async () => {
    const { broker, client } = await kept();
    await client.subscribe("/queue/a", { id: "a" });
    await drop(broker);
    await client.reconnect();
    void broker.transport.close();
    await vi.advanceTimersByTimeAsync(100);
    await Promise.all([client.reconnect(), client.reconnect(), client.connect()]);
    expect(sessions(broker)).toEqual([
      ["CONNECT", "SUBSCRIBE a"],
      ["CONNECT", "SUBSCRIBE a", "DISCONNECT"],
      ["CONNECT", "SUBSCRIBE a"],
      ["CONNECT", "SUBSCRIBE a", "DISCONNECT"],
      ["CONNECT", "SUBSCRIBE a"],
    ]);
    expect(live(broker)).toEqual(["a"]);
    await client.disconnect();
  });

  test("that this session's version cannot express ends with the reason, and the others live", async () => {
    const versions: ("1.0" | "1.2")[] = ["1.2"];
    const { broker, client } = await kept({ session: { versions } });
    const told = statusesOf(client);
    const odd = await client.subscribe("/queue/a", { id: "odd", headers: { note: "a\nb" } });
    await client.subscribe("/queue/a", { id: "even" });
    versions[0] = "1.0"; // the next session's
    await drop(broker);
    expect(live(broker)).toEqual(["even"]);
    const error = await failure(odd.ended);
    expect(error).toBeInstanceOf(TypeError);
    expect(told.at(-1)).toEqual({ type: "subscription-refused", error, destination: "/queue/a" });
    await client.disconnect();
  });
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
