import { describe, expect, test } from "vitest";
import { Broker } from "../../src/broker/index.js";
import { VERSIONS } from "../../src/protocol/index.js";
import { RawClient, brief } from "./raw-client.js";

const dialect = "spring";

describe.each(VERSIONS)("Spring's simple broker in STOMP %s", (version) => {
  const versions = [version];

  test("says neither its name nor heart-beats", async () => {
    await using broker = new Broker({ dialect });
    const heartBeat = { outgoing: 1000, incoming: 1000 };
    await using client = await RawClient.connect(broker, { versions, heartBeat });
    const [connected] = client.frames;
    expect(connected?.headers.has("server")).toBe(false);
    expect(connected?.headers.get("heart-beat")).toBe(version === "1.0" ? undefined : "0,0");
  });

  test.each(["stream", "messages"] as const)(
    "answers no receipt over a %s, that of DISCONNECT included",
    async (kind) => {
      await using broker = new Broker({ dialect });
      await using client = await RawClient.connect(broker, { versions, memory: { kind } });
      expect(await client.subscribe("/topic/a", { receipt: "r1" })).toEqual([]);
      expect(brief(await client.tell("SEND", { destination: "/topic/a", receipt: "r2" }, "1"))).toEqual(["1"]);
      expect(await client.tell("UNSUBSCRIBE", { id: "/topic/a", receipt: "r3" })).toEqual([]);
      expect(await client.tell("DISCONNECT", { receipt: "bye" })).toEqual([]);
      expect(client.ended).toEqual({ reason: undefined });
    },
  );

  test("has topics only: all subscribers get all, and what nobody waits for is lost", async () => {
    await using broker = new Broker({ dialect });
    await using one = await RawClient.connect(broker, { versions });
    await using other = await RawClient.connect(broker, { versions });
    await one.send("/queue/a", "0");
    for (const client of [one, other]) await client.subscribe("/queue/a", { ack: "client-individual" });
    expect(broker.subscriptions("/queue/a")).toBe(2);
    await one.tell("SEND", { destination: "/queue/a", "reply-to": "/temp-queue/x" }, "1");
    expect(brief(await other.heard())).toEqual(["1"]);
    expect(other.frames.at(-1)?.headers.get("reply-to")).toBe("/temp-queue/x");
    await other.drop();
    await one.tell("UNSUBSCRIBE", { id: "/queue/a" });
    expect(await one.subscribe("/queue/a")).toEqual([]);
  });

  test("knows no ack mode, and passes over ACK and transactions", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker, { versions });
    await client.subscribe("/topic/a", { id: "s", ack: "client", "prefetch-count": "1" });
    await client.tell("BEGIN", { transaction: "t" });
    await client.tell("SEND", { destination: "/topic/a", transaction: "t" }, "1");
    await client.tell("ABORT", { transaction: "t" });
    await client.send("/topic/a", "2");
    const heard = client.frames.slice(1);
    expect(brief(heard)).toEqual(["1", "2"]);
    expect(heard.map(({ headers }) => headers.has("ack"))).toEqual([false, false]);
    expect(broker.connections[0]?.unacknowledged).toBe(0);
    await client.settle("ACK", heard[0]);
    await client.tell("COMMIT", { transaction: "none" });
    expect(client.frames).toHaveLength(3);
    expect(client.ended).toBeUndefined();
  });

  test("ends the connection after an ERROR", async () => {
    await using broker = new Broker({ dialect });
    await using client = await RawClient.connect(broker, { versions });
    broker.connections[0]?.error({ message: "no" });
    expect(brief(await client.heard())).toEqual(["ERROR no"]);
    expect(client.ended).toEqual({ reason: undefined });
  });
});
