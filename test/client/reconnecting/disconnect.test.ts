import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BaseClient } from "../../../src/client/client.js";
import type { Status } from "../../../src/client/observing/status.js";
import { ConnectionLostError, InvalidStateError } from "../../../src/errors.js";
import { connected, failure } from "../../support/connected.js";
import { PATIENT, cut, kept } from "../../support/patient.js";
import { ScriptedBroker, settled } from "../../support/scripted-broker.js";
import { statusesOf } from "../../support/statuses.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

describe("disconnect()", () => {
  const NEVER = new Promise<never>(() => undefined);

  interface Phase {
    readonly client: BaseClient;
    readonly broker?: ScriptedBroker;
    /** Whoever waits for a session. */
    readonly waits?: Promise<unknown>;
  }

  const phases: [string, () => Promise<Phase>][] = [
    [
      "credentials are asked for",
      async () => {
        const client = new BaseClient(() => NEVER, { ...PATIENT, credentials: () => NEVER });
        return Promise.resolve({ client, waits: failure(client.connect()) });
      },
    ],
    [
      "it dials",
      async () => {
        const client = new BaseClient(() => NEVER, PATIENT);
        const waits = failure(client.connect());
        await settled();
        return { client, waits };
      },
    ],
    [
      "CONNECTED is waited for",
      async () => {
        const broker = new ScriptedBroker({ welcome: false });
        const client = new BaseClient(broker.dial, PATIENT);
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
        const client = new BaseClient(() => Promise.reject(new Error("down")), { ...PATIENT, retryFirstConnect: true });
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
        const client = new BaseClient((signal) => (broker.dialled > 0 ? NEVER : broker.dial(signal)), PATIENT);
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
      expect((error as Error).message).toBe("the client is disconnecting");
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
      const client = new BaseClient(broker.dial, PATIENT);
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
      const client = new BaseClient(broker.dial, PATIENT);
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
