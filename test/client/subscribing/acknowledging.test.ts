import { describe, expect, test } from "vitest";
import { InvalidStateError, StaleMessageError } from "../../../src/errors.js";
import { connected } from "../../support/connected.js";
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
      `NACK needs the ack mode "client" or "client-individual", subscription ${subscription.id} has "auto"`,
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
    await expect(message.ack()).rejects.toThrow(
      `message m-1 is the broker's again: subscription ${subscription.id} has ended`,
    );
    await client.disconnect();
  });
});
