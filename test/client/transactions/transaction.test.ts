import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { BaseClient } from "../../../src/client/client.js";
import type { Transaction } from "../../../src/client/transactions/transaction.js";
import {
  ConnectionLostError,
  InvalidStateError,
  ReceiptTimeoutError,
  ServerError,
  TransactionError,
} from "../../../src/errors.js";
import type { ClientFrame } from "../../../src/protocol/index.js";
import { connected, failure } from "../../support/connected.js";
import { type ScriptedBroker, settled } from "../../support/scripted-broker.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** Answers receipts as RabbitMQ does: those of SENDs in a transaction after that of its COMMIT, and never when it is aborted. */
function likeRabbitMq(): (frame: ClientFrame, broker: ScriptedBroker) => void {
  const held = new Map<string, string[]>();
  return ({ command, headers }, broker) => {
    const receipt = headers.get("receipt");
    const transaction = headers.get("transaction");
    if (command === "SEND" && transaction !== undefined && receipt !== undefined) {
      held.set(transaction, [...(held.get(transaction) ?? []), receipt]);
      return;
    }
    if (receipt !== undefined) broker.send("RECEIPT", { "receipt-id": receipt });
    if (command !== "COMMIT") return;
    for (const id of held.get(transaction ?? "") ?? []) broker.send("RECEIPT", { "receipt-id": id });
  };
}

const rabbit = (): Parameters<typeof connected>[0] => ({ receipts: false, onFrame: likeRabbitMq() });

/** Disconnect from a broker that confirms nothing. */
async function leave(client: BaseClient): Promise<void> {
  const disconnecting = client.disconnect({ timeout: 1 });
  await vi.advanceTimersByTimeAsync(1);
  await disconnecting;
}

/** The frames after CONNECT and SUBSCRIBE, by command, transaction and destination or id. */
function told(broker: ScriptedBroker): (string | undefined)[][] {
  return broker.received
    .filter(({ command }) => command !== "CONNECT" && command !== "SUBSCRIBE")
    .map(({ command, headers }) => [
      command,
      headers.get("transaction"),
      headers.get("destination") ?? headers.get("id"),
    ]);
}

describe("a transaction", () => {
  test("sends and acknowledges what its COMMIT confirms", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
    broker.message(subscription.id, "1");
    broker.message(subscription.id, "2");
    const transaction = await client.begin();
    expect([transaction.isOpen, transaction.isFinished]).toEqual([true, false]);
    for (const how of ["ack", "nack"] as const) {
      const { value } = await subscription.next();
      if (value !== undefined) await transaction[how](value);
    }
    await transaction.send("/queue/b", "x", { headers: { "x-app": "yes" } });
    await transaction.commit();
    expect(told(broker)).toEqual([
      ["BEGIN", transaction.id, undefined],
      ["ACK", transaction.id, "ack-m-1"],
      ["NACK", transaction.id, "ack-m-2"],
      ["SEND", transaction.id, "/queue/b"],
      ["COMMIT", transaction.id, undefined],
    ]);
    expect(broker.of("SEND")[0]?.headers.get("x-app")).toBe("yes");
    expect(broker.of("COMMIT")[0]?.headers.has("receipt")).toBe(true);
    expect([transaction.isOpen, transaction.isFinished]).toEqual([false, true]);
    await client.disconnect();
  });

  test("takes a given id, headers and a receipt for BEGIN; the id is free again after its end", async () => {
    const { broker, client } = await connected();
    const options = { id: "mine", headers: { why: "test" }, receipt: "r" };
    const transaction = await client.begin(options);
    expect([...(broker.of("BEGIN")[0]?.headers ?? [])]).toEqual([
      ["transaction", "mine"],
      ["why", "test"],
      ["receipt", "r"],
    ]);
    await expect(client.begin({ id: "mine" })).rejects.toThrow(
      new InvalidStateError('transaction id "mine" is in use'),
    );
    await transaction.abort({ receipt: false, headers: { why: "done" } });
    expect([...(broker.of("ABORT")[0]?.headers ?? [])]).toEqual([
      ["transaction", "mine"],
      ["why", "done"],
    ]);
    await (await client.begin(options)).commit({ receipt: "c" });
    expect(broker.of("COMMIT")[0]?.headers.get("receipt")).toBe("c");
    await client.disconnect();
  });

  test.each([
    [{ id: "" }, "id must be a string that is not empty"],
    [{ headers: { transaction: "x" } }, 'header "transaction" of BEGIN has an argument or option of its own'],
    [{ receipt: "" }, "receipt must be true or an id that is not empty"],
    [{ timeout: -1 }, "timeout must be a positive number of ms, not -1"],
  ])("is not begun with %o", async (options, message) => {
    const { broker, client } = await connected();
    expect(await failure(client.begin(options))).toMatchObject({ message });
    expect(broker.of("BEGIN")).toEqual([]);
    await client.disconnect();
  });

  test("needs a connection", async () => {
    const { client } = await connected();
    await client.disconnect();
    await expect(client.begin()).rejects.toThrow(
      new InvalidStateError("BEGIN needs a connection, the client is disconnected"),
    );
  });

  test("that the broker refuses is none, and its id is free", async () => {
    const { broker, client } = await connected({ receipts: false });
    const beginning = failure(client.begin({ id: "t", receipt: "r" }));
    await settled();
    broker.send("ERROR", { message: "no", "receipt-id": "r" });
    expect(await beginning).toBeInstanceOf(ServerError);
    expect(broker.of("ABORT")).toEqual([]);
    await client.begin({ id: "t" });
    await leave(client);
  });

  test("whose BEGIN is not confirmed in time is aborted, for the broker may have begun it", async () => {
    const { broker, client } = await connected({ receipts: false });
    const beginning = failure(client.begin({ id: "t", receipt: "r", timeout: 100 }));
    await vi.advanceTimersByTimeAsync(100);
    expect(await beginning).toBeInstanceOf(ReceiptTimeoutError);
    expect(told(broker)).toEqual([
      ["BEGIN", "t", undefined],
      ["ABORT", "t", undefined],
    ]);
    await leave(client);
  });

  test.each(["commit", "abort"] as const)("is of no use after its %s", async (end) => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
    broker.message(subscription.id, "1");
    const { value: message } = await subscription.next();
    const transaction = await client.begin({ id: "t" });
    await transaction[end]();
    const error = new InvalidStateError(`transaction t was ${end === "commit" ? "committed" : "aborted"} before`);
    if (message === undefined) throw error;
    for (const use of [
      transaction.send("/queue/b", "x"),
      transaction.ack(message),
      transaction.nack(message),
      transaction.commit(),
      transaction.abort(),
    ]) {
      await expect(use).rejects.toThrow(error);
    }
    expect(message.isSettled).toBe(false);
    expect(told(broker)).toHaveLength(2);
    await message.ack();
    await client.disconnect();
  });

  test("is finished once also when both ends are called at the same time", async () => {
    const { broker, client } = await connected();
    const transaction = await client.begin({ id: "t" });
    const [committed, aborted] = await Promise.allSettled([transaction.commit(), transaction.abort()]);
    expect(committed.status).toBe("fulfilled");
    expect(aborted).toMatchObject({ reason: { message: "transaction t was committed before" } });
    expect(broker.of("ABORT")).toEqual([]);
    await client.disconnect();
  });

  test("stays open when a call has wrong arguments", async () => {
    const { client } = await connected();
    const transaction = await client.begin();
    await expect(transaction.send("")).rejects.toThrow("destination must be a string that is not empty");
    await expect(transaction.send("/a", "", { headers: { transaction: "x" } })).rejects.toThrow(
      'header "transaction" of SEND has an argument or option of its own',
    );
    await expect(transaction.commit({ headers: { receipt: "x" } })).rejects.toThrow(
      'header "receipt" of COMMIT has an argument or option of its own',
    );
    await expect(transaction.commit({ signal: AbortSignal.abort(new Error("mine")) })).rejects.toThrow("mine");
    expect(transaction.isOpen).toBe(true);
    await transaction.commit();
    await client.disconnect();
  });

  test("await using aborts it unless it was committed", async () => {
    const { broker, client } = await connected();
    {
      await using transaction = await client.begin({ id: "left" });
      await transaction.send("/queue/a", "x");
    }
    {
      await using transaction = await client.begin({ id: "committed" });
      await transaction.commit();
    }
    expect(told(broker).map(([command, id]) => [command, id])).toEqual([
      ["BEGIN", "left"],
      ["SEND", "left"],
      ["ABORT", "left"],
      ["BEGIN", "committed"],
      ["COMMIT", "committed"],
    ]);
    await client.disconnect();
  });

  test("await using has nothing to do when the session is lost meanwhile", async () => {
    const { broker, client } = await connected({ receipts: false });
    const left = (async () => {
      await using transaction = await client.begin();
      await transaction.send("/queue/a", "x");
    })();
    await settled();
    expect(broker.of("ABORT")).toHaveLength(1); // its receipt will not come
    broker.transport.abort(new Error("cable cut"));
    await left;
    expect(client.state).toBe("disconnected");
  });

  test("a COMMIT that the broker refuses, or does not confirm in time, finishes it", async () => {
    const { broker, client } = await connected({ receipts: false });
    const first = await client.begin();
    const refused = failure(first.commit({ receipt: "r" }));
    await settled();
    broker.send("ERROR", { message: "no", "receipt-id": "r" });
    expect(await refused).toBeInstanceOf(ServerError);
    const second = await client.begin();
    const late = failure(second.commit({ timeout: 100 }));
    await vi.advanceTimersByTimeAsync(100);
    expect(await late).toBeInstanceOf(ReceiptTimeoutError);
    expect([first.isFinished, second.isFinished]).toEqual([true, true]);
    await leave(client);
  });
});

describe("receipts within a transaction", () => {
  test("are waited for together with the commit, whose receipt comes first on RabbitMQ", async () => {
    const { client } = await connected(rabbit());
    const order: string[] = [];
    const transaction = await client.begin({ receipt: true });
    const sent = ["a", "b"].map((name) =>
      transaction.send(`/queue/${name}`, "x", { receipt: true }).then(() => order.push(name)),
    );
    await settled();
    expect(order).toEqual([]);
    await Promise.all([...sent, transaction.commit().then(() => order.push("commit"))]);
    expect([...order].sort()).toEqual(["a", "b", "commit"]);
    expect(client.metrics().receiptsPending).toBe(0);
    await client.disconnect();
  });

  test("will not come when it is aborted, and whoever waits is told so at once", async () => {
    const { broker, client } = await connected({ receipts: false });
    const subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
    broker.message(subscription.id, "1");
    const { value: message } = await subscription.next();
    const transaction = await client.begin({ id: "t" });
    const sent = failure(transaction.send("/queue/b", "x", { receipt: "s", timeout: Infinity }));
    const acked = failure(
      message === undefined ? sent : transaction.ack(message, { receipt: true, timeout: Infinity }),
    );
    const aborting = transaction.abort({ receipt: "r" });
    // The broker has not said a word.
    for (const error of [await sent, await acked]) {
      expect(error).toBeInstanceOf(TransactionError);
      expect(error).toMatchObject({ message: "transaction t was aborted", outcome: "aborted" });
    }
    broker.send("RECEIPT", { "receipt-id": "r" });
    await aborting;
    expect(client.metrics().receiptsPending).toBe(0);
    await leave(client);
  });

  test("that were confirmed, timed out or aborted before are not touched by an abort", async () => {
    const { broker, client } = await connected({ receipts: false });
    const transaction = await client.begin();
    const confirmed = transaction.send("/queue/a", "x", { receipt: "confirmed" }); // ActiveMQ answers at once
    const late = failure(transaction.send("/queue/a", "x", { receipt: true, timeout: 100 }));
    const abort = new AbortController();
    const left = failure(transaction.send("/queue/a", "x", { receipt: true, signal: abort.signal }));
    await settled();
    broker.send("RECEIPT", { "receipt-id": "confirmed" });
    await confirmed;
    await vi.advanceTimersByTimeAsync(100);
    expect(await late).toBeInstanceOf(ReceiptTimeoutError);
    abort.abort(new Error("mine"));
    expect(await left).toEqual(new Error("mine"));
    await transaction.abort({ receipt: false });
    await leave(client);
  });

  test("do not keep disconnect waiting: a transaction that is still open then ends with its session", async () => {
    const { broker, client } = await connected(rabbit());
    const transaction = await client.begin({ id: "t" });
    const sent = failure(transaction.send("/queue/b", "x", { receipt: true }));
    await client.disconnect({ timeout: Infinity });
    expect(await sent).toBeInstanceOf(TransactionError);
    expect(await sent).toMatchObject({
      message: "transaction t ended with its session: the client ended the session",
      outcome: "aborted",
    });
    expect(await failure(transaction.commit())).toMatchObject({ code: "transaction", outcome: "aborted" });
    expect([transaction.isOpen, transaction.isFinished]).toEqual([false, false]);
    expect(broker.of("COMMIT")).toEqual([]);
  });

  test("nor reconnect", async () => {
    const { client } = await connected(rabbit());
    const transaction = await client.begin({ id: "t" });
    const sent = failure(transaction.send("/queue/b", "x", { receipt: true }));
    await client.reconnect();
    expect(await sent).toBeInstanceOf(TransactionError);
    await (await client.begin({ id: "t" })).commit(); // the id is free again
    await client.disconnect();
  });

  test("of a transaction that was just committed are waited for by disconnect", async () => {
    const { client } = await connected(rabbit());
    const transaction = await client.begin();
    const sent = transaction.send("/queue/b", "x", { receipt: true });
    const committed = transaction.commit();
    await client.disconnect();
    await Promise.all([sent, committed]);
  });
});

describe("the loss of the session", () => {
  async function lose(act: (transaction: Transaction) => Promise<unknown>): Promise<unknown> {
    const { broker, client } = await connected({ receipts: false });
    const transaction = await client.begin({ id: "t" });
    const failed = failure(act(transaction));
    await settled();
    broker.transport.abort(new Error("cable cut"));
    const error = await failed;
    expect(error).toBeInstanceOf(TransactionError);
    expect((error as TransactionError).cause).toBeInstanceOf(ConnectionLostError);
    await broker.gone;
    await settled();
    expect(transaction.isOpen).toBe(false);
    return error;
  }

  test("aborts an open transaction: what is waited for is told so, and so is what is called later", async () => {
    const { broker, client } = await connected({ receipts: false });
    const transaction = await client.begin({ id: "t" });
    const sent = failure(transaction.send("/queue/b", "x", { receipt: "s" }));
    await settled();
    broker.transport.abort(new Error("cable cut"));
    for (const error of [
      await sent,
      await failure(transaction.send("/queue/b", "y")),
      await failure(transaction.commit()),
      await failure(transaction.abort()),
    ]) {
      expect(error).toBeInstanceOf(TransactionError);
      expect(error).toMatchObject({ code: "transaction", outcome: "aborted" });
      expect((error as Error).message).toMatch(/^transaction t ended with its session: .*connection to memory: lost/);
    }
    expect(transaction.isFinished).toBe(false);
    await transaction[Symbol.asyncDispose]();
    await client.connect();
    expect(await failure(transaction.commit())).toBeInstanceOf(TransactionError); // in the next session too
    await leave(client);
  });

  test("while a COMMIT is not confirmed leaves it unknown", async () => {
    expect(await lose((transaction) => transaction.commit())).toMatchObject({
      outcome: "unknown",
      message: expect.stringMatching(
        /^transaction t may have been committed before its session ended: connection lost before the receipt of COMMIT of t: /,
      ) as string,
    });
  });

  test("after a COMMIT leaves unknown what was sent, too", async () => {
    const error = await lose(async (transaction) => {
      const sent = transaction.send("/queue/b", "x", { receipt: true });
      await transaction.commit({ receipt: false });
      await sent;
    });
    expect(error).toMatchObject({ outcome: "unknown" });
  });

  test("while an ABORT is not confirmed has aborted it", async () => {
    expect(await lose((transaction) => transaction.abort())).toMatchObject({ outcome: "aborted" });
  });
});

describe("client.transaction", () => {
  test("commits when the function is done, and gives what it gives", async () => {
    const { broker, client } = await connected();
    const result = await client.transaction(
      async (transaction) => {
        await transaction.send("/queue/a", "1");
        return 42;
      },
      { id: "t" },
    );
    expect(result).toBe(42);
    expect(await client.transaction(() => "sync")).toBe("sync");
    expect(told(broker).map(([command]) => command)).toEqual(["BEGIN", "SEND", "COMMIT", "BEGIN", "COMMIT"]);
    await client.disconnect();
  });

  test.each([
    [
      "throws",
      () => {
        throw new Error("mine");
      },
    ],
    ["rejects", () => Promise.reject(new Error("mine"))],
  ])("aborts when the function %s, and rejects with its fault", async (_, work) => {
    const { broker, client } = await connected();
    await expect(client.transaction(work, { id: "t" })).rejects.toThrow("mine");
    await settled();
    expect(told(broker).map(([command]) => command)).toEqual(["BEGIN", "ABORT"]);
    await client.disconnect();
  });

  test.each(["commit", "abort"] as const)("leaves it alone when the function has called %s", async (end) => {
    const { broker, client } = await connected();
    await client.transaction((transaction) => transaction[end]());
    await expect(
      client.transaction(async (transaction) => {
        await transaction[end]();
        throw new Error("afterwards");
      }),
    ).rejects.toThrow("afterwards");
    const command = end.toUpperCase();
    expect(told(broker).map(([name]) => name)).toEqual(["BEGIN", command, "BEGIN", command]);
    await client.disconnect();
  });

  test("rejects with TransactionError when the session is lost, whether the function notices or not", async () => {
    const { broker, client } = await connected({ receipts: false });
    let go = (): void => undefined;
    const unaware = failure(client.transaction(() => new Promise<void>((resolve) => void (go = resolve))));
    const aware = failure(client.transaction((transaction) => transaction.send("/a", "x", { receipt: "none" })));
    await settled();
    broker.transport.abort(new Error("cable cut"));
    await broker.gone;
    await settled();
    go();
    for (const error of [await unaware, await aware]) expect(error).toBeInstanceOf(TransactionError);
  });

  test("within a handler is finished before a disconnect", async () => {
    const { broker, client } = await connected(rabbit());
    let go = (): void => undefined;
    const waiting = new Promise<void>((resolve) => void (go = resolve));
    const subscription = await client.subscribe(
      "/queue/a",
      (message) =>
        client.transaction(async (transaction) => {
          await transaction.ack(message);
          await waiting;
          await transaction.send("/queue/b", message.text().toUpperCase());
        }),
      { ack: "client-individual" },
    );
    broker.message(subscription.id, "one");
    await settled();
    const disconnecting = client.disconnect();
    await settled();
    go();
    await disconnecting;
    expect(told(broker).map(([command]) => command)).toEqual(["BEGIN", "ACK", "SEND", "COMMIT", "DISCONNECT"]);
  });
});
