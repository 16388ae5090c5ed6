import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DialClient } from "../../../src/client/client.js";
import type { ClientOptions } from "../../../src/client/options/options.js";
import type { ReconnectPolicy } from "../../../src/client/options/reconnect-policy.js";
import type { Status } from "../../../src/client/observing/status.js";
import {
  ConnectError,
  ConnectionLostError,
  InvalidStateError,
  ServerError,
  StompError,
  TransactionError,
} from "../../../src/errors.js";
import { connected, failure } from "../../support/connected.js";
import { ScriptedBroker, settled } from "../../support/scripted-broker.js";
import { statusesOf } from "../../support/statuses.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

const EVERY_SECOND: ReconnectPolicy = () => 1000;
const PATIENT: ClientOptions = { heartBeat: false, reconnect: EVERY_SECOND };

/** A client that is connected by a policy of one attempt a second. */
function kept(options: ClientOptions = {}): Promise<{ broker: ScriptedBroker; client: DialClient }> {
  return connected({}, { ...PATIENT, ...options });
}

/** Break the connection as a network does. */
async function cut(broker: ScriptedBroker): Promise<void> {
  broker.transport.abort(new Error("cable cut"));
  await settled();
}

describe("a lost connection", () => {
  test("is made again after the delay of the policy, and all of it is told", async () => {
    const { broker, client } = await kept();
    const told = statusesOf(client);
    await cut(broker);
    expect(client.state).toBe("reconnecting");
    expect(client.session).toBeUndefined();
    await vi.advanceTimersByTimeAsync(999);
    expect(broker.dialled).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(client.state).toBe("connected");
    const message = "connection to memory: lost: the peer dropped the connection";
    expect(told).toMatchObject([
      { type: "disconnected", reason: { code: "connection-lost", outcome: "unknown", message }, reconnects: true },
      { type: "reconnecting", attempt: 1, delay: 1000, error: { message } },
      { type: "connecting", target: "the broker", attempt: 1 },
      { type: "connected", version: "1.2" },
    ]);
    expect(client.metrics()).toMatchObject({ connects: 2, reconnects: 1 });
    await client.disconnect();
  });

  test("is not made again without a policy: the subscriptions end with the reason", async () => {
    const { broker, client } = await connected();
    const told = statusesOf(client);
    const subscription = await client.subscribe("/queue/a");
    await cut(broker);
    const reason = await failure(subscription.next());
    expect(reason).toBeInstanceOf(ConnectionLostError);
    expect(told).toEqual([{ type: "disconnected", reason, reconnects: false }]);
    await expect(client.send("/queue/a", "x")).rejects.toMatchObject({
      message: "SEND was not sent: connection to memory: lost: the peer dropped the connection",
      outcome: "not-sent",
      cause: reason,
    });
  });

  test("leaves nothing to send on until it is made again", async () => {
    const { broker, client } = await kept();
    await cut(broker);
    await expect(client.send("/queue/a", "x")).rejects.toMatchObject({ code: "connection-lost", outcome: "not-sent" });
    await vi.advanceTimersByTimeAsync(1000);
    await client.send("/queue/a", "y");
    await settled();
    expect(broker.of("SEND").map((frame) => frame.text())).toEqual(["y"]);
    await client.disconnect();
  });

  test("the policy is told how many attempts there were, and what went wrong last", async () => {
    const asked: [number, string][] = [];
    let isDown = false;
    const broker = new ScriptedBroker();
    const client = new DialClient(
      (signal) => (isDown ? Promise.reject(new Error("port is closed")) : broker.dial(signal)),
      {
        heartBeat: false,
        reconnect: (attempt, error) => {
          asked.push([attempt, error.message]);
          return 10;
        },
      },
    );
    await client.connect();
    isDown = true;
    await cut(broker);
    await vi.advanceTimersByTimeAsync(10);
    isDown = false;
    await vi.advanceTimersByTimeAsync(10);
    const lost = "connection to memory: lost: the peer dropped the connection";
    expect(asked).toEqual([
      [1, lost],
      [2, "could not connect to the broker: port is closed"],
    ]);
    // A session that does not last does not count: a broker that drops everyone is not to be stormed.
    await vi.advanceTimersByTimeAsync(4999);
    await cut(broker);
    expect(asked.at(-1)).toEqual([3, lost]);
    await vi.advanceTimersByTimeAsync(10 + 5000);
    await cut(broker);
    expect(asked.at(-1)).toEqual([1, lost]);
    await client.disconnect();
  });

  test("is given up when the policy says so: all that waits is told why", async () => {
    const broker = new ScriptedBroker();
    let isDown = false;
    const client = new DialClient((signal) => (isDown ? Promise.reject(new Error("down")) : broker.dial(signal)), {
      heartBeat: false,
      reconnect: (attempt) => (attempt > 2 ? false : 100),
    });
    await client.connect();
    const subscription = await client.subscribe("/queue/a");
    const reading = failure(subscription.next());
    const told = statusesOf(client);
    isDown = true;
    await cut(broker);
    const joined = failure(client.connect());
    await vi.advanceTimersByTimeAsync(200);
    const error = await joined;
    expect(error).toBeInstanceOf(ConnectError);
    expect((error as Error).message).toBe("could not connect to the broker: down");
    expect(await reading).toBe(error);
    expect(await failure(subscription.ended)).toBe(error);
    expect(told.at(-1)).toEqual({ type: "disconnected", reason: error, reconnects: false });
    expect(client.state).toBe("disconnected");
    await expect(client.send("/queue/a", "x")).rejects.toThrow(
      "SEND was not sent: could not connect to the broker: down",
    );
    isDown = false;
    await client.connect();
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test.each<[string, ReconnectPolicy, string]>([
    ["fails", () => { throw new Error("no idea"); }, "connecting was given up: no idea"], // prettier-ignore
    [
      "gives no number",
      () => Number.NaN,
      "connecting was given up: a reconnect policy must give a number of ms or false, not NaN",
    ],
    [
      "gives a negative number",
      () => -1,
      "connecting was given up: a reconnect policy must give a number of ms or false, not -1",
    ],
  ])("is given up when the policy %s, which is told", async (_how, reconnect, message) => {
    const { broker, client } = await kept({ reconnect });
    const subscription = await client.subscribe("/queue/a");
    const told = statusesOf(client);
    await cut(broker);
    expect(client.state).toBe("disconnected");
    expect(told.at(-1)).toMatchObject({
      type: "disconnected",
      reason: { code: "connect", message },
      reconnects: false,
    });
    await expect(subscription.next()).rejects.toThrow(message);
  });

  test("a policy that waits for ever leaves the next attempt to reconnect()", async () => {
    const { broker, client } = await kept({ reconnect: () => Infinity });
    await cut(broker);
    await vi.advanceTimersByTimeAsync(86_400_000);
    expect(client.state).toBe("reconnecting");
    await client.reconnect();
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test("is made again whatever went wrong: silence, broken frames, an ERROR", async () => {
    const session = { heartBeat: { outgoing: 1000, incoming: 1000 } };
    const { broker, client } = await connected(
      { session },
      { ...PATIENT, heartBeat: { outgoing: 0, incoming: 1000 }, reconnect: () => 0 },
    );
    const reasons: unknown[] = [];
    client.onStatus((status) => status.type === "disconnected" && reasons.push(status.reason));
    await vi.advanceTimersByTimeAsync(3100);
    broker.transport.send("HELLO\n\n\0");
    await vi.advanceTimersByTimeAsync(1);
    broker.send("ERROR", { message: "go away" });
    await settled();
    void broker.transport.close();
    await vi.advanceTimersByTimeAsync(1);
    expect(client.state).toBe("connected");
    expect(reasons).toMatchObject([
      { code: "heart-beat" },
      { code: "protocol" },
      { code: "connection-lost", cause: { code: "server", message: "go away" } },
    ]);
    await client.disconnect();
  });
});

describe("the first connect", () => {
  function late(failures: number): { broker: ScriptedBroker; client: (options: ClientOptions) => DialClient } {
    const broker = new ScriptedBroker();
    let left = failures;
    return {
      broker,
      client: (options) =>
        new DialClient((signal) => (left-- > 0 ? Promise.reject(new Error("down")) : broker.dial(signal)), {
          ...PATIENT,
          ...options,
        }),
    };
  }

  test("is tried once, whatever the policy", async () => {
    const client = late(1).client({});
    const told = statusesOf(client);
    const subscription = await client.subscribe("/queue/a");
    const error = await failure(client.connect());
    expect(told).toEqual([
      { type: "connecting", target: "the broker", attempt: 0 },
      { type: "disconnected", reason: error, reconnects: false },
    ]);
    expect(subscription.isLive).toBe(true); // it waits for a connect that succeeds
    await client.connect();
    await client.disconnect();
  });

  test("is tried again with retryFirstConnect until there is a session", async () => {
    const client = late(2).client({ retryFirstConnect: true });
    const connecting = client.connect();
    await vi.advanceTimersByTimeAsync(1999);
    expect(client.state).toBe("connecting");
    await vi.advanceTimersByTimeAsync(1);
    await connecting;
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test("with retryFirstConnect rejects when the policy gives up", async () => {
    const client = late(9).client({ retryFirstConnect: true, reconnect: (attempt) => (attempt > 2 ? false : 5) });
    const connecting = failure(client.connect());
    await vi.advanceTimersByTimeAsync(10);
    expect(await connecting).toMatchObject({ code: "connect", message: "could not connect to the broker: down" });
    expect(client.state).toBe("disconnected");
  });

  test("is not tried again with retryFirstConnect but no policy", async () => {
    const client = late(1).client({ retryFirstConnect: true, reconnect: false });
    await expect(client.connect()).rejects.toThrow("could not connect to the broker: down");
  });

  test("has a time for each attempt", async () => {
    const broker = new ScriptedBroker({ welcome: false });
    const client = new DialClient(broker.dial, { ...PATIENT, retryFirstConnect: true, connectTimeout: 300 });
    const connecting = client.connect();
    await vi.advanceTimersByTimeAsync(300 + 1000);
    expect(broker.dialled).toBe(2);
    expect(broker.closed?.reason).toBeInstanceOf(Error); // the first is not left open
    await vi.advanceTimersByTimeAsync(299);
    broker.welcome();
    await connecting;
    await client.disconnect();
  });

  test("is given up at once by its signal, however far it has come", async () => {
    for (let ticks = 0; ticks < 60; ticks++) {
      const broker = new ScriptedBroker();
      const client = new DialClient(broker.dial, PATIENT);
      const controller = new AbortController();
      const connecting = failure(client.connect({ signal: controller.signal }));
      for (let i = 0; i < ticks; i++) await Promise.resolve();
      controller.abort("enough");
      const outcome = await connecting;
      expect(outcome).toBe(client.state === "connected" ? "resolved" : "enough");
      await client.disconnect();
      await settled();
      if (broker.dialled > 0) expect(broker.closed).toBeDefined();
    }
  });

  test("that a broker ends together with its CONNECTED is a ConnectError", async () => {
    const broker = new ScriptedBroker({
      welcome: false,
      onFrame: (_frame, self) => {
        self.welcome();
        void self.transport.close();
      },
    });
    const client = new DialClient(broker.dial, { heartBeat: false });
    const told = statusesOf(client);
    const error = await failure(client.connect());
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({ stage: "handshake", cause: { code: "connection-lost", outcome: "not-sent" } });
    expect(told.map(({ type }) => type)).toEqual(["connecting", "disconnected"]);
  });
});

describe("connect() while reconnecting", () => {
  test("joins, and resolves with the next session", async () => {
    const { broker, client } = await kept();
    await cut(broker);
    const joined = Promise.all([client.connect(), client.connect()]);
    await vi.advanceTimersByTimeAsync(1000);
    await joined;
    expect(broker.dialled).toBe(2);
    await client.disconnect();
  });

  test("ends the attempts with its signal", async () => {
    const { broker, client } = await kept();
    const subscription = await client.subscribe("/queue/a");
    const told = statusesOf(client);
    await cut(broker);
    const controller = new AbortController();
    const joined = failure(client.connect({ signal: controller.signal }));
    const other = failure(client.connect());
    controller.abort("enough");
    expect(await joined).toBe("enough");
    expect(await other).toBe("enough");
    expect(client.state).toBe("disconnected");
    const reason = { code: "connect", message: "connecting was given up: enough", cause: "enough" };
    expect(told.at(-1)).toMatchObject({ type: "disconnected", reason, reconnects: false });
    expect(await failure(subscription.ended)).toMatchObject(reason);
  });

  test("with a signal that is aborted already leaves what is under way alone", async () => {
    const { broker, client } = await kept();
    await cut(broker);
    await expect(client.connect({ signal: AbortSignal.abort("no") })).rejects.toBe("no");
    expect(client.state).toBe("reconnecting");
    await vi.advanceTimersByTimeAsync(1000);
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test("leaves no listener on its signal", async () => {
    const { broker, client } = await kept();
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, "addEventListener");
    const removed = vi.spyOn(signal, "removeEventListener");
    await cut(broker);
    const joined = client.connect({ signal });
    await vi.advanceTimersByTimeAsync(1000);
    await joined;
    expect(added).toHaveBeenCalledTimes(1);
    expect(removed).toHaveBeenCalledTimes(1);
    expect(removed.mock.calls[0]?.[1]).toBe(added.mock.calls[0]?.[1]);
    await client.disconnect();
  });
});

describe("disconnect()", () => {
  const NEVER = new Promise<never>(() => undefined);

  interface Phase {
    readonly client: DialClient;
    readonly broker?: ScriptedBroker;
    /** Whoever waits for a session. */
    readonly waits?: Promise<unknown>;
  }

  const phases: [string, () => Promise<Phase>][] = [
    [
      "credentials are asked for",
      async () => {
        const client = new DialClient(() => NEVER, { ...PATIENT, credentials: () => NEVER });
        return Promise.resolve({ client, waits: failure(client.connect()) });
      },
    ],
    [
      "it dials",
      async () => {
        const client = new DialClient(() => NEVER, PATIENT);
        const waits = failure(client.connect());
        await settled();
        return { client, waits };
      },
    ],
    [
      "CONNECTED is waited for",
      async () => {
        const broker = new ScriptedBroker({ welcome: false });
        const client = new DialClient(broker.dial, PATIENT);
        const waits = failure(client.connect());
        await settled();
        expect(broker.received).toHaveLength(1);
        return { client, broker, waits };
      },
    ],
    [
      "the next attempt is waited for",
      async () => {
        const { broker, client } = await kept();
        await cut(broker);
        return { broker, client, waits: failure(client.connect()) };
      },
    ],
    [
      "the first connect is waited for again",
      async () => {
        const client = new DialClient(() => Promise.reject(new Error("down")), { ...PATIENT, retryFirstConnect: true });
        const waits = failure(client.connect());
        await settled();
        return { client, waits };
      },
    ],
    [
      "a connection was lost in the same tick",
      async () => {
        const { broker, client } = await kept();
        broker.transport.abort(new Error("cable cut"));
        return { broker, client };
      },
    ],
    [
      "reconnect() waits for the answer to DISCONNECT",
      async () => {
        const { broker, client } = await connected({ receipts: false }, PATIENT);
        const waits = failure(client.reconnect());
        await settled();
        void broker.transport.close(); // which counts as the receipt
        return { broker, client, waits };
      },
    ],
    [
      "reconnect() was called in the same tick",
      async () => {
        const { broker, client } = await kept();
        return { broker, client, waits: failure(client.reconnect()) };
      },
    ],
    [
      "reconnect() dials",
      async () => {
        const broker = new ScriptedBroker();
        const client = new DialClient((signal) => (broker.dialled > 0 ? NEVER : broker.dial(signal)), PATIENT);
        await client.connect();
        const waits = failure(client.reconnect());
        await settled();
        await settled();
        expect(client.session).toBeUndefined();
        return { broker, client, waits };
      },
    ],
  ];

  test.each(phases)("while %s ends that at once", async (_phase, begin) => {
    const { client, broker, waits } = await begin();
    const subscription = await client.subscribe("/queue/a");
    const told = statusesOf(client);
    const dialled = broker?.dialled;
    const disconnecting = client.disconnect();
    await Promise.all([disconnecting, client.disconnect()]);
    expect(client.state).toBe("disconnected");
    expect(told.at(-1)).toEqual({ type: "disconnected", reason: undefined, reconnects: false });
    if (waits !== undefined) {
      const error = await waits;
      expect(error).toBeInstanceOf(InvalidStateError);
      expect((error as Error).message).toBe("disconnect was called while connecting");
    }
    await expect(subscription.ended).resolves.toBeUndefined();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(client.state).toBe("disconnected");
    expect(broker?.dialled).toBe(dialled);
    if (broker !== undefined) expect(broker.closed).toBeDefined();
    await expect(client.send("/queue/a", "x")).rejects.toThrow(
      new InvalidStateError("SEND needs a connection, the client is disconnected"),
    );
  });

  test.each<Status["type"]>(["connecting", "connected", "disconnected", "reconnecting", "disconnecting"])(
    "works when it is called by a listener, at the status %s",
    async (type) => {
      const broker = new ScriptedBroker();
      const client = new DialClient(broker.dial, PATIENT);
      let disconnecting: Promise<void> | undefined;
      const told = statusesOf(client);
      await client.connect();
      client.onStatus((status) => {
        if (status.type === type) disconnecting ??= client.disconnect();
      });
      if (type === "disconnecting") void client.disconnect();
      else await cut(broker);
      await vi.advanceTimersByTimeAsync(1000);
      expect(disconnecting).toBeDefined();
      await disconnecting;
      expect(client.state).toBe("disconnected");
      expect(told.at(-1)).toEqual({ type: "disconnected", reason: undefined, reconnects: false });
      expect(told.filter((status) => status.type === "disconnecting")).toHaveLength(1);
      expect(broker.closed).toBeDefined();
    },
  );

  test("ends an attempt at once however far it has come", async () => {
    for (let ticks = 0; ticks < 60; ticks++) {
      const broker = new ScriptedBroker({ welcome: false });
      const client = new DialClient(broker.dial, PATIENT);
      const connecting = failure(client.connect());
      for (let i = 0; i < ticks; i++) await Promise.resolve();
      await client.disconnect();
      expect(await connecting).toBeInstanceOf(InvalidStateError);
      await settled();
      if (broker.dialled > 0) expect(broker.closed?.reason).toBeInstanceOf(Error);
    }
  });

  test("called by a listener does not change the order in which another one is told", async () => {
    const { broker, client } = await kept();
    client.onStatus((status) => {
      if (status.type === "reconnecting") void client.disconnect();
    });
    const told = statusesOf(client);
    await cut(broker);
    expect(told.map(({ type }) => type)).toEqual(["disconnected", "reconnecting", "disconnecting", "disconnected"]);
  });

  test("a connect() of a listener that hears of its end begins anew", async () => {
    const { broker, client } = await kept();
    await cut(broker);
    let again: Promise<void> | undefined;
    client.onStatus((status) => {
      if (status.type === "disconnected") again ??= client.connect();
    });
    await client.disconnect();
    await again;
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test("refuses to connect while it is under way", async () => {
    const { client } = await kept();
    const disconnecting = client.disconnect();
    const refused = [client.connect(), client.reconnect(), client.subscribe("/queue/a")].map(failure);
    await disconnecting;
    const error = new InvalidStateError("the client is disconnecting");
    expect(await Promise.all(refused)).toEqual([error, error, error]);
  });

  test("is not undone by a connection that breaks meanwhile", async () => {
    const { broker, client } = await connected({ receipts: false }, PATIENT);
    const pending = failure(client.send("/queue/a", "x", { receipt: true }));
    const disconnecting = client.disconnect();
    await settled();
    await cut(broker);
    await disconnecting;
    expect(await pending).toBeInstanceOf(ConnectionLostError);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(client.state).toBe("disconnected");
    expect(broker.dialled).toBe(1);
  });

  test("refuses a header that the version cannot express, and has disconnected all the same", async () => {
    const { broker, client } = await connected({ session: { versions: ["1.0"] } }, PATIENT);
    await expect(client.disconnect({ headers: { why: "a\nb" } })).rejects.toThrow(TypeError);
    expect(client.state).toBe("disconnected");
    expect(broker.closed).toBeDefined();
    await client.disconnect();
  });
});

describe("reconnect()", () => {
  test("ends the session in order, and resolves with a new one", async () => {
    const { broker, client } = await kept();
    const told = statusesOf(client);
    await client.reconnect();
    expect(broker.received.map(({ command }) => command)).toEqual(["CONNECT", "DISCONNECT", "CONNECT"]);
    expect(broker.closed).toEqual({ reason: undefined });
    expect(told).toMatchObject([
      { type: "disconnected", reason: undefined, reconnects: true },
      { type: "connecting", attempt: 0 },
      { type: "connected" },
    ]);
    expect(client.metrics()).toMatchObject({ connects: 2, reconnects: 1 });
    await client.disconnect();
  });

  test("waits for pending receipts, and meanwhile takes nothing to send", async () => {
    const { broker, client } = await connected({ receipts: false }, PATIENT);
    const sent = client.send("/queue/a", "x", { receipt: "r" });
    const renewed = client.reconnect();
    await settled();
    expect(client.state).toBe("reconnecting");
    expect(broker.of("DISCONNECT")).toEqual([]);
    await expect(client.send("/queue/a", "y")).rejects.toThrow(
      new InvalidStateError("SEND needs a connection, the client is reconnecting"),
    );
    broker.send("RECEIPT", { "receipt-id": "r" });
    await sent;
    await settled();
    broker.send("RECEIPT", { "receipt-id": broker.of("DISCONNECT")[0]?.headers.get("receipt") ?? "" });
    await renewed;
    expect(client.state).toBe("connected");
    const disconnecting = client.disconnect();
    await vi.advanceTimersByTimeAsync(2000);
    await disconnecting;
  });

  test("does not wait longer than disconnectTimeout for a broker that does not answer", async () => {
    const { broker, client } = await connected({ receipts: false }, PATIENT);
    const sent = failure(client.send("/queue/a", "x", { receipt: "r" }));
    const renewed = client.reconnect();
    await vi.advanceTimersByTimeAsync(2000);
    await renewed;
    expect(await sent).toBeInstanceOf(ConnectionLostError);
    expect(broker.dialled).toBe(2);
    const disconnecting = client.disconnect();
    await vi.advanceTimersByTimeAsync(2000);
    await disconnecting;
  });

  test("called twice at a time makes one session, and connect() joins it", async () => {
    const { broker, client } = await kept();
    const renewed = client.reconnect();
    await Promise.all([renewed, client.connect(), client.reconnect()]);
    expect(broker.dialled).toBe(2);
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test("without a session is connect()", async () => {
    const broker = new ScriptedBroker();
    const client = new DialClient(broker.dial, PATIENT);
    await client.reconnect();
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test("while connecting joins", async () => {
    const broker = new ScriptedBroker();
    const client = new DialClient(broker.dial, PATIENT);
    await Promise.all([client.connect(), client.reconnect()]);
    expect(broker.dialled).toBe(1);
    await client.disconnect();
  });

  test("does not wait for the next attempt", async () => {
    const { broker, client } = await kept();
    await cut(broker);
    await client.reconnect();
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test.each<Status["type"]>(["disconnected", "reconnecting"])(
    "does not wait for the next attempt when a listener calls it, at the status %s",
    async (type) => {
      const { broker, client } = await kept();
      let renewed: Promise<void> | undefined;
      client.onStatus((status) => {
        if (status.type === type) renewed ??= client.reconnect();
      });
      await cut(broker);
      await renewed;
      expect(client.state).toBe("connected");
      await client.disconnect();
    },
  );

  test("during an attempt makes the one after it at once", async () => {
    let fail: (error: Error) => void = () => undefined;
    const broker = new ScriptedBroker();
    let dials = 0;
    const client = new DialClient(
      (signal) => (++dials === 2 ? new Promise((_, reject) => (fail = reject)) : broker.dial(signal)),
      PATIENT,
    );
    await client.connect();
    await cut(broker);
    await vi.advanceTimersByTimeAsync(1000);
    const renewed = client.reconnect();
    fail(new Error("old token"));
    await renewed;
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test("goes on when the connection breaks while it is being ended", async () => {
    const { broker, client } = await connected({ receipts: false }, PATIENT);
    const renewed = client.reconnect();
    await settled();
    await cut(broker);
    await renewed;
    expect(broker.dialled).toBe(2);
    const disconnecting = client.disconnect();
    await vi.advanceTimersByTimeAsync(2000);
    await disconnecting;
  });

  test("is tried again by the policy, and rejects when that gives up", async () => {
    const broker = new ScriptedBroker();
    let isDown = false;
    const client = new DialClient((signal) => (isDown ? Promise.reject(new Error("down")) : broker.dial(signal)), {
      heartBeat: false,
      reconnect: (attempt) => (attempt > 2 ? false : 100),
    });
    await client.connect();
    const subscription = await client.subscribe("/queue/a");
    isDown = true;
    const renewed = failure(client.reconnect());
    await vi.advanceTimersByTimeAsync(200);
    const error = await renewed;
    expect(error).toMatchObject({ code: "connect", message: "could not connect to the broker: down" });
    expect(await failure(subscription.ended)).toBe(error);
    expect(client.state).toBe("disconnected");
  });

  test("without a policy tries once", async () => {
    const broker = new ScriptedBroker();
    const client = new DialClient(
      (signal) => (broker.dialled === 2 ? Promise.reject(new Error("down")) : broker.dial(signal)),
      { heartBeat: false, reconnect: false },
    );
    await client.connect();
    await client.reconnect();
    expect(client.state).toBe("connected");
    await expect(client.reconnect()).rejects.toThrow("could not connect to the broker: down");
    expect(client.state).toBe("disconnected");
  });

  test("ends transactions and requests, which are told the truth", async () => {
    const { client } = await kept();
    const transaction = await client.begin();
    const asked = failure(client.request("/queue/a", "?", { replyTo: "/queue/b" }));
    await settled();
    await client.reconnect();
    expect(await asked).toMatchObject({
      code: "connection-lost",
      outcome: "unknown",
      message: "connection lost before the reply to the request to /queue/a: the client ended the session",
    });
    const lost = await failure(transaction.commit());
    expect(lost).toBeInstanceOf(TransactionError);
    expect((lost as TransactionError).outcome).toBe("aborted");
    await client.disconnect();
  });
});

describe("a refused CONNECT", () => {
  /** A broker that refuses all but its first client. */
  function closing(): ScriptedBroker {
    return new ScriptedBroker({
      welcome: false,
      onFrame: (frame, self) => {
        if (frame.command !== "CONNECT") return;
        if (self.dialled === 1) self.welcome();
        else self.send("ERROR", { message: "Bad CONNECT" }, "Access refused");
      },
    });
  }

  test.each([
    [1, 1],
    [2, 2],
    [3, 3],
    [undefined, 3],
  ])("with the refusalLimit %s ends the attempts after %s in a row", async (refusalLimit, attempts) => {
    const broker = closing();
    const client = new DialClient(broker.dial, {
      ...PATIENT,
      reconnect: () => 0,
      ...(refusalLimit === undefined ? {} : { refusalLimit }),
    });
    await client.connect();
    const told = statusesOf(client);
    await cut(broker);
    await vi.advanceTimersByTimeAsync(1000);
    expect(broker.dialled).toBe(1 + attempts);
    expect(client.state).toBe("disconnected");
    const last = told.at(-1);
    expect(last).toMatchObject({
      type: "disconnected",
      reason: {
        code: "connect",
        stage: "handshake",
        message: "memory: refused the connection: Bad CONNECT (Access refused); check login, passcode and host",
      },
      reconnects: false,
    });
    expect(last?.type === "disconnected" && last.reason?.cause).toBeInstanceOf(ServerError);
  });

  test("does not end them when asked to go on", async () => {
    const broker = closing();
    const client = new DialClient(broker.dial, { ...PATIENT, refusalLimit: Infinity });
    await client.connect();
    await cut(broker);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(broker.dialled).toBe(21);
    await client.disconnect();
  });

  test("counts anew after anything else, and for a call of connect()", async () => {
    let refuses = true;
    let dials = 0;
    const broker = new ScriptedBroker({
      welcome: false,
      onFrame: (frame, self) => {
        if (frame.command !== "CONNECT") return;
        if (refuses) self.send("ERROR", { message: "no" });
        else self.welcome();
      },
    });
    const client = new DialClient(
      (signal) => (++dials === 3 ? Promise.reject(new Error("down")) : broker.dial(signal)),
      { ...PATIENT, reconnect: () => 10, retryFirstConnect: true },
    );
    const first = failure(client.connect());
    await vi.advanceTimersByTimeAsync(100);
    expect(await first).toBeInstanceOf(StompError);
    expect(dials).toBe(2 + 1 + 3); // two refusals, a failed dial, three refusals
    const second = failure(client.connect());
    await vi.advanceTimersByTimeAsync(10);
    refuses = false;
    await vi.advanceTimersByTimeAsync(10);
    expect(await second).toBe("resolved");
    await client.disconnect();
  });

  test.each([0, -1, Number.NaN])("a refusalLimit of %s is refused", (refusalLimit) => {
    expect(() => new DialClient(closing().dial, { refusalLimit })).toThrow(
      new RangeError(`refusalLimit must be at least 1, not ${refusalLimit}`),
    );
  });
});
