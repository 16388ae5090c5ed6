import { describe, expect, test } from "vitest";
import { brokerKindOf } from "../../../src/protocol/broker-kinds.js";
import { connected, failure } from "../../support/connected.js";
import { settled } from "../../support/scripted-broker.js";

const RABBIT = ["prefetch-count", 7];
const ACTIVE = ["activemq.prefetchSize", 7];

describe("the header that bounds what a broker sends ahead", () => {
  test.each([
    ["RabbitMQ/4.1.0", [RABBIT]],
    ["ActiveMQ/6.1.2", [ACTIVE]],
    ["ActiveMQ-Artemis/2.30.0 ActiveMQ Artemis Messaging Engine", [["consumer-window-size", 7168]]],
    ["rabbitmq/4", [RABBIT, ACTIVE]],
    [undefined, [RABBIT, ACTIVE]],
  ])("is the one that the broker knows, or both: %s", (server, expected) => {
    expect(brokerKindOf(server).prefetch(7)).toEqual(expected);
  });
});

test("a prefetch of one is a window of none on Artemis: one message at a time", () => {
  expect(brokerKindOf("ActiveMQ-Artemis/2.56.0").prefetch(1)).toEqual([["consumer-window-size", 0]]);
});

describe("prefetch", () => {
  test("is written into SUBSCRIBE as the broker wants it, in each session anew", async () => {
    const { broker, client } = await connected({ connected: { server: "RabbitMQ/4.1.0" } }, { reconnect: () => 0 });
    await client.subscribe("/queue/a", { prefetch: 5, ack: "client", id: "a" });
    await client.subscribe("/queue/b", { id: "b" });
    await client.reconnect();
    await settled();
    expect(broker.of("SUBSCRIBE").map(({ headers }) => [headers.get("id"), headers.get("prefetch-count")])).toEqual([
      ["a", "5"],
      ["b", undefined],
      ["a", "5"],
      ["b", undefined],
    ]);
    expect(broker.of("SUBSCRIBE").some(({ headers }) => headers.has("activemq.prefetchSize"))).toBe(false);
    await client.disconnect();
  });

  test("is written once where the caller has given the header", async () => {
    const { broker, client } = await connected({ connected: { server: "RabbitMQ/4.1.0" } });
    await client.subscribe("/queue/a", { prefetch: 5, ack: "client", headers: { "prefetch-count": 3 } });
    await settled();
    expect(broker.of("SUBSCRIBE")[0]?.headers.all("prefetch-count")).toEqual(["3"]);
    await client.disconnect();
  });

  test("and the other headers are sent in each session as they were given in the first place", async () => {
    const { broker, client } = await connected({ connected: { server: "ActiveMQ/6.1.2" } }, { reconnect: () => 0 });
    const headers = new Map([["selector", "a = 1"]]);
    await client.subscribe("/queue/a", { prefetch: 5, headers });
    headers.set("selector", "a = 2");
    await client.subscribe("/queue/b", { headers: headers.entries() }); // which can be gone through once
    await client.reconnect();
    await settled();
    const sent = broker
      .of("SUBSCRIBE")
      .map(({ headers: all }) => [all.get("selector"), all.get("activemq.prefetchSize")]);
    expect(sent).toEqual([
      ["a = 1", "5"],
      ["a = 2", undefined],
      ["a = 1", "5"],
      ["a = 2", undefined],
    ]);
    await client.disconnect();
  });

  test.each([0, -1, 1.5, Number.NaN, Infinity, "5"])("must be a number of messages, not %o", async (prefetch) => {
    const { broker, client } = await connected();
    expect(await failure(client.subscribe("/queue/a", { prefetch: prefetch as number }))).toEqual(
      new RangeError(`prefetch must be a whole number, 1 or more, not ${prefetch}`),
    );
    expect(broker.of("SUBSCRIBE")).toEqual([]);
    await client.disconnect();
  });
});
