import { afterEach, beforeEach, describe, expect, expectTypeOf, test, vi } from "vitest";
import { type Codec, json } from "../../../src/client/messages/codec.js";
import type { Message } from "../../../src/client/messages/message.js";
import type { Status } from "../../../src/client/observing/status.js";
import type { TypedRequestOptions } from "../../../src/client/requests/requests.js";
import type { TypedResponder, TypedRespondOptions } from "../../../src/client/requests/respond.js";
import type { Subscription } from "../../../src/client/subscribing/subscription.js";
import { deferred } from "../../../src/internal/deferred.js";
import { connected, failure } from "../../support/connected.js";
import { type Order, numeral, order, slowOrder } from "../../support/schemas.js";
import { type ScriptedBroker, settled } from "../../support/scripted-broker.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** Asks by orders, is answered by numbers. */
const asking: Codec<number, Order> = { encode: json(order).encode, decode: json(numeral).decode };
/** The other side of it. */
const answering: Codec<Order, string> = { encode: json(numeral).encode, decode: json(order).decode };
const NO_FUNCTION = (name: string): TypeError =>
  new TypeError(`codec has no function ${name}; for a Standard Schema use json(schema)`);
const ASKED = { "reply-to": "/reply-queue/q", "correlation-id": "c-1" };
const RABBITMQ = { connected: { server: "RabbitMQ/3.10.8" } };

/** Answer the n-th request. */
function answer(broker: ScriptedBroker, body: string, n = 0): void {
  const { headers } = broker.of("SEND")[n] ?? {};
  broker.message(headers?.get("reply-to") ?? "", body, { "correlation-id": headers?.get("correlation-id") ?? "" });
}

describe("a request with a codec", () => {
  test("sends a value and has one in its reply; its types are the codec's", async () => {
    const { broker, client } = await connected(RABBITMQ);
    const reply = client.request("/queue/ask", { id: 1 }, { codec: asking, headers: { "x-app": "yes" } });
    expectTypeOf(reply).resolves.toEqualTypeOf<Message<number>>();
    await settled();
    const [request] = broker.of("SEND");
    expect(request?.text()).toBe('{"id":1}');
    expect(Object.fromEntries(request?.headers ?? [])).toMatchObject({
      "x-app": "yes",
      "content-type": "application/json",
    });
    answer(broker, '"42"');
    expect((await reply).value).toBe(42);
    const options: TypedRequestOptions<number, Order> = { codec: asking, timeout: 1 };
    const others = [client.request("/queue/ask", "text"), client.request("/queue/ask", { id: 1 }, options)] as const;
    expectTypeOf(others[0]).resolves.toEqualTypeOf<Message>();
    expectTypeOf(others[1]).resolves.toEqualTypeOf<Message<number>>();
    // @ts-expect-error -- text is no order
    expect(await failure(client.request("/queue/ask", "text", options))).toBeInstanceOf(TypeError);
    // @ts-expect-error -- an object needs a codec
    expect(await failure(client.request("/queue/ask", { id: 1 }))).toBeInstanceOf(TypeError);
    // @ts-expect-error -- the reply needs to be decoded, too
    expect(await failure(client.request("/queue/ask", { id: 1 }, { codec: { encode: asking.encode } }))).toEqual(
      NO_FUNCTION("decode"),
    );
    const over = Promise.all(others.map(failure));
    await client.disconnect();
    await over;
  });

  test("that is not valid rejects with the codec's error, before a byte leaves", async () => {
    const { broker, client } = await connected(RABBITMQ);
    const wrong = new TypeError("value is not valid: id: must be a number");
    expect(await failure(client.request("/queue/ask", {} as Order, { codec: asking }))).toEqual(wrong);
    const slow = json(slowOrder());
    expect(await failure(client.request("/queue/ask", {} as Order, { codec: slow }))).toEqual(wrong);
    for (const codec of [null, {}, order, { decode: asking.decode }] as never[]) {
      expect(await failure(client.request("/queue/ask", { id: 1 }, { codec }))).toEqual(NO_FUNCTION("encode"));
    }
    expect(await failure(client.request("/queue/ask", undefined, { codec: json() }))).toEqual(
      new TypeError("there is no JSON for undefined"),
    );
    const nosy = { ...json(), encode: () => ({ body: "", headers: { "correlation-id": "mine" } }) };
    expect(await failure(client.request("/queue/ask", 1, { codec: nosy }))).toEqual(
      new TypeError('header "correlation-id" of SEND has an argument or option of its own'),
    );
    expect(broker.received).toHaveLength(1);
    expect(client.metrics().requestsPending).toBe(0);
    await client.disconnect();
  });

  test.each([
    ["at once", json(order)],
    ["later", json(slowOrder())],
  ])(
    "whose reply is not valid (which is known %s) rejects with the codec's error, and no other does",
    async (_, codec) => {
      const { broker, client } = await connected(RABBITMQ);
      const told: Status[] = [];
      client.onStatus((status) => told.push(status));
      const bad = failure(client.request("/queue/ask", { id: 1 }, { codec }));
      const worse = failure(client.request("/queue/ask", { id: 2 }, { codec }));
      const good = client.request("/queue/ask", { id: 3 }, { codec });
      await settled();
      answer(broker, '{"id":"x"}', 0);
      answer(broker, "no JSON", 1);
      answer(broker, '{"id":3}', 2);
      expect(await bad).toEqual(new TypeError("value is not valid: id: must be a number"));
      expect(await worse).toBeInstanceOf(SyntaxError);
      expect((await good).value).toEqual({ id: 3 });
      expect(told).toEqual([]); // the callers know
      expect(client.metrics()).toMatchObject({ requestsPending: 0, messagesDropped: 0 });
      await client.disconnect();
    },
  );

  test("keeps its place among what is sent around it, unless the codec gives a promise", async () => {
    const { broker, client } = await connected(RABBITMQ);
    const all = [
      failure(client.request("/queue/ask", { id: 1 }, { codec: json(slowOrder()) })),
      failure(client.request("/queue/ask", { id: 2 }, { codec: json(order) })),
      client.send("/queue/a", "3"),
    ];
    await settled();
    expect(broker.of("SEND").map((frame) => frame.text())).toEqual(['{"id":2}', "3", '{"id":1}']);
    await client.disconnect();
    await Promise.all(all);
  });

  test("is not sent when its signal aborts while the codec encodes", async () => {
    const { broker, client } = await connected(RABBITMQ);
    const abort = new AbortController();
    const encoded = deferred<{ body: string }>();
    const codec = { ...json(), encode: () => encoded.promise };
    const asked = failure(client.request("/queue/ask", 1, { codec, signal: abort.signal }));
    abort.abort(new Error("mine"));
    encoded.resolve({ body: "late" });
    expect(await asked).toEqual(new Error("mine"));
    expect(broker.of("SEND")).toEqual([]);
    await client.disconnect();
  });
});

describe("a responder with a codec", () => {
  test("gets the value of a request and returns that of its reply; its types are the codec's", async () => {
    const { broker, client } = await connected();
    const subscription = await client.respond(
      "/queue/ask",
      (message) => {
        expectTypeOf(message).toEqualTypeOf<Message<Order>>();
        return String(message.value.id * 2);
      },
      { codec: answering },
    );
    expectTypeOf(subscription).toEqualTypeOf<Subscription<Order>>();
    broker.message(subscription.id, '{"id":21}', ASKED);
    await settled();
    const [reply] = broker.of("SEND");
    expect(reply?.text()).toBe('"42"');
    expect(Object.fromEntries(reply?.headers ?? [])).toMatchObject({
      destination: "/reply-queue/q",
      "correlation-id": "c-1",
      "content-type": "application/json",
    });
    const options: TypedRespondOptions<Order, string> = { codec: answering, ack: "client" };
    const responder: TypedResponder<Order, string> = ({ value }) => Promise.resolve(value.note ?? "");
    expectTypeOf(await client.respond("/queue/b", responder, options)).toEqualTypeOf<Subscription<Order>>();
    expectTypeOf(await client.respond("/queue/c", (message) => message.text())).toEqualTypeOf<Subscription>();
    // @ts-expect-error -- a reply is a text
    await client.respond("/queue/d", ({ value }) => value.id, options);
    // @ts-expect-error -- an object needs a codec
    await client.respond("/queue/e", () => ({ id: 1 }));
    // @ts-expect-error -- the responder wants other requests
    await client.respond("/queue/f", (message: Message<string>) => message.value, options);
    await client.disconnect();
  });

  test("returns values of any shape: also one with a body, and none at all", async () => {
    const { broker, client } = await connected();
    const values = [{ body: "x", headers: { a: "b" } }, null, 0, ""];
    const { id } = await client.respond("/queue/ask", (message) => values[Number(message.text())], { codec: json() });
    for (const index of values.keys()) broker.message(id, String(index), ASKED);
    await settled();
    expect(broker.of("SEND").map((reply) => JSON.parse(reply.text()) as unknown)).toEqual(values);
    await client.disconnect();
  });

  test("does not get a request that is not valid: the option invalid says what becomes of it", async () => {
    const { broker, client } = await connected();
    const told: Status[] = [];
    client.onStatus((status) => told.push(status));
    const respond = { codec: answering, ack: "client-individual", nackHeaders: { requeue: false } } as const;
    const subscription = await client.respond("/queue/ask", () => "1", respond);
    broker.message(subscription.id, '{"id":"x"}', ASKED);
    await settled();
    expect(broker.of("NACK")[0]?.headers.get("requeue")).toBe("false");
    const seen: string[] = [];
    const invalid = (message: Message<unknown>): void => void seen.push(message.text());
    const lenient = await client.respond("/queue/ask", () => "1", { ...respond, invalid });
    broker.message(lenient.id, "no JSON", ASKED);
    await settled();
    expect(seen).toEqual(["no JSON"]);
    expect(told.map(({ type }) => type)).toEqual(["invalid-message", "invalid-message"]);
    expect(broker.of("SEND")).toEqual([]);
    await client.disconnect();
  });

  test("whose reply is not valid fails like a handler, and sends nothing", async () => {
    const { broker, client } = await connected();
    const told: Status[] = [];
    client.onStatus((status) => told.push(status));
    const { id } = await client.respond("/queue/ask", () => "x", { codec: answering, ack: "client-individual" });
    broker.message(id, '{"id":1}', ASKED);
    await settled();
    const error = new TypeError("value is not valid: no numeral");
    expect(told).toEqual([{ type: "handler-error", error, destination: "/queue/ask" }]);
    expect(broker.received.slice(2).map(({ command }) => command)).toEqual(["NACK"]);
    await client.disconnect();
  });

  test("makes no reply where none is wanted", async () => {
    const { broker, client } = await connected();
    const encode = vi.fn(answering.encode);
    const { id } = await client.respond("/queue/ask", () => "1", { codec: { ...answering, encode } });
    broker.message(id, '{"id":1}');
    await settled();
    expect(encode).not.toHaveBeenCalled();
    await client.disconnect();
  });

  test.each([
    [null, "encode"],
    [{ decode: answering.decode }, "encode"],
    [{ encode: answering.encode }, "decode"],
  ])("is refused when its codec is %o", async (codec, missing) => {
    const { broker, client } = await connected();
    expect(await failure(client.respond("/queue/ask", () => "1", { codec: codec as never }))).toEqual(
      NO_FUNCTION(missing),
    );
    expect(broker.received).toHaveLength(1);
    await client.disconnect();
  });
});
