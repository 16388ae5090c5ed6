import { describe, expect, test } from "vitest";
import { BaseClient } from "../../../src/client/client.js";
import { InvalidStateError, ServerError } from "../../../src/errors.js";
import { connected, failure } from "../../support/connected.js";
import { ScriptedBroker, settled } from "../../support/scripted-broker.js";
import { take } from "../../support/take.js";

describe("subscribe", () => {
  test("makes an id, and passes the ack mode and any header on", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", {
      ack: "client-individual",
      headers: { selector: "a = 'b:c'", "prefetch-count": 5 },
    });
    await settled();
    expect([...(broker.of("SUBSCRIBE")[0]?.headers ?? [])]).toEqual([
      ["destination", "/queue/a"],
      ["id", subscription.id],
      ["ack", "client-individual"],
      ["selector", "a = 'b:c'"],
      ["prefetch-count", "5"],
      ["activemq.prefetchSize", "100"], // the default; the broker does not say what it is
      ["consumer-window-size", "20000"],
    ]);
    await client.disconnect();
  });

  test("takes a given id, and never twice on a connection", async () => {
    const { client } = await connected();
    const mine = await client.subscribe("/queue/a", { id: "mine" });
    await expect(client.subscribe("/queue/b", { id: "mine" })).rejects.toThrow(
      new InvalidStateError('subscription id "mine" is in use'),
    );
    await mine.unsubscribe();
    await expect(client.subscribe("/queue/b", { id: "mine" })).rejects.toThrow(
      'subscription id "mine" was used before on this connection',
    );
    await client.disconnect();
    await client.connect();
    await client.subscribe("/queue/b", { id: "mine" });
    await client.disconnect();
  });

  test("is iterated in order, and leaving the loop unsubscribes", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a");
    for (const text of ["1", "2", "3", "4"]) broker.message(subscription.id, text);
    const seen: string[] = [];
    for await (const message of subscription) {
      seen.push(message.text());
      if (seen.length === 3) break;
    }
    expect(seen).toEqual(["1", "2", "3"]);
    await settled();
    expect(broker.of("UNSUBSCRIBE").map(({ headers }) => headers.get("id"))).toEqual([subscription.id]);
    expect(subscription.isLive).toBe(false);
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
    await client.disconnect();
  });

  test("a handler gets the messages in order, without being asked for", async () => {
    const { broker, client } = await connected();
    const seen: unknown[] = [];
    const subscription = await client.subscribe("/queue/a", (message) => seen.push(message.json()));
    broker.message(subscription.id, '{"n":1}');
    broker.message(subscription.id, "[2]");
    await settled();
    expect(seen).toEqual([{ n: 1 }, [2]]);
    await expect(subscription.next()).rejects.toThrow(
      `subscription ${subscription.id} has a handler: it cannot be iterated`,
    );
    await client.disconnect();
  });

  test("with receipt waits for the broker's word, and hears messages that come before it", async () => {
    const { broker, client } = await connected({ receipts: false });
    const subscribing = client.subscribe("/queue/a", { receipt: "r", id: "a" });
    await settled();
    broker.message("a", "early");
    broker.send("RECEIPT", { "receipt-id": "r" });
    const subscription = await subscribing;
    expect((await take(subscription)).text()).toBe("early");
    await client.disconnect({ timeout: 1 });
  });

  test("that the broker refuses by receipt rejects, and its id is gone", async () => {
    const { broker, client } = await connected({ receipts: false });
    const refused = failure(client.subscribe("/queue/closed", { receipt: "r", id: "a" }));
    await settled();
    broker.send("ERROR", { message: "access_refused", "receipt-id": "r" });
    expect(await refused).toBeInstanceOf(ServerError);
    broker.message("a", "ghost");
    await settled();
    expect(client.metrics().messagesDropped).toBe(1);
    expect(broker.of("UNSUBSCRIBE")).toEqual([]); // there is nothing to end, and strict brokers end the session over it
    await client.disconnect({ timeout: 1 });
  });

  test("whose headers cannot be written rejects, sends nothing, and its id can be used at once", async () => {
    const { broker, client } = await connected();
    const bad = { id: "a", headers: { selector: "a\0b" } };
    for (const receipt of [true, false]) {
      expect(await failure(client.subscribe("/queue/a", { ...bad, receipt }))).toBeInstanceOf(Error);
    }
    expect(broker.received).toHaveLength(1);
    await client.subscribe("/queue/a", { id: "a" });
    expect(client.metrics().subscriptions).toBe(1);
    await client.disconnect();
  });

  test("without a connection waits for one", async () => {
    const broker = new ScriptedBroker();
    const client = new BaseClient(broker.dial, { heartBeat: false });
    const subscription = await client.subscribe("/queue/a");
    await expect(client.subscribe("/queue/b", { receipt: true })).rejects.toThrow(
      "SUBSCRIBE to /queue/b with a receipt needs a connection, the client is disconnected",
    );
    await client.connect();
    await settled();
    broker.message(subscription.id, "hello");
    expect((await take(subscription)).text()).toBe("hello");
    await client.disconnect();
  });

  test.each([
    ["", {}, "destination must be a string that is not empty"],
    ["/a", { ack: "sometimes" }, 'ack must be "auto" or "client" or "client-individual", not "sometimes"'],
    ["/a", { id: "" }, "id must be a string that is not empty"],
    ["/a", { concurrency: 0 }, "concurrency must be at least 1, not 0"],
    ["/a", { headers: { id: "x" } }, 'header "id" of SUBSCRIBE has an argument or option of its own'],
  ])("refuses %o %o", async (destination, options, message) => {
    const { broker, client } = await connected();
    expect(await failure(client.subscribe(destination, options as never))).toMatchObject({ message });
    expect(broker.of("SUBSCRIBE")).toEqual([]);
    await client.disconnect();
  });

  test("in 1.0 a MESSAGE without a subscription header goes by its destination", async () => {
    const { broker, client } = await connected({ session: { versions: ["1.0"] } });
    const subscription = await client.subscribe("/queue/a");
    broker.send("MESSAGE", { "message-id": "1", destination: "/queue/a" }, "x");
    expect((await take(subscription)).text()).toBe("x");
    await client.disconnect();
  });
});
