import { describe, expect, test } from "vitest";
import { InvalidStateError } from "../../../src/errors.js";
import { connected, failure } from "../../support/connected.js";
import { settled } from "../../support/scripted-broker.js";
import { take } from "../../support/take.js";

describe("acknowledging", () => {
  test.each([
    [
      "1.0", // ActiveMQ needs the subscription to count what may be on its way
      [
        ["message-id", "m-1"],
        ["subscription", "a"],
      ],
    ],
    [
      "1.1",
      [
        ["message-id", "m-1"],
        ["subscription", "a"],
      ],
    ],
    ["1.2", [["id", "ack-m-1"]]],
  ] as const)("in %s names the message as that version does", async (version, expected) => {
    const { broker, client } = await connected({ session: { versions: [version] } });
    const subscription = await client.subscribe("/queue/a", { ack: "client-individual", id: "a" });
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
    await (await take(subscription)).nack({ receipt: "r2", headers: { requeue: false } });
    expect([...(broker.of("ACK")[0]?.headers ?? [])]).toEqual([
      ["id", "ack-m-1"],
      ["transaction", "t"],
      ["receipt", "r"],
    ]);
    expect([...(broker.of("NACK")[0]?.headers ?? [])]).toEqual([
      ["id", "ack-m-2"],
      ["requeue", "false"],
      ["receipt", "r2"],
    ]);
    await client.disconnect();
  });

  test("a message is settled once: brokers end the connection over a second ACK", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
    broker.message(subscription.id, "1");
    const message = await take(subscription);
    expect(message.isSettled).toBe(false);
    expect(await Promise.all([message.ack(), message.ack()])).toEqual([true, true]);
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
    await expect(message.nack()).rejects.toThrow(`NACK needs an ack mode, subscription ${subscription.id} has "auto"`);
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
    broker.message(subscription.id, "2");
    const released = await take(subscription);
    await subscription.unsubscribe();
    await expect(released.nack()).rejects.toThrow(new InvalidStateError("NACK needs STOMP 1.1, the session is of 1.0"));
    await client.disconnect();
  });

  test("a message of a session that has ended is released, also after a new connection", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
    broker.message(subscription.id, "1");
    const message = await take(subscription);
    broker.transport.abort(new Error("cable cut"));
    await broker.gone;
    await settled();
    expect([await message.ack(), message.isSettled, message.signal.aborted]).toEqual([false, false, true]);
    await client.connect();
    expect([await message.ack(), await message.nack()]).toEqual([false, false]);
    expect(broker.of("ACK")).toEqual([]);
    await client.disconnect();
  });

  test("after unsubscribe a message is the broker's again", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
    broker.message(subscription.id, "1");
    const message = await take(subscription);
    await subscription.unsubscribe();
    expect(await message.ack()).toBe(false);
    expect(broker.of("ACK")).toEqual([]);
    await client.disconnect();
  });

  test("asking for a receipt of what was settled without one, or refused with a later one, rejects", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", { ack: "client" });
    for (const text of ["1", "2", "3", "4"]) broker.message(subscription.id, text);
    const messages = [
      await take(subscription),
      await take(subscription),
      await take(subscription),
      await take(subscription),
    ];
    const [first, second, third, fourth] = messages;
    await second?.nack();
    await expect(first?.ack({ receipt: true })).rejects.toThrow(
      new InvalidStateError("message m-1 was settled before, together with a later one"),
    );
    await expect(first?.ack()).rejects.toBeInstanceOf(InvalidStateError);
    expect(await first?.nack()).toBe(true);
    await third?.ack();
    await expect(third?.ack({ receipt: true })).rejects.toThrow(
      new InvalidStateError("message m-3 was settled before, without a receipt"),
    );
    expect([await fourth?.ack({ receipt: true }), await fourth?.ack({ receipt: true })]).toEqual([true, true]);
    expect(broker.received.slice(2).map(({ command }) => command)).toEqual(["NACK", "ACK", "ACK"]);
    await client.disconnect();
  });

  test("whose receipt is lost with the session rejects: nobody knows", async () => {
    const { broker, client } = await connected({ receipts: false });
    const subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
    broker.message(subscription.id, "1");
    const message = await take(subscription);
    const acknowledged = failure(message.ack({ receipt: true }));
    await settled();
    broker.transport.abort(new Error("cable cut"));
    expect(await acknowledged).toMatchObject({ code: "connection-lost", outcome: "unknown" });
  });

  test.each([null, "r", 5])("with options that are %j is a TypeError, and sends nothing", async (options) => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
    broker.message(subscription.id, "1");
    const message = await take(subscription);
    for (const call of [
      () => message.ack(options as never),
      () => message.nack(options as never),
      () => subscription.unsubscribe(options as never),
    ]) {
      expect(await failure(call())).toBeInstanceOf(TypeError);
    }
    expect(broker.received).toHaveLength(2);
    expect(await message.ack()).toBe(true);
    await client.disconnect();
  });
});
