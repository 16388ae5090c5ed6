import { describe, expect, test } from "vitest";
import { type StandardSchema, json } from "../../../src/client/messages/codec.js";
import { connected, failure } from "../../support/connected.js";
import { messageOf } from "../../support/messages.js";
import { numeral, order, slowOrder } from "../../support/schemas.js";
import { settled } from "../../support/scripted-broker.js";

const JSON_HEADERS = { "content-type": "application/json" };

function answering(result: unknown): StandardSchema {
  return { "~standard": { version: 1, vendor: "test", validate: () => result as never } };
}

function refusal(decode: () => unknown): unknown {
  try {
    return decode();
  } catch (error) {
    return error;
  }
}

describe("json", () => {
  test("writes JSON with its content-type, and reads it", () => {
    const codec = json();
    expect(codec.encode({ a: [1, null] })).toEqual({ body: '{"a":[1,null]}', headers: JSON_HEADERS });
    expect(codec.decode(messageOf('{"a":[1,null]}'))).toEqual({ a: [1, null] });
  });

  test("reads by the charset of the content-type, and passes over a byte order mark", () => {
    const latin1 = messageOf(Uint8Array.of(0x22, 0xe9, 0x22), {
      "content-type": "application/json;charset=ISO-8859-1",
    });
    expect(json().decode(latin1)).toBe("é");
    expect(json().decode(messageOf("\uFEFF[1]"))).toEqual([1]);
    expect(json().decode(messageOf(Uint8Array.of(0xef, 0xbb, 0xbf, 0x31)))).toBe(1);
  });

  test("throws for what is no JSON, in both directions", () => {
    expect(() => json().decode(messageOf("{"))).toThrow(SyntaxError);
    expect(() => json().encode(undefined)).toThrow(new TypeError("there is no JSON for undefined"));
    expect(() => json().encode(() => 1)).toThrow(new TypeError("there is no JSON for function"));
    expect(() => json().encode(1n)).toThrow(TypeError);
  });

  test("gives what a schema makes of a message, and no promise where the schema gives none", () => {
    expect(json(order).decode(messageOf('{"id":1,"more":2}'))).toEqual({ id: 1 });
  });

  test("waits for a schema that is asynchronous", async () => {
    expect(await json(slowOrder()).decode(messageOf('{"id":1,"more":2}'))).toEqual({ id: 1 });
    expect(await json(slowOrder()).encode({ id: 1 })).toEqual({ body: '{"id":1}', headers: JSON_HEADERS });
    await expect(json(slowOrder()).decode(messageOf("{}"))).rejects.toThrow(
      new TypeError("value is not valid: id: must be a number"),
    );
    await expect(json(slowOrder()).encode({} as never)).rejects.toThrow("value is not valid: id: must be a number");
  });

  test("sends what was given when an asynchronous validation began, whatever becomes of the value meanwhile", async () => {
    const value = { id: 1 };
    const encoding = json(slowOrder()).encode(value);
    value.id = 2;
    expect(await encoding).toMatchObject({ body: '{"id":1}' });
  });

  test("sends a value as it was given, so that both sides may have a schema that transforms", () => {
    const codec = json(numeral);
    expect(codec.encode("42")).toMatchObject({ body: '"42"' });
    expect(codec.decode(messageOf('"42"'))).toBe(42);
    expect(() => codec.encode("x")).toThrow(new TypeError("value is not valid: no numeral"));
  });

  test.each([
    [{ issues: [{ message: "bad" }] }, "value is not valid: bad"],
    [
      { issues: [{ message: "bad", path: ["a", 0, { key: "b" }, Symbol("c")] }] },
      "value is not valid: a.0.b.Symbol(c): bad",
    ],
    [
      {
        issues: [
          { message: "one", path: [] },
          { message: "two", path: ["x"] },
        ],
      },
      "value is not valid: one; x: two",
    ],
    [{ issues: [] }, "value is not valid"],
  ])("names every issue: %j", (result, message) => {
    expect(refusal(() => json(answering(result)).decode(messageOf("1")))).toEqual(new TypeError(message));
  });

  test("takes any promise of a schema, whoever made it", async () => {
    const thenable = { then: (resolve: (result: unknown) => void) => resolve({ value: "made" }) };
    expect(await json(answering(thenable)).decode(messageOf("1"))).toBe("made");
  });

  test.each([{}, { "~standard": {} }, "string"])("refuses %j for a schema at once", (schema) => {
    expect(() => json(schema as never)).toThrow(new TypeError("schema must be a Standard Schema validator"));
  });
});

describe("sending a value", () => {
  test("sends what the codec makes of it, and headers that are given count before the codec's", async () => {
    const { broker, client } = await connected();
    await client.send("/q", { id: 1 }, { codec: json(order) });
    await client.send("/q", 2, { codec: json(), headers: { "content-type": "application/vnd.x+json", a: "b" } });
    await client.send("/q", 3, { codec: json(), headers: { "content-type": undefined }, receipt: "r" });
    expect(broker.of("SEND").map((frame) => [[...frame.headers].slice(1), frame.text()])).toEqual([
      [
        [
          ["content-type", "application/json"],
          ["content-length", "8"],
        ],
        '{"id":1}',
      ],
      [
        [
          ["content-type", "application/vnd.x+json"],
          ["a", "b"],
          ["content-length", "1"],
        ],
        "2",
      ],
      [
        [
          ["receipt", "r"],
          ["content-length", "1"],
        ],
        "3",
      ],
    ]);
    await client.disconnect();
  });

  test("keeps its place among what is sent around it, unless the codec gives a promise", async () => {
    const { broker, client } = await connected();
    const sent = [
      client.send("/q", { id: 1 }, { codec: json(slowOrder()) }),
      client.send("/q", { id: 2 }, { codec: json(order) }),
      client.send("/q", "3"),
    ];
    await Promise.all(sent);
    await settled();
    expect(broker.of("SEND").map((frame) => frame.text())).toEqual(['{"id":2}', "3", '{"id":1}']);
    await client.disconnect();
  });

  test("rejects with what the codec throws, Error or not, before a byte leaves", async () => {
    const { broker, client } = await connected();
    const codec = (encode: () => never) => ({ encode });
    const nothing: unknown = null;
    expect(await failure(client.send("/q", {} as never, { codec: json(order) }))).toEqual(
      new TypeError("value is not valid: id: must be a number"),
    );
    const thrower = codec(() => {
      throw "no error"; // eslint-disable-line @typescript-eslint/only-throw-error -- what a user's code may do
    });
    expect(await failure(client.send("/q", 1, { codec: thrower }))).toBe("no error");
    expect(await failure(client.send("/q", 1, { codec: { encode: () => Promise.reject(nothing) } }))).toBeNull();
    expect(await failure(client.send("/q", 1, { codec: { encode: () => ({ body: 1 }) } as never }))).toEqual(
      new TypeError("body must be a string, Uint8Array or ArrayBuffer, not number; use JSON.stringify for an object"),
    );
    expect(broker.of("SEND")).toEqual([]);
    await client.disconnect();
  });

  test("refuses what is no codec, and takes an absent one for none", async () => {
    const { broker, client } = await connected();
    expect(await failure(client.send("/q", 1, { codec: order as never }))).toEqual(
      new TypeError("codec has no function encode; for a Standard Schema use json(schema)"),
    );
    expect(await failure(client.send("/q", 1, { codec: null as never }))).toEqual(
      new TypeError("codec has no function encode; for a Standard Schema use json(schema)"),
    );
    await client.send("/q", "plain", { codec: undefined } as never);
    await settled();
    expect(broker.of("SEND").map((frame) => frame.text())).toEqual(["plain"]);
    await client.disconnect();
  });
});
