import { describe, expect, test } from "vitest";
import { connected } from "../support/connected.js";
import { settled } from "../support/scripted-broker.js";
import { take } from "../support/take.js";

/** Headers that can be gone through once. */
const once = (): IterableIterator<[string, string]> => new Map([["a", "b"]]).entries();

describe("headers that can be gone through once go out", () => {
  test("with every frame of a caller's", async () => {
    const { broker, client } = await connected();
    const subscription = await client.subscribe("/queue/a", { ack: "client-individual", headers: once() });
    await client.send("/queue/a", "x", { headers: once() });
    const transaction = await client.begin({ headers: once() });
    await transaction.send("/queue/a", "x", { headers: once() });
    await transaction.commit({ headers: once() });
    await client.sendFrame("SEND", [["destination", "/queue/a"], ...once()]);
    broker.message(subscription.id, "1");
    await (await take(subscription)).ack();
    await subscription.unsubscribe({ headers: once() });
    await client.disconnect({ headers: once() });
    const without = broker.received.filter(({ headers }) => headers.get("a") !== "b").map(({ command }) => command);
    expect(without).toEqual(["CONNECT", "ACK"]);
  });

  test.each(["given", "asked for"])("with the CONNECT of each session, where they are %s", async (how) => {
    const options = { reconnect: () => 0, headers: how === "given" ? once() : once };
    const { broker, client } = await connected({}, options);
    await client.reconnect();
    await settled();
    expect(broker.of("CONNECT").map(({ headers }) => headers.get("a"))).toEqual(["b", "b"]);
    await client.disconnect();
  });
});
