import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import process from "node:process";
import { json } from "../../../src/client/messages/codec.js";
import { deferred } from "../../../src/internal/deferred.js";
import { connected, failure } from "../../support/connected.js";
import { order } from "../../support/schemas.js";
import { settled } from "../../support/scripted-broker.js";

const unhandled: unknown[] = [];
const warned: string[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);
let others: NodeJS.UnhandledRejectionListener[] = [];

beforeEach(() => {
  unhandled.length = 0;
  warned.length = 0;
  vi.spyOn(console, "warn").mockImplementation((text: string) => void warned.push(text));
  others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", note);
});
afterEach(() => {
  process.off("unhandledRejection", note);
  for (const other of others) process.on("unhandledRejection", other);
  vi.restoreAllMocks();
});

/** Unhandled rejections are told after the microtasks. */
async function told(): Promise<readonly unknown[]> {
  await settled();
  await new Promise((resolve) => setImmediate(resolve));
  return unhandled.map((error) => (error instanceof Error ? error.message : error));
}

const INVALID = "value is not valid: id: must be a number";

describe("without a status listener", () => {
  test("a message that is not valid is a warning, with nothing of the message in it: it must not end the process", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/q", { codec: json(order) });
    const next = subscription.next();
    broker.message(subscription.id, "{}");
    broker.message(subscription.id, '{"id":2}');
    await next;
    expect(await told()).toEqual([]);
    expect(warned).toEqual([
      "stompede: a message of the subscription to /q has no valid value (TypeError); " +
        'the option "invalid" says what happens to it; client.onStatus(listener) reports this, and a listener silences the warning',
    ]);
    await client.disconnect();
  });

  test("a policy that is a function has heard of it", async () => {
    const { broker, client } = await connected();
    const heard: unknown[] = [];
    const subscription = await client.subscribe("/q", () => undefined, {
      codec: json(order),
      invalid: (_, error) => heard.push(error),
    });
    broker.message(subscription.id, "{}");
    expect(await told()).toEqual([]);
    expect(heard).toEqual([new TypeError(INVALID)]);
    expect(warned).toEqual([]);
    await client.disconnect();
  });

  test("the failure of a subscription is a warning, unless it is iterated", async () => {
    const { broker, client } = await connected();
    const options = { codec: json(order), invalid: "fail" } as const;
    const iterated = await client.subscribe("/q", options);
    broker.message(iterated.id, "{}");
    expect(await failure(iterated.next())).toEqual(new TypeError(INVALID));
    expect(warned).toEqual([]);
    const handled = await client.subscribe("/q", () => undefined, options);
    broker.message(handled.id, "{}");
    expect(await told()).toEqual([]);
    expect(warned).toEqual([
      "stompede: the subscription to /q has ended, its handler gets no more messages (TypeError); " +
        "client.onStatus(listener) reports this, and a listener silences the warning",
    ]);
    await client.disconnect();
  });
});

describe("without a status listener, what a peer sends ends no process", () => {
  const WARNING =
    "stompede: a message of the subscription to /q could not be acknowledged or answered (TypeError); " +
    "client.onStatus(listener) reports this, and a listener silences the warning";

  test("when it asks for a reply to nowhere", async () => {
    const { broker, client } = await connected();
    let requests = 0;
    const subscription = await client.respond("/q", () => String(++requests));
    broker.send("MESSAGE", { subscription: subscription.id, "message-id": "1", destination: "/q", "reply-to": "" });
    expect(await told()).toEqual([]);
    expect([requests, broker.of("SEND"), warned]).toEqual([1, [], []]);
    await client.disconnect();
  });

  test("when it asks for a reply that cannot be written", async () => {
    const { broker, client } = await connected({ session: { versions: ["1.1"] } });
    const subscription = await client.respond("/q", () => "x");
    const request = "message-id:1\ndestination:/q\nreply-to:/queue/a\ncorrelation-id:a\rb";
    broker.transport.send(`MESSAGE\nsubscription:${subscription.id}\n${request}\n\n\0`);
    expect(await told()).toEqual([]);
    expect(warned).toEqual([WARNING]);
    await client.disconnect();
  });

  test("when it is gone before its request is answered", async () => {
    const { broker, client } = await connected({}, { reconnect: false });
    const go = deferred<string>();
    const subscription = await client.respond("/q", () => go.promise);
    broker.send("MESSAGE", { subscription: subscription.id, "message-id": "1", destination: "/q", "reply-to": "/a" });
    await settled();
    broker.transport.abort(new Error("cable cut"));
    go.resolve("late");
    expect(await told()).toEqual([]);
    expect(warned).toHaveLength(1);
  });

  test("when a message cannot be acknowledged as it is named", async () => {
    const { broker, client } = await connected({ session: { versions: ["1.1"] } });
    const subscription = await client.subscribe("/q", () => undefined, { ack: "client" });
    broker.transport.send(`MESSAGE\nsubscription:${subscription.id}\nmessage-id:a\rb\ndestination:/q\n\n\0`);
    expect(await told()).toEqual([]);
    expect(warned).toEqual([WARNING]);
    await client.disconnect();
  });

  test("but the fault of a responder itself is an unhandled rejection", async () => {
    const { broker, client } = await connected();
    const subscription = await client.respond("/q", () => {
      throw new Error("bad responder");
    });
    broker.send("MESSAGE", { subscription: subscription.id, "message-id": "1", destination: "/q", "reply-to": "/a" });
    expect(await told()).toEqual(["bad responder"]);
    await client.disconnect();
  });
});

describe("a listener that throws", () => {
  test("is reported, and harms neither the others nor the client", async () => {
    const { broker, client } = await connected();
    const heard: string[] = [];
    const noStatus = client.onStatus(() => {
      throw new Error("bad status listener");
    });
    client.onStatus(({ type }) => heard.push(type));
    const noFrames = client.onFrame(() => {
      throw new Error("bad frame listener");
    });
    client.onFrame(({ frame }) => heard.push(frame.command));
    broker.send("ERROR", { message: "oh" });
    expect(await told()).toEqual(["bad frame listener", "bad status listener"]);
    expect(heard).toEqual(["ERROR", "server-error"]);
    noStatus();
    noFrames();
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test("is a listener all the same: what it was told is no unhandled rejection besides", async () => {
    const { broker, client } = await connected();
    client.onStatus(() => undefined);
    const subscription = await client.subscribe("/q", () => {
      throw new Error("bad handler");
    });
    broker.message(subscription.id, "x");
    expect(await told()).toEqual([]);
    await client.disconnect();
  });
});
