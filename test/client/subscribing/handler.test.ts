import { describe, expect, test, vi } from "vitest";
import type { Message } from "../../../src/client/messages/message.js";
import { connected } from "../../support/connected.js";
import { settled } from "../../support/scripted-broker.js";

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
    expect(told).toEqual([
      new Error("oops"),
      new TypeError('header "id" of NACK has an argument or option of its own'),
    ]);
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
