import { describe, expect, test } from "vitest";
import type { Status } from "../../../src/client/observing/status.js";
import { ConnectionLostError, ServerError } from "../../../src/errors.js";
import { connected, failure } from "../../support/connected.js";
import { settled } from "../../support/scripted-broker.js";
import { take } from "../../support/take.js";

describe("the end of a subscription", () => {
  test("by unsubscribe: with receipt and headers; messages still on their way are counted and dropped", async () => {
    const { broker, client } = await connected();
    const told: Status[] = [];
    client.onStatus((status) => told.push(status));
    const subscription = await client.subscribe("/queue/a");
    await subscription.unsubscribe({ receipt: "r", headers: { durable: true } });
    await subscription.unsubscribe();
    expect(broker.of("UNSUBSCRIBE").map(({ headers }) => [...headers])).toEqual([
      [
        ["id", subscription.id],
        ["durable", "true"],
        ["receipt", "r"],
      ],
    ]);
    broker.message(subscription.id, "late");
    await settled();
    expect(told).toEqual([{ type: "message-dropped", subscription: subscription.id, count: 1 }]);
    expect(client.metrics().messagesDropped).toBe(1);
    await subscription.ended;
    await client.disconnect();
  });

  test("by an ERROR that names it: what came is read first, then the error", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a");
    const other = await client.subscribe("/queue/b");
    broker.message(subscription.id, "last");
    broker.send("ERROR", { message: "Server cancelled subscription", subscription: subscription.id });
    await settled();
    expect((await take(subscription)).text()).toBe("last");
    await expect(subscription.next()).rejects.toThrow("Server cancelled subscription");
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
    await expect(subscription.ended).rejects.toBeInstanceOf(ServerError);
    expect(other.isLive).toBe(true);
    await client.disconnect();
    await other.ended;
  });

  test("by the loss of the connection: a waiting reader is told", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a");
    const waiting = failure(subscription.next());
    broker.transport.abort(new Error("cable cut"));
    expect(await waiting).toBeInstanceOf(ConnectionLostError);
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
    await subscription[Symbol.asyncDispose]();
    expect(client.state).toBe("disconnected");
  });

  test("by disconnect: the iteration is simply over", async () => {
    const { client } = await connected();
    const subscription = await client.subscribe("/queue/a");
    const waiting = subscription.next();
    await client.disconnect();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await subscription.ended;
  });

  test("what arrived before the peer closed is delivered before the end", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a");
    broker.message(subscription.id, "1");
    broker.message(subscription.id, "2");
    void broker.transport.close();
    await broker.gone;
    await settled();
    expect((await take(subscription)).text()).toBe("1");
    expect((await take(subscription)).text()).toBe("2");
    await expect(subscription.next()).rejects.toThrow("connection to memory: lost: the peer closed the connection");
  });
});
