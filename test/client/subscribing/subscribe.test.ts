import { describe, expect, test, vi } from "vitest";
import { DialClient } from "../../../src/client/client.js";
import type { Message } from "../../../src/client/messages/message.js";
import type { Status } from "../../../src/client/observing/status.js";
import {
  ConnectionLostError,
  InvalidStateError,
  ServerError,
  SlowConsumerError,
  StaleMessageError,
  TransactionError,
} from "../../../src/errors.js";
import { connected, failure } from "../../support/connected.js";
import { ScriptedBroker, settled } from "../../support/scripted-broker.js";

async function take(iterator: AsyncIterator<Message>): Promise<Message> {
  const result = await iterator.next();
  if (result.done === true) throw new Error("the iteration has ended");
  return result.value;
}

describe("subscribe", () => {
  test("makes an id, and passes the ack mode and any header on", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", {
      ack: "client-individual",
      headers: { selector: "a = 'b:c'", "prefetch-count": 5 },
    });
    await settled();
    expect([...(broker.of("SUBSCRIBE")[0]?.headers ?? [])]).toEqual([
      ["destination", "/queue/a"],
      ["id", subscription.id],
      ["ack", "client-individual"],
      ["selector", "a = 'b:c'"],
      ["prefetch-count", "5"],
    ]);
    await client.disconnect();
  });

  test("takes a given id, and never twice on a connection", async () => {
    const { client } = await connected();
    const mine = await client.subscribe("/queue/a", { id: "mine" });
    await expect(client.subscribe("/queue/b", { id: "mine" })).rejects.toThrow(
      new InvalidStateError('subscription id "mine" is in use'),
    );
    await mine.unsubscribe();
    await expect(client.subscribe("/queue/b", { id: "mine" })).rejects.toThrow(
      'subscription id "mine" was used before on this connection',
    );
    await client.disconnect();
    await client.connect();
    await client.subscribe("/queue/b", { id: "mine" });
    await client.disconnect();
  });

  test("is iterated in order, and leaving the loop unsubscribes", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a");
    for (const text of ["1", "2", "3", "4"]) broker.message(subscription.id, text);
    const seen: string[] = [];
    for await (const message of subscription) {
      seen.push(message.text());
      if (seen.length === 3) break;
    }
    expect(seen).toEqual(["1", "2", "3"]);
    await settled();
    expect(broker.of("UNSUBSCRIBE").map(({ headers }) => headers.get("id"))).toEqual([subscription.id]);
    expect(subscription.isLive).toBe(false);
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
    await client.disconnect();
  });

  test("a handler gets the messages in order, without being asked for", async () => {
    const { broker, client } = await connected();
    const seen: unknown[] = [];
    const subscription = await client.subscribe("/queue/a", (message) => seen.push(message.json()));
    broker.message(subscription.id, '{"n":1}');
    broker.message(subscription.id, "[2]");
    await settled();
    expect(seen).toEqual([{ n: 1 }, [2]]);
    await expect(subscription.next()).rejects.toThrow("subscription sub-1 has a handler: it cannot be iterated");
    await client.disconnect();
  });

  test("with receipt waits for the broker's word, and hears messages that come before it", async () => {
    const { broker, client } = await connected({ receipts: false });
    const subscribing = client.subscribe("/queue/a", { receipt: "r" });
    await settled();
    broker.message("sub-1", "early");
    broker.send("RECEIPT", { "receipt-id": "r" });
    const subscription = await subscribing;
    expect((await take(subscription)).text()).toBe("early");
    await client.disconnect({ timeout: 1 });
  });

  test("that the broker refuses by receipt rejects, and its id is gone", async () => {
    const { broker, client } = await connected({ receipts: false });
    const refused = failure(client.subscribe("/queue/closed", { receipt: "r" }));
    await settled();
    broker.send("ERROR", { message: "access_refused", "receipt-id": "r" });
    expect(await refused).toBeInstanceOf(ServerError);
    broker.message("sub-1", "ghost");
    await settled();
    expect(client.metrics().messagesDropped).toBe(1);
    await client.disconnect({ timeout: 1 });
  });

  test("without a connection waits for one", async () => {
    const broker = new ScriptedBroker();
    const client = new DialClient(broker.dial, { heartBeat: false });
    const subscription = await client.subscribe("/queue/a");
    await expect(client.subscribe("/queue/b", { receipt: true })).rejects.toThrow(
      "SUBSCRIBE to /queue/b with a receipt needs a connection, the client is disconnected",
    );
    await client.connect();
    await settled();
    broker.message(subscription.id, "hello");
    expect((await take(subscription)).text()).toBe("hello");
    await client.disconnect();
  });

  test.each([
    ["", {}, "destination must be a string that is not empty"],
    ["/a", { ack: "sometimes" }, 'ack must be "auto", "client" or "client-individual", not "sometimes"'],
    ["/a", { id: "" }, "id must be a string that is not empty"],
    ["/a", { concurrency: 0 }, "concurrency must be at least 1, not 0"],
    ["/a", { headers: { id: "x" } }, 'header "id" of SUBSCRIBE is an argument of its own'],
  ])("refuses %o %o", async (destination, options, message) => {
    const { broker, client } = await connected();
    expect(await failure(client.subscribe(destination, options as never))).toMatchObject({ message });
    expect(broker.of("SUBSCRIBE")).toEqual([]);
    await client.disconnect();
  });

  test("in 1.0 a MESSAGE without a subscription header goes by its destination", async () => {
    const { broker, client } = await connected({ session: { versions: ["1.0"] } });
    const subscription = await client.subscribe("/queue/a");
    broker.send("MESSAGE", { "message-id": "1", destination: "/queue/a" }, "x");
    expect((await take(subscription)).text()).toBe("x");
    await client.disconnect();
  });
});

describe("the end of a subscription", () => {
  test("by unsubscribe: with receipt and headers; messages still on their way are counted and dropped", async () => {
    const { broker, client } = await connected();
    const told: Status[] = [];
    client.onStatus((status) => told.push(status));
    const subscription = await client.subscribe("/queue/a");
    await subscription.unsubscribe({ receipt: true, headers: { durable: true } });
    await subscription.unsubscribe();
    expect(broker.of("UNSUBSCRIBE").map(({ headers }) => [...headers])).toEqual([
      [
        ["id", "sub-1"],
        ["durable", "true"],
        ["receipt", "receipt-2"],
      ],
    ]);
    broker.message("sub-1", "late");
    await settled();
    expect(told).toEqual([{ type: "message-dropped", subscription: "sub-1", count: 1 }]);
    expect(client.metrics().messagesDropped).toBe(1);
    await subscription.ended;
    await client.disconnect();
  });

  test("by an ERROR that names it: what came is read first, then the error", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a");
    const other = await client.subscribe("/queue/b");
    broker.message(subscription.id, "last");
    broker.send("ERROR", { message: "Server cancelled subscription", subscription: subscription.id });
    await settled();
    expect((await take(subscription)).text()).toBe("last");
    await expect(subscription.next()).rejects.toThrow("Server cancelled subscription");
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
    await expect(subscription.ended).rejects.toBeInstanceOf(ServerError);
    expect(other.isLive).toBe(true);
    await client.disconnect();
    await other.ended;
  });

  test("by the loss of the connection: a waiting reader is told", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a");
    const waiting = failure(subscription.next());
    broker.transport.abort(new Error("cable cut"));
    expect(await waiting).toBeInstanceOf(ConnectionLostError);
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
    await subscription[Symbol.asyncDispose]();
    expect(client.state).toBe("disconnected");
  });

  test("by disconnect: the iteration is simply over", async () => {
    const { client } = await connected();
    const subscription = await client.subscribe("/queue/a");
    const waiting = subscription.next();
    await client.disconnect();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await subscription.ended;
  });

  test("what arrived before the peer closed is delivered before the end", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a");
    broker.message(subscription.id, "1");
    broker.message(subscription.id, "2");
    void broker.transport.close();
    await broker.gone;
    await settled();
    expect((await take(subscription)).text()).toBe("1");
    expect((await take(subscription)).text()).toBe("2");
    await expect(subscription.next()).rejects.toThrow("connection to memory: lost: the peer closed the connection");
  });
});

describe("acknowledging", () => {
  test.each([
    [
      "1.0", // ActiveMQ needs the subscription to count what may be on its way
      [
        ["message-id", "m-1"],
        ["subscription", "sub-1"],
      ],
    ],
    [
      "1.1",
      [
        ["message-id", "m-1"],
        ["subscription", "sub-1"],
      ],
    ],
    ["1.2", [["id", "ack-m-1"]]],
  ] as const)("in %s names the message as that version does", async (version, expected) => {
    const { broker, client } = await connected({ session: { versions: [version] } });
    const subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
    broker.message(subscription.id, "x");
    const message = await take(subscription);
    await message.ack();
    await settled();
    expect([...(broker.of("ACK")[0]?.headers ?? [])]).toEqual(expected);
    await client.disconnect();
  });

  test("ack may have a receipt, a transaction and headers; nack too", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
    broker.message(subscription.id, "1");
    broker.message(subscription.id, "2");
    await (await take(subscription)).ack({ receipt: "r", transaction: "t" });
    await (await take(subscription)).nack({ receipt: true, headers: { requeue: false } });
    expect([...(broker.of("ACK")[0]?.headers ?? [])]).toEqual([
      ["id", "ack-m-1"],
      ["transaction", "t"],
      ["receipt", "r"],
    ]);
    expect([...(broker.of("NACK")[0]?.headers ?? [])]).toEqual([
      ["id", "ack-m-2"],
      ["requeue", "false"],
      ["receipt", "receipt-2"],
    ]);
    await client.disconnect();
  });

  test("a message is settled once: brokers end the connection over a second ACK", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
    broker.message(subscription.id, "1");
    const message = await take(subscription);
    expect(message.isSettled).toBe(false);
    await Promise.all([message.ack(), message.ack()]);
    expect(message.isSettled).toBe(true);
    await expect(message.nack()).rejects.toThrow(new InvalidStateError("message m-1 was settled before, by ACK"));
    expect(broker.of("ACK")).toHaveLength(1);
    await client.disconnect();
  });

  test("in the mode client it includes the messages before", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", { ack: "client" });
    for (const text of ["1", "2", "3"]) broker.message(subscription.id, text);
    const first = await take(subscription);
    const second = await take(subscription);
    const third = await take(subscription);
    await second.ack();
    await first.ack();
    await expect(first.nack()).rejects.toThrow("message m-1 was settled before, together with a later one");
    await third.ack();
    await settled();
    expect(broker.of("ACK").map(({ headers }) => headers.get("id"))).toEqual(["ack-m-2", "ack-m-3"]);
    await client.disconnect();
  });

  test("in the mode auto ack does nothing, and nack cannot be", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a");
    broker.message(subscription.id, "1");
    const message = await take(subscription);
    await message.ack();
    await expect(message.nack()).rejects.toThrow(
      'NACK needs the ack mode "client" or "client-individual", subscription sub-1 has "auto"',
    );
    await settled();
    expect(broker.of("ACK")).toEqual([]);
    await client.disconnect();
  });

  test("there is no NACK in 1.0", async () => {
    const { broker, client } = await connected({ session: { versions: ["1.0"] } });
    const subscription = await client.subscribe("/queue/a", { ack: "client" });
    broker.message(subscription.id, "1");
    const message = await take(subscription);
    await expect(message.nack()).rejects.toThrow(new InvalidStateError("NACK needs STOMP 1.1, the session is of 1.0"));
    await expect(client.sendFrame("NACK", { "message-id": "1" })).rejects.toBeInstanceOf(InvalidStateError);
    await message.ack();
    await client.disconnect();
  });

  test("a message of a session that has ended is stale, also after a new connection", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
    broker.message(subscription.id, "1");
    const message = await take(subscription);
    broker.transport.abort(new Error("cable cut"));
    await broker.gone;
    await settled();
    await expect(message.ack()).rejects.toBeInstanceOf(StaleMessageError);
    await client.connect();
    await expect(message.ack()).rejects.toThrow(
      "message m-1 came in a session that has ended; the broker delivers it again",
    );
    await client.disconnect();
  });

  test("after unsubscribe a message is the broker's again", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
    broker.message(subscription.id, "1");
    const message = await take(subscription);
    await subscription.unsubscribe();
    await expect(message.ack()).rejects.toThrow("message m-1 is the broker's again: subscription sub-1 has ended");
    await client.disconnect();
  });
});

describe("acknowledging in a transaction", () => {
  async function delivered(
    ack: "auto" | "client" | "client-individual",
    count: number,
  ): Promise<{ broker: ScriptedBroker; client: DialClient; messages: Message[] }> {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", { ack });
    for (let i = 1; i <= count; i++) broker.message(subscription.id, String(i));
    const messages: Message[] = [];
    while (messages.length < count) messages.push(await take(subscription));
    return { broker, client, messages };
  }

  const settledOf = (messages: readonly Message[]): boolean[] => messages.map(({ isSettled }) => isSettled);
  const acked = (broker: ScriptedBroker): (string | undefined)[] =>
    broker.of("ACK").map(({ headers }) => headers.get("id"));

  test("counts until that is aborted, and then the message can be acknowledged again, in one or without", async () => {
    const { broker, client, messages } = await delivered("client-individual", 2);
    const [first, second] = messages as [Message, Message];
    const aborted = await client.begin();
    await aborted.ack(first);
    await aborted.nack(second);
    expect(settledOf(messages)).toEqual([true, true]);
    await aborted.abort();
    expect(settledOf(messages)).toEqual([false, false]);
    await client.transaction((transaction) => transaction.ack(first));
    await second.ack();
    expect(settledOf(messages)).toEqual([true, true]);
    expect(acked(broker)).toEqual(["ack-m-1", "ack-m-1", "ack-m-2"]);
    await first.ack(); // it is committed: there is nothing to do
    expect(broker.of("ACK")).toHaveLength(3);
    await client.disconnect();
  });

  test("once: in the same transaction again it does nothing, and nobody else can before that has ended", async () => {
    const { broker, client, messages } = await delivered("client-individual", 2);
    const [first, second] = messages as [Message, Message];
    const transaction = await client.begin({ id: "t" });
    const other = await client.begin();
    await Promise.all([transaction.ack(first), transaction.ack(first, { receipt: true })]);
    await expect(transaction.nack(first)).rejects.toThrow("message m-1 was settled before, by ACK");
    const error = new InvalidStateError(
      "message m-1 is settled in transaction t, or after one that is: that must end first",
    );
    for (const again of [first.ack(), first.nack(), other.ack(first)]) await expect(again).rejects.toThrow(error);
    await second.ack(); // another message is not concerned
    expect(acked(broker)).toEqual(["ack-m-1", "ack-m-2"]);
    await transaction.abort();
    await other.ack(first);
    await other.commit();
    await client.disconnect();
  });

  test("in the mode client includes the messages before; aborted, none of them is settled", async () => {
    const { broker, client, messages } = await delivered("client", 5);
    const [first, second, third, fourth, fifth] = messages as [Message, Message, Message, Message, Message];
    await first.ack();
    const transaction = await client.begin();
    await transaction.ack(second);
    await transaction.ack(fourth);
    await transaction.ack(third); // included in the fourth
    expect(settledOf(messages)).toEqual([true, true, true, true, false]);
    await transaction.abort();
    expect(settledOf(messages)).toEqual([true, false, false, false, false]);
    await third.ack();
    expect(settledOf(messages)).toEqual([true, true, true, false, false]);
    await client.transaction((next) => next.ack(fifth));
    await fourth.ack();
    expect(settledOf(messages)).toEqual([true, true, true, true, true]);
    expect(acked(broker)).toEqual(["ack-m-1", "ack-m-2", "ack-m-4", "ack-m-3", "ack-m-5"]);
    await client.disconnect();
  });

  test("in the mode client keeps others from acknowledging later messages: the broker would get it twice", async () => {
    const { broker, client, messages } = await delivered("client", 3);
    const [first, second, third] = messages as [Message, Message, Message];
    const transaction = await client.begin({ id: "t" });
    await transaction.ack(second);
    for (const other of [first, third]) {
      await expect(other.ack()).rejects.toThrow(
        `message ${other.messageId} is settled in transaction t, or after one that is: that must end first`,
      );
    }
    await transaction.commit();
    await Promise.all([first.ack(), third.ack()]);
    expect(acked(broker)).toEqual(["ack-m-2", "ack-m-3"]);
    await client.disconnect();
  });

  test("in the mode auto does nothing", async () => {
    const { broker, client, messages } = await delivered("auto", 1);
    await client.transaction((transaction) => transaction.ack(messages[0] as Message));
    expect(broker.of("ACK")).toEqual([]);
    await client.disconnect();
  });

  test("of an earlier session's message is stale, and the transaction goes on", async () => {
    const { broker, client, messages } = await delivered("client-individual", 1);
    broker.transport.abort(new Error("cable cut"));
    await broker.gone;
    await settled();
    await client.connect();
    const transaction = await client.begin();
    await expect(transaction.ack(messages[0] as Message)).rejects.toBeInstanceOf(StaleMessageError);
    await transaction.commit();
    await client.disconnect();
  });

  test("a message that was in a transaction when the session was lost is stale", async () => {
    const { broker, client, messages } = await delivered("client", 1);
    const transaction = await client.begin();
    await transaction.ack(messages[0] as Message);
    broker.transport.abort(new Error("cable cut"));
    await broker.gone;
    await settled();
    await expect(transaction.commit()).rejects.toBeInstanceOf(TransactionError);
    expect(client.state).toBe("disconnected");
  });

  test("headers that an ACK has of its own are refused, and nothing is settled", async () => {
    const { broker, client, messages } = await delivered("client-individual", 1);
    const [message] = messages as [Message];
    await expect(message.ack({ headers: { transaction: "t" } })).rejects.toThrow(
      'header "transaction" of ACK is an argument of its own',
    );
    expect([message.isSettled, broker.of("ACK").length]).toEqual([false, 0]);
    await client.disconnect();
  });
});

describe("a handler", () => {
  test("acknowledges by returning and refuses by failing, unless it has done so itself", async () => {
    const { broker, client } = await connected();
    const failed: unknown[] = [];
    client.onStatus((status) => {
      if (status.type === "handler-error") failed.push(status.error);
    });
    const subscription = await client.subscribe(
      "/queue/a",
      async (message) => {
        const text = message.text();
        if (text === "throws") throw new Error("bad message");
        if (text === "nacks") await message.nack();
      },
      { ack: "client-individual" },
    );
    for (const text of ["good", "throws", "nacks"]) broker.message(subscription.id, text);
    await settled();
    await settled();
    expect(broker.received.slice(2).map(({ command, headers }) => [command, headers.get("id")])).toEqual([
      ["ACK", "ack-m-1"],
      ["NACK", "ack-m-2"],
      ["NACK", "ack-m-3"],
    ]);
    expect(failed).toEqual([new Error("bad message")]);
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test("works on as many messages as concurrency says, and on no more", async () => {
    const { broker, client } = await connected();
    const running: (() => void)[] = [];
    const subscription = await client.subscribe(
      "/queue/a",
      () => new Promise<void>((resolve) => running.push(resolve)),
      {
        ack: "client-individual",
        concurrency: 2,
      },
    );
    for (const text of ["1", "2", "3"]) broker.message(subscription.id, text);
    await settled();
    expect(running).toHaveLength(2);
    expect(subscription.unread).toBe(1);
    running[0]?.();
    await settled();
    expect(running).toHaveLength(3);
    for (const finish of running) finish();
    await client.disconnect();
  });

  test("whose message cannot be refused as asked is told so by status", async () => {
    const { broker, client } = await connected({ session: { versions: ["1.1"] } });
    const told: unknown[] = [];
    client.onStatus((status) => {
      if (status.type === "handler-error") told.push(status.error);
    });
    const subscription = await client.subscribe("/queue/a", () => Promise.reject(new Error("oops")), {
      ack: "client-individual",
      nackHeaders: { id: "x" },
    });
    broker.message(subscription.id, "1");
    await settled();
    expect(told).toEqual([new Error("oops"), new TypeError('header "id" of NACK is an argument of its own')]);
    await client.disconnect();
  });

  test("that leaves its message to a transaction does not acknowledge it; aborted before, it does", async () => {
    const { broker, client } = await connected();
    const transaction = await client.begin({ id: "t" });
    const subscription = await client.subscribe(
      "/queue/a",
      async (message) => {
        if (message.text() === "left") await transaction.ack(message);
        else {
          const other = await client.begin({ id: "other" });
          await other.ack(message);
          await other.abort();
        }
      },
      { ack: "client-individual" },
    );
    broker.message(subscription.id, "left");
    broker.message(subscription.id, "again");
    await settled();
    await settled();
    expect(broker.of("ACK").map(({ headers }) => [headers.get("id"), headers.get("transaction")])).toEqual([
      ["ack-m-1", "t"],
      ["ack-m-2", "other"],
      ["ack-m-2", undefined],
    ]);
    await transaction.commit();
    await client.disconnect();
  });

  test("that fails in 1.0 sends no NACK, which that version does not have: the next ACK includes its message", async () => {
    const { broker, client } = await connected({ session: { versions: ["1.0"] } });
    const told = vi.fn();
    client.onStatus(told);
    const messages: Message[] = [];
    const subscription = await client.subscribe(
      "/queue/a",
      (message) => {
        messages.push(message);
        if (messages.length === 1) throw new Error("oops");
      },
      { ack: "client" },
    );
    broker.message(subscription.id, "1");
    await settled();
    expect(messages.map(({ isSettled }) => isSettled)).toEqual([false]);
    broker.message(subscription.id, "2");
    await settled();
    expect(messages.map(({ isSettled }) => isSettled)).toEqual([true, true]);
    expect(broker.received.slice(2).map(({ command }) => command)).toEqual(["ACK"]);
    expect(told).toHaveBeenCalledTimes(1);
    await client.disconnect();
  });

  test("that throws in the mode auto harms no other message", async () => {
    const { broker, client } = await connected();
    const seen: string[] = [];
    const told = vi.fn();
    client.onStatus(told);
    const subscription = await client.subscribe("/queue/a", (message) => {
      seen.push(message.text());
      throw new Error("oops");
    });
    broker.message(subscription.id, "1");
    broker.message(subscription.id, "2");
    await settled();
    expect(seen).toEqual(["1", "2"]);
    expect(told).toHaveBeenCalledTimes(2);
    expect(told).toHaveBeenCalledWith({ type: "handler-error", error: new Error("oops"), destination: "/queue/a" });
    await client.disconnect();
  });
});

describe("a subscription that is not read", () => {
  test("holds the peer back, and lets it go when it is read", async () => {
    const { broker, client } = await connected({}, { buffer: { messages: 100 } });
    const subscription = await client.subscribe("/queue/a");
    for (let i = 0; i < 60; i++) broker.message(subscription.id, String(i));
    await settled();
    expect(subscription.unread).toBe(10); // a tenth, and not one frame more is decoded
    const texts: string[] = [];
    for (let i = 0; i < 60; i++) texts.push((await take(subscription)).text());
    expect(texts).toEqual(Array.from({ length: 60 }, (_, i) => String(i)));
    await client.disconnect();
  });

  test("does not hold it back while a receipt is awaited: that would never come", async () => {
    const { broker, client } = await connected({ receipts: false }, { buffer: { messages: 100 } });
    const subscription = await client.subscribe("/queue/a");
    for (let i = 0; i < 30; i++) broker.message(subscription.id, String(i));
    await settled();
    expect(subscription.unread).toBe(10);
    const sending = client.send("/queue/b", "x", { receipt: "r" });
    await settled();
    broker.send("RECEIPT", { "receipt-id": "r" });
    await sending;
    expect(subscription.unread).toBe(30);
    await client.disconnect({ timeout: 1 });
  });

  test("fails when it has more than its buffer takes; what it has can still be read", async () => {
    const { broker, client } = await connected({ receipts: false }, { buffer: { messages: 20 } });
    const subscription = await client.subscribe("/queue/a");
    const other = await client.subscribe("/queue/b");
    const pending = failure(client.send("/queue/b", "x", { receipt: "r" })); // so that the peer is not held back
    for (let i = 0; i < 25; i++) broker.message(subscription.id, String(i));
    await settled();
    expect(broker.of("UNSUBSCRIBE")).toHaveLength(1);
    expect(subscription.isLive).toBe(false);
    for (let i = 0; i < 20; i++) expect((await take(subscription)).text()).toBe(String(i));
    const error = await failure(subscription.next());
    expect(error).toBeInstanceOf(SlowConsumerError);
    expect(error).toMatchObject({
      message:
        "subscription sub-1 to /queue/a has 20 unread messages of 30 bytes and gets another of 2, its buffer takes 20 of 67108864 bytes; " +
        "read faster, ask the broker for fewer at a time (RabbitMQ: prefetch-count, ActiveMQ: activemq.prefetchSize), or allow a larger buffer",
    });
    expect(other.isLive).toBe(true);
    expect(client.state).toBe("connected");
    await client.disconnect({ timeout: 1 });
    expect(await pending).toBeInstanceOf(ConnectionLostError);
  });

  test("that is held back still hears what came before the end", async () => {
    const { broker, client } = await connected({}, { buffer: { messages: 100 } });
    const subscription = await client.subscribe("/queue/a");
    let all = "";
    for (let i = 0; i < 40; i++) all += `MESSAGE\nsubscription:sub-1\nmessage-id:${i}\ndestination:/queue/a\n\n${i}\0`;
    broker.transport.send(all); // one chunk
    await settled();
    expect(subscription.unread).toBe(10);
    broker.transport.abort(new Error("cable cut"));
    await broker.gone;
    await settled();
    for (let i = 0; i < 40; i++) expect((await take(subscription)).text()).toBe(String(i));
    await expect(subscription.next()).rejects.toBeInstanceOf(ConnectionLostError);
  });
});
