import { describe, expect, test } from "vitest";
import { json } from "../../../src/client/messages/codec.js";
import { InvalidStateError } from "../../../src/errors.js";
import { connected, failure } from "../../support/connected.js";
import { order, slowOrder } from "../../support/schemas.js";
import { settled } from "../../support/scripted-broker.js";

describe("a value in a transaction", () => {
  test("is sent as its codec makes it, with the transaction; the types are the codec's", async () => {
    const { broker, client } = await connected();
    const transaction = await client.begin();
    await transaction.send("/queue/a", { id: 1 }, { codec: json(order), headers: { a: "b" }, receipt: true });
    await transaction.send("/queue/a", "plain", { codec: undefined });
    await transaction.send("/queue/a");
    await transaction.commit();
    expect(broker.of("SEND").map((frame) => frame.text())).toEqual(['{"id":1}', "plain", ""]);
    expect([...(broker.of("SEND")[0]?.headers ?? [])].slice(0, 4)).toEqual([
      ["destination", "/queue/a"],
      ["a", "b"],
      ["content-type", "application/json"],
      ["transaction", transaction.id],
    ]);
    await client.transaction(async (another) => {
      // @ts-expect-error -- the id is a number
      expect(await failure(another.send("/queue/a", { id: "1" }, { codec: json(order) }))).toBeInstanceOf(TypeError);
      // @ts-expect-error -- an object needs a codec
      expect(await failure(another.send("/queue/a", { id: 1 }))).toBeInstanceOf(TypeError);
    });
    await client.disconnect();
  });

  test("that is not valid rejects with the codec's error, and the transaction goes on", async () => {
    const { broker, client } = await connected();
    const transaction = await client.begin();
    const wrong = new TypeError("value is not valid: id: must be a number");
    for (const codec of [json(order), json(slowOrder())]) {
      expect(await failure(transaction.send("/queue/a", {} as never, { codec }))).toEqual(wrong);
    }
    expect(await failure(transaction.send("/queue/a", 1, { codec: null as never }))).toEqual(
      new TypeError("codec has no function encode; for a Standard Schema use json(schema)"),
    );
    const nosy = { encode: () => ({ body: "", headers: { transaction: "mine" } }) };
    expect(await failure(transaction.send("/queue/a", 1, { codec: nosy }))).toEqual(
      new TypeError('header "transaction" of SEND has an argument or option of its own'),
    );
    expect(broker.of("SEND")).toEqual([]);
    expect(transaction.isOpen).toBe(true);
    await transaction.commit();
    await client.disconnect();
  });

  test("keeps its place; one whose codec gives a promise goes later, and never after the end of the transaction", async () => {
    const { broker, client } = await connected();
    const transaction = await client.begin();
    await Promise.all([
      transaction.send("/queue/a", { id: 1 }, { codec: json(slowOrder()) }),
      transaction.send("/queue/a", { id: 2 }, { codec: json(order) }),
      transaction.send("/queue/a", "3"),
    ]);
    const late = failure(transaction.send("/queue/a", { id: 4 }, { codec: json(slowOrder()) }));
    await transaction.commit();
    expect(await late).toEqual(new InvalidStateError(`transaction ${transaction.id} was committed before`));
    await settled();
    expect(broker.of("SEND").map((frame) => frame.text())).toEqual(['{"id":2}', "3", '{"id":1}']);
    await client.disconnect();
  });
});
