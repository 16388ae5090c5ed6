/** A promise is what a call returns, also for what is no option: nothing is thrown in its caller's face. */
import { describe, expect, test } from "vitest";
import { BaseClient } from "../../src/client/client.js";
import { parseHeartBeat } from "../../src/protocol/heart-beat.js";
import { ClientSession, ServerSession, heartBeatHeader } from "../../src/protocol/index.js";
import { connected, failure } from "../support/connected.js";
import { ScriptedBroker } from "../support/scripted-broker.js";
import type { Transaction } from "../../src/client/transactions/transaction.js";

type Call = (client: BaseClient, options: never, transaction: Transaction) => Promise<unknown>;
const noop = () => undefined;

const CALLS: Readonly<Record<string, Call>> = {
  connect: (client, options) => client.connect(options),
  send: (client, options) => client.send("/queue/a", "x", options),
  subscribe: (client, options) => client.subscribe("/queue/a", options),
  "subscribe with a handler": (client, options) => client.subscribe("/queue/a", noop, options),
  begin: (client, options) => client.begin(options),
  transaction: (client, options) => client.transaction(noop, options),
  request: (client, options) => client.request("/queue/a", "x", options),
  respond: (client, options) => client.respond("/queue/a", noop, options),
  sendFrame: (client, options) => client.sendFrame("SEND", { destination: "/queue/a" }, "x", options),
  flush: (client, options) => client.flush(options),
  disconnect: (client, options) => client.disconnect(options),
  "transaction.send": (_, options, transaction) => transaction.send("/queue/a", "x", options),
  "transaction.commit": (_, options, transaction) => transaction.commit(options),
  "transaction.abort": (_, options, transaction) => transaction.abort(options),
};

describe.each(Object.entries(CALLS))("%s", (name, call) => {
  const wrong: [unknown, string][] = [
    [null, "null"],
    [5, "number"],
    ["text", "string"],
    [true, "boolean"],
  ];
  if (name !== "subscribe") wrong.push([noop, "function"]);

  test.each(wrong)("with %o for options rejects, and sends nothing", async (options, kind) => {
    const { broker, client } = await connected();
    const transaction = await client.begin({ receipt: true });
    const before = broker.received.length;
    const call_ = (): Promise<unknown> => call(client, options as never, transaction);
    let returned: Promise<unknown> | undefined;
    expect(() => (returned = call_())).not.toThrow();
    expect(await failure(returned ?? Promise.resolve())).toEqual(
      new TypeError(`options must be an object, not ${kind}`),
    );
    expect(broker.received).toHaveLength(before);
    expect(client.state).toBe("connected");
    await client.disconnect();
  });
});

describe("other arguments that are wrong", () => {
  test.each<[string, (client: BaseClient) => Promise<unknown>, string]>([
    [
      "a receipt that is a number",
      (client) => client.send("/queue/a", "x", { receipt: 5 as never }),
      "receipt must be true or an id that is not empty",
    ],
    [
      "a receipt that is null",
      (client) => client.begin({ receipt: null as never }),
      "receipt must be true or an id that is not empty",
    ],
    ["work that is no function", (client) => client.transaction("x" as never), "work must be a function"],
    ["no work", (client) => client.transaction(undefined as never), "work must be a function"],
    ["no destination", (client) => client.send(undefined as never), "destination must be a string that is not empty"],
    [
      "no destination of a subscription",
      (client) => client.subscribe(null as never),
      "destination must be a string that is not empty",
    ],
    ["no command", (client) => client.sendFrame(null as never), "null is not a command of a client"],
  ])("%s is told by a rejection", async (_, call, message) => {
    const { broker, client } = await connected();
    const before = broker.received.length;
    let returned: Promise<unknown> | undefined;
    expect(() => (returned = call(client))).not.toThrow();
    expect(await failure(returned ?? Promise.resolve())).toEqual(new TypeError(message));
    expect(broker.received).toHaveLength(before);
    await client.disconnect();
  });

  test("undefined stands for no options", async () => {
    const { client } = await connected();
    await client.connect(undefined);
    await client.send("/queue/a", undefined, undefined);
    await client.flush(undefined);
    await (await client.begin(undefined)).commit(undefined);
    await client.disconnect(undefined);
  });
});

describe("a heart-beat that no header can say", () => {
  const MOST = 999_999_999_999;

  test.each([MOST + 1, 1e13, Number.MAX_SAFE_INTEGER])("of %d ms is refused as an option", (ms) => {
    const { dial } = new ScriptedBroker();
    for (const heartBeat of [{ outgoing: ms }, { incoming: ms }]) {
      const error = new RangeError(
        `heart-beats are whole numbers of ms up to ${MOST}, not ${heartBeat.outgoing ?? 10_000},${heartBeat.incoming ?? 10_000}`,
      );
      expect(() => new BaseClient(dial, { heartBeat })).toThrow(error);
      const session = new ClientSession({ heartBeat: { outgoing: 0, incoming: 0, ...heartBeat } });
      expect(() => session.connect({ host: "/" })).toThrow(RangeError);
    }
  });

  test.each([1.5, -1, NaN, Infinity])("as %d, is refused by the sessions too", (ms) => {
    expect(() => heartBeatHeader({ outgoing: ms, incoming: 0 })).toThrow(RangeError);
  });

  test("what a header can say, both sides read", async () => {
    const heartBeat = { outgoing: MOST, incoming: MOST };
    expect(parseHeartBeat(heartBeatHeader(heartBeat))).toEqual(heartBeat);
    const broker = new ScriptedBroker({ session: { heartBeat } });
    const client = new BaseClient(broker.dial, { heartBeat, reconnect: false });
    await client.connect();
    expect(client.session?.heartBeat).toEqual(heartBeat);
    await client.disconnect();
    expect(() => new ServerSession({ heartBeat })).not.toThrow();
  });
});
