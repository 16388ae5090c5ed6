import { afterEach, beforeEach, describe, expect, expectTypeOf, test, vi } from "vitest";
import { type Codec, json } from "../../../src/client/messages/codec.js";
import type { Message } from "../../../src/client/messages/message.js";
import type { TypedSendOptions } from "../../../src/client/sending/send-options.js";
import type { Status } from "../../../src/client/observing/status.js";
import type { InvalidPolicy, TypedSubscribeOptions } from "../../../src/client/subscribing/subscribe-options.js";
import type { Subscription } from "../../../src/client/subscribing/subscription.js";
import { ServerError } from "../../../src/errors.js";
import { type Deferred, deferred } from "../../../src/internal/deferred.js";
import { connected, failure } from "../../support/connected.js";
import { type Order, numeral, order, slowOrder } from "../../support/schemas.js";
import { type ScriptedBroker, settled } from "../../support/scripted-broker.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

const CODEC = { codec: json(order) };

/** The ids of what was acknowledged and refused, in order. */
function settlements(broker: ScriptedBroker): string[] {
  return broker.received
    .filter(({ command }) => command === "ACK" || command === "NACK")
    .map(({ command, headers }) => `${command} ${headers.get("id") ?? headers.get("message-id") ?? ""}`);
}

function listening(client: { onStatus(listener: (status: Status) => void): unknown }): Status[] {
  const told: Status[] = [];
  client.onStatus((status) => told.push(status));
  return told;
}

/** A codec whose values are texts, which a test decides when to make. */
class HeldCodec {
  readonly held = new Map<string, Deferred<string>>();
  readonly decode = (message: Message<unknown>): Promise<string> => {
    const value = deferred<string>();
    this.held.set(message.text(), value);
    return value.promise;
  };
  async pass(...texts: string[]): Promise<void> {
    for (const text of texts) this.held.get(text)?.resolve(text);
    await settled();
  }
  async refuse(text: string): Promise<void> {
    this.held.get(text)?.reject(new Error(`${text} is bad`));
    await settled();
  }
}

describe("the types", () => {
  test("a codec types what is subscribed to and what is sent; a program that mixes them up does not compile", async () => {
    const { client } = await connected();
    const iterated = await client.subscribe("/q", CODEC);
    expectTypeOf(iterated).toEqualTypeOf<Subscription<Order>>();
    expectTypeOf(iterated.next).returns.resolves.toEqualTypeOf<IteratorResult<Message<Order>, undefined>>();
    const handled = await client.subscribe(
      "/q",
      (message) => {
        expectTypeOf(message).toEqualTypeOf<Message<Order>>();
        expectTypeOf(message.value.note).toEqualTypeOf<string | undefined>();
      },
      { ...CODEC, ack: "client" },
    );
    expectTypeOf(handled).toEqualTypeOf<Subscription<Order>>();
    expectTypeOf(await client.subscribe("/q")).toEqualTypeOf<Subscription>();
    expectTypeOf(await client.subscribe("/q", { ack: "client" })).toEqualTypeOf<Subscription>();
    const plain = await client.subscribe("/q", (message) => {
      expectTypeOf(message).toEqualTypeOf<Message>();
      expectTypeOf(message.value).toEqualTypeOf<undefined>();
    });
    expectTypeOf(plain).toEqualTypeOf<Subscription>();
    await client.disconnect();
  });

  test("options in a variable type a subscription and a send as options in place do", async () => {
    const { client } = await connected();
    const options: TypedSubscribeOptions<Order> = { ...CODEC, ack: "client" };
    expectTypeOf(await client.subscribe("/q", options)).toEqualTypeOf<Subscription<Order>>();
    const sendOptions: TypedSendOptions<Order> = CODEC;
    await client.send("/q", { id: 1 }, sendOptions);
    // @ts-expect-error -- text is no order
    expect(await failure(client.send("/q", "text", sendOptions))).toBeInstanceOf(TypeError);
    await client.disconnect();
  });

  test("a schema that transforms sends one type and receives another", async () => {
    const { client } = await connected();
    const codec = json(numeral);
    expectTypeOf(codec).toEqualTypeOf<Codec<number, string>>();
    expectTypeOf(await client.subscribe("/q", { codec })).toEqualTypeOf<Subscription<number>>();
    await client.send("/q", "1", { codec });
    // @ts-expect-error -- it is sent as text
    expect(await failure(client.send("/q", 1, { codec }))).toBeInstanceOf(TypeError);
    await client.disconnect();
  });

  test("what cannot be sent or handled does not compile", async () => {
    const { client } = await connected();
    // @ts-expect-error -- an object needs a codec
    await failure(client.send("/q", { id: 1 }));
    // @ts-expect-error -- the id is a number
    await failure(client.send("/q", { id: "1" }, CODEC));
    // @ts-expect-error -- the handler wants other messages
    await client.subscribe("/q", (message: Message<string>) => message.value, CODEC);
    // @ts-expect-error -- without a codec nothing is ever invalid
    await client.subscribe("/q", { invalid: "fail" });
    expectTypeOf(json<Order>()).toEqualTypeOf<Codec<Order>>();
    expectTypeOf(json()).toEqualTypeOf<Codec<unknown>>();
    expectTypeOf<Message<Order>>().toExtend<Message<unknown>>();
    await client.disconnect();
  });
});

describe("a message that is a value", () => {
  test("comes to a handler with its value, in the same turn where the codec gives no promise", async () => {
    const { broker, client } = await connected();
    const seen: unknown[] = [];
    const subscription = await client.subscribe("/q", ({ value }) => seen.push(value.id), CODEC);
    let seenInTurn = -1;
    client.onFrame(({ frame }) => {
      if (frame.headers.get("message-id") === "m-2") seenInTurn = seen.length;
    });
    const frames = [1, 2].map(
      (id) => `MESSAGE\nsubscription:${subscription.id}\nmessage-id:m-${id}\ndestination:/q\n\n{"id":${id}}\0`,
    );
    broker.transport.send(frames.join(""));
    await settled();
    expect(seen).toEqual([1, 2]);
    expect(seenInTurn).toBe(1); // the first was handled before the second was decoded: no promise stood between them
    await client.disconnect();
  });

  test("comes to an iterator with its value", async () => {
    const { broker, client } = await connected();
    for (const codec of [json(order), json(slowOrder())]) {
      const subscription = await client.subscribe("/q", { codec });
      broker.message(subscription.id, '{"id":1,"note":"n"}');
      const waiting = subscription.next();
      await settled();
      broker.message(subscription.id, '{"id":2}');
      expect((await waiting).value?.value).toEqual({ id: 1, note: "n" });
      expect((await subscription.next()).value?.value).toEqual({ id: 2 });
      await subscription.unsubscribe();
    }
    await client.disconnect();
  });

  test("is refused as a codec at once when it is none", async () => {
    const { broker, client } = await connected();
    for (const codec of [order, {}, null]) {
      expect(await failure(client.subscribe("/q", { codec: codec as never }))).toEqual(
        new TypeError("codec has no function decode; for a Standard Schema use json(schema)"),
      );
    }
    expect(broker.of("SUBSCRIBE")).toEqual([]);
    await client.disconnect();
  });

  test.each(["sometimes", 1, null])("refuses %j as a policy for invalid ones", async (invalid) => {
    const { client } = await connected();
    expect(await failure(client.subscribe("/q", { ...CODEC, invalid: invalid as never }))).toEqual(
      new TypeError(`invalid must be "nack", "fail" or a function, not ${JSON.stringify(invalid)}`),
    );
    await client.disconnect();
  });
});

describe("with a codec that gives promises", () => {
  test("a handler gets one message after the other, in their order", async () => {
    const { broker, client } = await connected();
    listening(client);
    const codec = new HeldCodec();
    const seen: string[] = [];
    const subscription = await client.subscribe("/q", ({ value }) => seen.push(value), { codec });
    for (const text of ["1", "2", "3"]) broker.message(subscription.id, text);
    await settled();
    expect([...codec.held.keys()]).toEqual(["1"]); // the next is decoded when this one is done with
    expect(subscription.unread).toBe(2);
    await codec.pass("1");
    await codec.refuse("2");
    await codec.pass("3");
    expect(seen).toEqual(["1", "3"]);
    await client.disconnect();
  });

  test("a handler with concurrency gets them as they are decoded, and decoding counts as work", async () => {
    const { broker, client } = await connected();
    const codec = new HeldCodec();
    const seen: string[] = [];
    const never = deferred<void>();
    const handler = ({ value }: Message<string>) => {
      seen.push(value);
      return never.promise;
    };
    const subscription = await client.subscribe("/q", handler, { codec, concurrency: 4 });
    for (const text of ["1", "2", "3", "4", "5", "6"]) broker.message(subscription.id, text);
    await settled();
    expect([...codec.held.keys()]).toEqual(["1", "2", "3", "4"]);
    await codec.pass("3", "1");
    expect(seen).toEqual(["3", "1"]);
    await codec.pass("2", "4");
    expect([seen, [...codec.held.keys()]]).toEqual([
      ["3", "1", "2", "4"],
      ["1", "2", "3", "4"],
    ]);
    never.resolve();
    await settled();
    expect([...codec.held.keys()]).toEqual(["1", "2", "3", "4", "5", "6"]);
    await codec.pass("5", "6");
    await client.disconnect();
  });

  test("an iterator gets them in their order, also one that asks for several at once and past one that is invalid", async () => {
    const { broker, client } = await connected();
    listening(client);
    const codec = new HeldCodec();
    const subscription = await client.subscribe("/q", { codec });
    const asked = [subscription.next(), subscription.next()];
    for (const text of ["1", "2", "3", "4"]) broker.message(subscription.id, text);
    await settled();
    await codec.refuse("1");
    await codec.pass("2");
    await codec.pass("3");
    expect((await Promise.all(asked)).map(({ value }) => value?.value)).toEqual(["2", "3"]);
    expect(subscription.unread).toBe(1);
    await client.disconnect();
  });

  test("a message whose decoding ends after unsubscribe is dropped, and the reader is told of the end at once", async () => {
    const { broker, client } = await connected();
    const codec = new HeldCodec();
    const seen: string[] = [];
    const handled = await client.subscribe("/q", ({ value }) => seen.push(value), { codec });
    const iterated = await client.subscribe("/q", { codec });
    broker.message(handled.id, "handled");
    broker.message(iterated.id, "iterated");
    const waiting = iterated.next();
    await settled();
    await Promise.all([handled.unsubscribe(), iterated.unsubscribe()]);
    expect(await waiting).toEqual({ done: true, value: undefined });
    await codec.pass("handled", "iterated");
    expect(seen).toEqual([]);
    await client.disconnect();
  });

  test("a message that is being decoded when the connection is lost is read before the reader is told of that", async () => {
    const { broker, client } = await connected();
    const codec = new HeldCodec();
    const subscription = await client.subscribe("/q", { codec });
    const [first, second] = [subscription.next(), failure(subscription.next())];
    broker.message(subscription.id, "1");
    await settled();
    broker.transport.abort(new Error("cable cut"));
    await settled();
    expect(subscription.isLive).toBe(false);
    await codec.pass("1");
    expect((await first).value?.value).toBe("1");
    expect(await second).toMatchObject({ code: "connection-lost" });
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
  });

  test("disconnect waits until what is being decoded was handled and acknowledged", async () => {
    const { broker, client } = await connected();
    const codec = new HeldCodec();
    const subscription = await client.subscribe("/q", () => undefined, { codec, ack: "client-individual" });
    broker.message(subscription.id, "1");
    broker.message(subscription.id, "2");
    await settled();
    const disconnecting = client.disconnect();
    await settled();
    expect(broker.of("DISCONNECT")).toEqual([]);
    await codec.pass("1");
    await disconnecting;
    expect(settlements(broker)).toEqual(["ACK ack-m-1"]);
    expect([...codec.held.keys()]).toEqual(["1"]);
  });
});

describe("a message that is not valid", () => {
  const modes = ["auto", "client", "client-individual"] as const;
  const versions = ["1.0", "1.1", "1.2"] as const;
  const cases = versions.flatMap((version) => modes.map((ack) => ({ version, ack })));
  const names = (version: string, ids: readonly string[]): string[] =>
    ids.map((id) => (version === "1.2" ? id : id.replace("ack-", "")));

  test.each(cases)('is refused by "nack" where that can be, and told: $ack in $version', async ({ version, ack }) => {
    const { broker, client } = await connected({ session: { versions: [version] } });
    const told = listening(client);
    const seen: number[] = [];
    const subscription = await client.subscribe("/queue/a", ({ value }) => seen.push(value.id), {
      ...CODEC,
      ack,
      nackHeaders: { requeue: false },
    });
    for (const body of ['{"id":1}', "{}", '{"id":3}']) broker.message(subscription.id, body);
    await settled();
    expect(seen).toEqual([1, 3]);
    const error = new TypeError("value is not valid: id: must be a number");
    expect(told).toEqual([{ type: "invalid-message", error, destination: "/queue/a", message: expect.anything() }]);
    const expected =
      ack === "auto"
        ? []
        : version === "1.0"
          ? ["ACK ack-m-1", "ACK ack-m-3"] // it stays with the broker, which is told of the others
          : ["ACK ack-m-1", "NACK ack-m-2", "ACK ack-m-3"];
    expect(settlements(broker)).toEqual(names(version, expected));
    expect(broker.of("NACK").map(({ headers }) => headers.get("requeue"))).toEqual(
      expected.filter((one) => one.startsWith("NACK")).map(() => "false"),
    );
    await client.disconnect();
  });

  test.each(cases)('ends the subscription by "fail" in its place: $ack in $version', async ({ version, ack }) => {
    const { broker, client } = await connected({ session: { versions: [version] } });
    const told = listening(client);
    const subscription = await client.subscribe("/queue/a", { ...CODEC, ack, invalid: "fail" });
    for (const body of ['{"id":1}', "{}", '{"id":3}']) broker.message(subscription.id, body);
    await settled();
    expect((await subscription.next()).value?.value).toEqual({ id: 1 });
    const error = new TypeError("value is not valid: id: must be a number");
    expect(await failure(subscription.next())).toEqual(error);
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
    expect(await failure(subscription.ended)).toEqual(error);
    await settled();
    expect(broker.of("UNSUBSCRIBE")).toHaveLength(1);
    expect(settlements(broker)).toEqual([]);
    const dropped = ack === "auto" ? [{ type: "message-dropped", subscription: subscription.id, count: 1 }] : [];
    expect(told.slice(1, -1)).toEqual(dropped);
    expect(told.at(0)?.type).toBe("invalid-message");
    expect(told.at(-1)).toEqual({
      type: "subscription-failed",
      subscription: subscription.id,
      destination: "/queue/a",
      error,
    });
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test.each(cases)("is for a function to settle: $ack in $version", async ({ version, ack }) => {
    const { broker, client } = await connected({ session: { versions: [version] } });
    const told = listening(client);
    const invalid: InvalidPolicy = async (message, error) => {
      expect(error).toBeInstanceOf(TypeError);
      await client.send("/queue/dead", message.bytes);
      await message.ack();
    };
    const subscription = await client.subscribe("/queue/a", { ...CODEC, ack, invalid });
    for (const body of ["{}", '{"id":2}']) broker.message(subscription.id, body);
    expect((await subscription.next()).value?.value).toEqual({ id: 2 });
    expect(broker.of("SEND").map((frame) => frame.text())).toEqual(["{}"]);
    expect(settlements(broker)).toEqual(ack === "auto" ? [] : names(version, ["ACK ack-m-1"]));
    expect(told.map(({ type }) => type)).toEqual(["invalid-message"]);
    await subscription.unsubscribe();
    await client.disconnect();
  });

  test("is waited for by disconnect and by the next message while a function is at it; its fault is told", async () => {
    const { broker, client } = await connected();
    const told = listening(client);
    const seen: number[] = [];
    const setting = deferred<void>();
    const subscription = await client.subscribe("/q", ({ value }) => seen.push(value.id), {
      ...CODEC,
      invalid: () => setting.promise,
    });
    for (const body of ["{}", '{"id":2}']) broker.message(subscription.id, body);
    await settled();
    expect([seen, subscription.unread]).toEqual([[], 1]);
    setting.reject(new Error("no dead letters today"));
    await settled();
    expect(seen).toEqual([2]);
    expect(told[1]).toEqual({ type: "handler-error", error: new Error("no dead letters today"), destination: "/q" });
    const throwing = await client.subscribe("/q", () => undefined, {
      ...CODEC,
      invalid: () => {
        throw new Error("thrown");
      },
    });
    broker.message(throwing.id, "{}");
    await settled();
    expect(told.at(-1)).toEqual({ type: "handler-error", error: new Error("thrown"), destination: "/q" });
    await client.disconnect();
  });

  test("ends a subscription once, however many are found together", async () => {
    const { broker, client } = await connected();
    const told = listening(client);
    const codec = new HeldCodec();
    const seen: string[] = [];
    const subscription = await client.subscribe("/q", ({ value }) => seen.push(value), {
      codec,
      invalid: "fail",
      concurrency: 3,
    });
    for (const text of ["1", "2", "3", "4"]) broker.message(subscription.id, text);
    await settled();
    await codec.refuse("2");
    await codec.refuse("1");
    await codec.pass("3");
    expect(broker.of("UNSUBSCRIBE")).toHaveLength(1);
    expect(seen).toEqual([]);
    expect(told.map(({ type }) => type)).toEqual([
      "invalid-message",
      "message-dropped", // the one that was not yet decoded
      "subscription-failed",
      "invalid-message",
      "message-dropped", // the one that was decoded too late
    ]);
    await client.disconnect();
  });

  test.each([
    ["text", "out of order", "the codec failed: out of order"],
    ["undefined", undefined, "the codec failed: undefined"],
    ["an object without a prototype", Object.create(null) as unknown, "the codec failed: object"],
    ["a symbol", Symbol("s"), "the codec failed: symbol"],
  ])("may be so by %s that a codec throws or rejects with", async (_, thrown, message) => {
    const { broker, client } = await connected();
    const told = listening(client);
    for (const decode of [
      () => {
        throw thrown;
      },
      () => Promise.reject(thrown),
    ]) {
      const subscription = await client.subscribe("/q", { codec: { decode }, invalid: "fail" });
      broker.message(subscription.id, "x");
      const error = await failure(subscription.next());
      expect(error).toEqual(new TypeError(message));
      expect((error as Error).cause).toBe(thrown);
      expect(told.at(-2)).toMatchObject({ type: "invalid-message", error: thrown });
    }
    await client.disconnect();
  });
});

describe("a subscription that fails", () => {
  test("by an ERROR of the broker is told by status too: a handler has nobody else who hears of it", async () => {
    const { broker, client } = await connected();
    const told = listening(client);
    const subscription = await client.subscribe("/queue/a", () => undefined);
    broker.send("ERROR", { message: "Server cancelled subscription", subscription: subscription.id });
    await settled();
    expect(told).toEqual([
      {
        type: "subscription-failed",
        subscription: subscription.id,
        destination: "/queue/a",
        error: expect.any(ServerError),
      },
    ]);
    await client.disconnect();
  });
});
