import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { memoryPair } from "../../../src/adapters/memory.js";
import { BaseClient } from "../../../src/client/client.js";
import type { NamedDial } from "../../../src/client/reconnecting/named-dial.js";
import type { ClientOptions } from "../../../src/client/options/options.js";
import type { Status } from "../../../src/client/observing/status.js";
import { Client, type ConnectOptions, type Target, connect } from "../../../src/connect.js";
import { ConnectError, ServerError } from "../../../src/errors.js";
import type { Transport } from "../../../src/transport.js";
import { failure } from "../../support/connected.js";
import { ScriptedBroker, settled } from "../../support/scripted-broker.js";
import { statusesOf } from "../../support/statuses.js";
import { FakeWebSocket } from "../../support/web-socket-fake.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

const PATIENT: ClientOptions = { heartBeat: false, reconnect: () => 1000 };

/** Targets named after their place, and the broker behind each; one that is not there cannot be dialled. */
function targets(...brokers: (ScriptedBroker | undefined)[]): NamedDial[] {
  return brokers.map((broker, index) => ({
    name: `target-${index + 1}`,
    dial: broker?.dial ?? (() => Promise.reject(new Error("down"))),
  }));
}

function refusing(): ScriptedBroker {
  return new ScriptedBroker({
    welcome: false,
    onFrame: (_frame, self) => self.send("ERROR", { message: "no" }),
  });
}

/** The targets that were tried, in their order. */
function tried(told: readonly Status[]): string[] {
  return told.flatMap((status) => (status.type === "connecting" ? [status.target] : []));
}

describe("several targets", () => {
  const silent = new ScriptedBroker({ welcome: false });
  test.each<[string, ScriptedBroker | undefined, number]>([
    ["cannot be dialled", undefined, 0],
    ["refuses CONNECT", refusing(), 0],
    [
      "ends the connection",
      new ScriptedBroker({ welcome: false, onFrame: (_, self) => void self.transport.close() }),
      0,
    ],
    ["does not answer in time", silent, 300],
  ])("are tried in their order: the second when the first %s", async (_why, first, time) => {
    const second = new ScriptedBroker();
    const third = new ScriptedBroker();
    const client = new BaseClient(targets(first, second, third), { ...PATIENT, connectTimeout: 300 });
    const told = statusesOf(client);
    const connecting = client.connect();
    await vi.advanceTimersByTimeAsync(time);
    await connecting;
    expect(tried(told)).toEqual(["target-1", "target-2"]);
    expect(third.dialled).toBe(0);
    if (first !== undefined) await first.gone; // nothing is left open
    await client.disconnect();
  });

  test("each have the whole time of an attempt", async () => {
    const brokers = [1, 2].map(() => new ScriptedBroker({ welcome: false }));
    const client = new BaseClient(targets(...brokers), { ...PATIENT, connectTimeout: 300 });
    const connecting = client.connect();
    await vi.advanceTimersByTimeAsync(300 + 299);
    brokers[1]?.welcome();
    await connecting;
    await client.disconnect();
  });

  test("that all fail are one error, which names each", async () => {
    const client = new BaseClient(targets(undefined, refusing()), { heartBeat: false });
    const error = await failure(client.connect());
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({
      stage: "handshake",
      message:
        "none of 2 targets gave a session: could not connect to target-1: down; memory: refused the connection: no; check login, passcode and host",
    });
    const { cause } = error as ConnectError;
    expect(cause).toBeInstanceOf(AggregateError);
    expect((cause as AggregateError).errors).toMatchObject([{ stage: "dial" }, { cause: { code: "server" } }]);
  });

  test.each<[string, NamedDial[], ClientOptions]>([
    ["dial", targets(undefined, undefined), {}],
    ["prepare", targets(undefined, undefined), { credentials: () => Promise.reject(new Error("no")) }],
  ])("that all fail tell how far any came: %s", async (stage, endpoints, options) => {
    expect(await failure(new BaseClient(endpoints, options).connect())).toMatchObject({ stage });
  });

  test("are gone through once for each attempt, from the first on, with a wait in between", async () => {
    const broker = new ScriptedBroker();
    let isUp = true;
    const client = new BaseClient(
      [
        { name: "target-1", dial: () => Promise.reject(new Error("down")) },
        { name: "target-2", dial: (signal) => (isUp ? broker.dial(signal) : Promise.reject(new Error("down"))) },
      ],
      PATIENT,
    );
    await client.connect();
    const told = statusesOf(client);
    isUp = false;
    broker.transport.abort(new Error("cable cut"));
    await vi.advanceTimersByTimeAsync(1000);
    isUp = true;
    await vi.advanceTimersByTimeAsync(1000);
    expect(told.map((status) => (status.type === "connecting" ? status.target : status.type))).toEqual([
      "disconnected",
      "reconnecting",
      "target-1",
      "target-2",
      "reconnecting",
      "target-1",
      "target-2",
      "connected",
    ]);
    await client.disconnect();
  });

  test("are shuffled anew each time when asked to, each tried once", async () => {
    const chance = vi.spyOn(Math, "random");
    const draw = (...drawn: number[]): void => drawn.forEach((number) => void chance.mockReturnValueOnce(number));
    const client = new BaseClient(targets(undefined, undefined, undefined), {
      ...PATIENT,
      targetOrder: "shuffled",
      retryFirstConnect: true,
    });
    const told = statusesOf(client);
    draw(0.9, 0.1, 0.5);
    const connecting = failure(client.connect());
    await settled();
    draw(0.2, 0.8, 0.1);
    await vi.advanceTimersByTimeAsync(1000);
    chance.mockRestore();
    await client.disconnect();
    await connecting;
    expect(tried(told)).toEqual(["target-2", "target-3", "target-1", "target-3", "target-1", "target-2"]);
  });

  test("are given up together when each has refused CONNECT so many times in a row", async () => {
    const brokers = [refusing(), refusing()];
    const client = new BaseClient(targets(...brokers), {
      ...PATIENT,
      reconnect: () => 0,
      retryFirstConnect: true,
      refusalLimit: 2,
    });
    const connecting = failure(client.connect());
    await vi.advanceTimersByTimeAsync(1000);
    expect(await connecting).toBeInstanceOf(ConnectError);
    expect(brokers.map(({ dialled }) => dialled)).toEqual([2, 2]);
    expect(client.state).toBe("disconnected");
  });

  test("are asked for credentials one by one, and told what the one before said", async () => {
    const asked: unknown[] = [];
    const client = new BaseClient(targets(refusing(), new ScriptedBroker()), {
      ...PATIENT,
      credentials: ({ attempt, lastError }) => {
        const { cause } = lastError ?? {};
        asked.push([attempt, cause instanceof ServerError ? cause.message : lastError]);
        return {};
      },
    });
    await client.connect();
    expect(asked).toEqual([
      [0, undefined],
      [0, "no"],
    ]);
    await client.disconnect();
  });

  test("are not tried after the signal", async () => {
    const controller = new AbortController();
    const second = new ScriptedBroker();
    const client = new BaseClient(
      [
        {
          name: "target-1",
          dial: () => {
            controller.abort("enough");
            return Promise.reject(new Error("down"));
          },
        },
        ...targets(second),
      ],
      PATIENT,
    );
    await expect(client.connect({ signal: controller.signal })).rejects.toBe("enough");
    expect(second.dialled).toBe(0);
  });

  test("must be at least one, and the order a known one", () => {
    expect(() => new BaseClient([])).toThrow(new TypeError("there is no target"));
    expect(() => new Client([])).toThrow(new TypeError("there is no target"));
    expect(() => new BaseClient([{ name: "x", dial: undefined as never }])).toThrow(
      new TypeError("dial must be a function"),
    );
    expect(() => new BaseClient(targets(undefined), { targetOrder: "random" as never })).toThrow(
      new TypeError('targetOrder must be "given" or "shuffled", not "random"'),
    );
  });
});

describe("a target", () => {
  /** Options by which URLs are dialled in memory: those that were, and sockets that say CONNECTED. */
  function dialled(): { urls: string[]; options: ConnectOptions } {
    const urls: string[] = [];
    const factory = (url: string): FakeWebSocket => {
      urls.push(url);
      const socket: FakeWebSocket = new FakeWebSocket({
        onSend: () => {
          if (socket.sent.length === 0) answer();
        },
        onClose: () => {
          queueMicrotask(() => {
            socket.fire("close", { code: 1000 });
          });
        },
      });
      const answer = (): void => {
        queueMicrotask(() => {
          socket.fire("message", { data: "CONNECTED\nversion:1.2\n\n\0" });
        });
      };
      queueMicrotask(() => {
        socket.fire("open");
      });
      return socket;
    };
    return { urls, options: { ...PATIENT, disconnectTimeout: 1, webSocket: { factory } } };
  }

  async function disconnect(client: Client): Promise<void> {
    const disconnecting = client.disconnect();
    await vi.advanceTimersByTimeAsync(1);
    await disconnecting;
  }

  test.each<[string, (url: string) => Target]>([
    ["a text", (url) => url],
    ["a URL", (url) => new URL(url)],
    ["a function that gives a text", (url) => () => url],
    ["a function that gives a URL", (url) => () => new URL(url)],
    ["a function that gives a text later", (url) => () => Promise.resolve(url)],
  ])("is %s", async (_what, target) => {
    const { urls, options } = dialled();
    const client = await connect(target("ws://broker.example/ws"), options);
    expect(urls).toEqual(["ws://broker.example/ws"]);
    await disconnect(client);
  });

  test("that is a function is asked at each attempt", async () => {
    const { urls, options } = dialled();
    let token = 0;
    const client = await connect(() => `ws://broker.example/ws?token=${++token}`, options);
    const renewed = client.reconnect();
    await vi.advanceTimersByTimeAsync(1);
    await renewed;
    expect(urls).toEqual(["ws://broker.example/ws?token=1", "ws://broker.example/ws?token=2"]);
    await disconnect(client);
  });

  test.each<[string, (transport: Transport) => Transport | Promise<Transport>]>([
    ["at once", (transport) => transport],
    ["later", (transport) => Promise.resolve(transport)],
  ])("may be a dial of one's own, which gives a transport %s", async (_when, give) => {
    const [ours, theirs] = memoryPair();
    const client = new Client(() => give(ours), PATIENT);
    const connecting = client.connect();
    await settled();
    theirs.start({ data: () => undefined, closed: () => undefined });
    theirs.send("CONNECTED\nversion:1.2\n\n\0");
    await connecting;
    void theirs.close();
    await settled();
    await client.disconnect();
  });

  test.each<[string, unknown, string]>([
    ["fails", new Error("no address"), "could not connect to the broker: no address"],
    [
      "gives no URL",
      "broker.example",
      "could not connect to the broker: target is not a valid URL: write it as ws://host:15674/ws or stomp://host:61613",
    ],
    [
      "gives an unknown scheme",
      "http://broker.example",
      "could not connect to the broker: target has the scheme http:, known are ws: wss: stomp: stomp+ssl: tcp: ssl:",
    ],
    ["gives nothing", undefined, "could not connect to the broker: the dial did not resolve to a Transport"],
    ["gives something else", { host: "x" }, "could not connect to the broker: the dial did not resolve to a Transport"],
  ])("that is a function and %s fails the attempt", async (_how, answer, message) => {
    const client = new Client(() => (answer instanceof Error ? Promise.reject(answer) : (answer as string)), {
      heartBeat: false,
    });
    expect(await failure(client.connect())).toMatchObject({ code: "connect", stage: "dial", message });
    expect(client.state).toBe("disconnected");
  });

  test("is told of without what may be a secret", async () => {
    const { options } = dialled();
    const client = new Client("ws://ann:hush@broker.example/ws?token=hush", options);
    const told = statusesOf(client);
    await failure(client.connect());
    expect(tried(told)).toEqual(["ws://broker.example/ws"]);
    await disconnect(client);
  });

  test.each<[Target, string]>([
    ["broker.example", "target is not a valid URL: write it as ws://host:15674/ws or stomp://host:61613"],
    ["http://broker.example", "target has the scheme http:, known are ws: wss: stomp: stomp+ssl: tcp: ssl:"],
  ])("%s is refused before anything is opened", async (target, message) => {
    expect(() => new Client(target)).toThrow(new TypeError(message));
    await expect(connect(["ws://broker.example", target])).rejects.toThrow(new TypeError(message));
  });
});
