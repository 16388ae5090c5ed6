import { describe, expect, test } from "vitest";
import { Broker, type BrokerOptions } from "../../src/broker/index.js";
import { resolveOptions } from "../../src/broker/options.js";

describe("the options of a broker", () => {
  test("have the defaults that their documentation names", () => {
    expect(resolveOptions({})).toMatchObject({
      users: undefined,
      virtualHosts: undefined,
      versions: ["1.2", "1.1", "1.0"],
      heartBeat: { outgoing: 10_000, incoming: 10_000 },
      heartBeatTolerance: 2,
      connectTimeout: 10_000,
      limits: {},
      strict: false,
      store: { messages: 100_000, bytes: 268_435_456, totalBytes: 536_870_912 },
      dialect: { server: "stompede", nack: "requeue", errorsEnd: "always" },
    });
  });

  test.each<[object, string]>([
    [{ heartBeat: { outgoing: -1, incoming: 0 } }, "heartBeat.outgoing must be from 0 to 2147483647 ms, not -1"],
    [{ heartBeat: { outgoing: 0, incoming: "1" } }, "heartBeat.incoming must be a number of ms, not string"],
    [{ heartBeatTolerance: 0.5 }, "heartBeatTolerance must be at least 1, not 0.5"],
    [{ connectTimeout: Infinity }, "connectTimeout must be from 0 to 2147483647 ms, not Infinity"],
    [{ dialect: "qpid" }, "dialect must be one of strict, rabbitmq, activemq, spring, not qpid"],
    [{ dialect: "constructor" }, "dialect must be one of strict, rabbitmq, activemq, spring, not constructor"],
    [{ nack: "drop" }, "nack must be requeue or dead-letter, not drop"],
    [{ versions: [] }, "versions must not be empty"],
    [{ versions: ["1.3"] }, "versions must be of 1.0, 1.1 and 1.2, not 1.3"],
    [{ limits: { headers: 0 } }, "limits.headers must be a positive integer, not 0"],
    [{ store: { messages: 0 } }, "store.messages must be a positive integer, not 0"],
    [{ store: { totalBytes: 1.5 } }, "store.totalBytes must be a positive integer, not 1.5"],
  ])("are refused when they are wrong, as soon as the broker is made: %j", (options, message) => {
    expect(() => new Broker(options as BrokerOptions)).toThrow(message);
  });
});
