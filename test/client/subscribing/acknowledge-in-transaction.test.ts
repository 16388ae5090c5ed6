import { describe, expect, test } from "vitest";
import type { BaseClient } from "../../../src/client/client.js";
import type { Message } from "../../../src/client/messages/message.js";
import { InvalidStateError, TransactionError } from "../../../src/errors.js";
import { type Deferred, deferred } from "../../../src/internal/deferred.js";
import { connected } from "../../support/connected.js";
import { type ScriptedBroker, settled } from "../../support/scripted-broker.js";
import { take } from "../../support/take.js";

describe("acknowledging in a transaction", () => {
  async function delivered(
    ack: "auto" | "client" | "client-individual",
    count: number,
  ): Promise<{ broker: ScriptedBroker; client: BaseClient; messages: Message[] }> {
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
    await Promise.all([transaction.ack(first), transaction.ack(first)]);
    await expect(transaction.ack(first, { receipt: true })).rejects.toThrow("settled before, without a receipt");
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

  test("of an earlier session's message rejects, and the transaction goes on", async () => {
    const { broker, client, messages } = await delivered("client-individual", 1);
    broker.transport.abort(new Error("cable cut"));
    await broker.gone;
    await settled();
    await client.connect();
    const transaction = await client.begin();
    await expect(transaction.ack(messages[0] as Message)).rejects.toThrow(
      new InvalidStateError("message m-1 was released: the broker delivers it again"),
    );
    await transaction.commit();
    await client.disconnect();
  });

  test("a message that was in a transaction when the session was lost is released", async () => {
    const { broker, client, messages } = await delivered("client", 1);
    const transaction = await client.begin();
    await transaction.ack(messages[0] as Message);
    broker.transport.abort(new Error("cable cut"));
    await broker.gone;
    await settled();
    await expect(transaction.commit()).rejects.toBeInstanceOf(TransactionError);
    expect([messages[0]?.isSettled, await messages[0]?.ack()]).toEqual([false, false]);
    expect(client.state).toBe("disconnected");
  });

  test("the signal of a message that is settled in an open transaction aborts when it is released", async () => {
    const { broker, client, messages } = await delivered("client-individual", 1);
    const [message] = messages as [Message];
    const transaction = await client.begin();
    await transaction.ack(message);
    const { signal } = message;
    broker.transport.abort(new Error("cable cut"));
    await settled();
    expect([signal.aborted, message.signal.aborted]).toEqual([true, true]);
  });

  test("the receipt of an ACK that was aborted confirms nothing that was acknowledged otherwise", async () => {
    const { broker, client, messages } = await delivered("client", 3);
    const [first, second, third] = messages as [Message, Message, Message];
    const transaction = await client.begin();
    await transaction.ack(third, { receipt: true });
    await transaction.abort();
    await second.ack();
    await expect(first.ack({ receipt: true })).rejects.toThrow("message m-1 was settled before, without a receipt");
    expect(broker.of("ACK")).toHaveLength(2);
    await third.ack();
    await client.disconnect();
  });

  test("disconnect() waits for a reader whose message is its own again when a transaction of several is aborted", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", { ack: "client" });
    broker.message(subscription.id, "1");
    broker.message(subscription.id, "2");
    const transaction = await client.begin();
    await transaction.ack(await take(subscription));
    const last = await take(subscription);
    await transaction.ack(last);
    const disconnecting = client.disconnect();
    await transaction.abort();
    await settled();
    expect(await last.ack()).toBe(true);
    await disconnecting;
    expect(acked(broker)).toEqual(["ack-m-1", "ack-m-2", "ack-m-2"]);
  });

  test("a message that is settled while it is decoded is not handed out, even when that is undone", async () => {
    const { broker, client } = await connected();
    const transaction = await client.begin();
    const seen: string[] = [];
    const decoding: Deferred<string>[] = [];
    const codec = {
      decode: (message: Message<unknown>) => {
        if (decoding.length < 2) void transaction.ack(message);
        const value = deferred<string>();
        decoding.push(value);
        return value.promise;
      },
    };
    const handler = (message: Message<string>): number => seen.push(message.value);
    const options = { ack: "client-individual", concurrency: 2, codec } as const;
    const subscription = await client.subscribe("/queue/a", handler, options);
    for (const text of ["1", "2", "3"]) broker.message(subscription.id, text);
    await settled();
    decoding[0]?.resolve("one");
    await settled();
    await transaction.abort();
    decoding[1]?.resolve("two");
    await settled();
    decoding[2]?.resolve("three");
    await settled();
    expect(seen).toEqual(["three"]); // and the handler goes on
    await client.disconnect();
  });

  test("headers that an ACK has of its own are refused, and nothing is settled", async () => {
    const { broker, client, messages } = await delivered("client-individual", 1);
    const [message] = messages as [Message];
    await expect(message.ack({ headers: { transaction: "t" } })).rejects.toThrow(
      'header "transaction" of ACK has an argument or option of its own',
    );
    expect([message.isSettled, broker.of("ACK").length]).toEqual([false, 0]);
    await client.disconnect();
  });
});
