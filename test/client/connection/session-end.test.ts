import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Status } from "../../../src/client/observing/status.js";
import { ConnectionLostError, HeartBeatError, InvalidStateError } from "../../../src/errors.js";
import { connected, failure } from "../../support/connected.js";
import { settled } from "../../support/scripted-broker.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

describe("disconnect", () => {
  test("waits for pending receipts, says DISCONNECT, waits for its receipt, closes", async () => {
    const { broker, client } = await connected({ receipts: false });
    const sent = client.send("/queue/a", "x", { receipt: "r" });
    const disconnecting = client.disconnect({ headers: { why: "done" } });
    expect(client.state).toBe("disconnecting");
    await settled();
    expect(broker.of("DISCONNECT")).toEqual([]);
    await expect(client.send("/queue/a", "late")).rejects.toThrow(
      "SEND needs a connection, the client is disconnecting",
    );
    broker.send("RECEIPT", { "receipt-id": "r" });
    await sent;
    await settled();
    const [frame] = broker.of("DISCONNECT");
    expect(frame?.headers.get("why")).toBe("done");
    broker.send("RECEIPT", { "receipt-id": frame?.headers.get("receipt") ?? "" });
    await disconnecting;
    expect(client.state).toBe("disconnected");
    expect(broker.closed).toEqual({ reason: undefined });
  });

  test("takes the end of the connection for the receipt, as Web STOMP of RabbitMQ has it", async () => {
    const { broker, client } = await connected(
      { receipts: false, onFrame: (frame, self) => void (frame.command === "DISCONNECT" && self.transport.close()) },
      { heartBeat: false },
    );
    const told: Status[] = [];
    client.onStatus((status) => told.push(status));
    await client.disconnect();
    expect(told).toEqual([{ type: "disconnecting" }, { type: "disconnected", reason: undefined, reconnects: false }]);
    expect(broker.of("DISCONNECT")).toHaveLength(1);
  });

  test("is over with the receipt: an ERROR that follows it, as from Spring's relay, is not told", async () => {
    const { broker, client } = await connected({ receipts: false });
    const told: Status[] = [];
    client.onStatus((status) => told.push(status));
    const disconnecting = client.disconnect();
    await settled();
    const receipt = broker.of("DISCONNECT")[0]?.headers.get("receipt") ?? "";
    broker.send("ERROR", { message: "before it" });
    broker.send("RECEIPT", { "receipt-id": receipt });
    broker.send("ERROR", { message: "Connection to broker closed." });
    await disconnecting;
    expect(told.map((status) => (status.type === "server-error" ? status.error.message : status.type))).toEqual([
      "disconnecting",
      "before it",
      "disconnected",
    ]);
  });

  test("does not wait longer than its time-out for a broker that never answers", async () => {
    const { broker, client } = await connected({ receipts: false });
    const pending = failure(client.send("/queue/a", "x", { receipt: "r" }));
    const disconnecting = client.disconnect();
    await vi.advanceTimersByTimeAsync(2000);
    await disconnecting;
    expect(await pending).toBeInstanceOf(ConnectionLostError);
    expect(broker.of("DISCONNECT")).toHaveLength(1);
  });

  test("waits as long as it takes when told to", async () => {
    const { broker, client } = await connected({ receipts: false });
    const pending = client.send("/queue/a", "x", { receipt: "r" });
    const disconnecting = client.disconnect({ timeout: Infinity });
    await settled();
    expect(broker.of("DISCONNECT")).toEqual([]);
    broker.send("RECEIPT", { "receipt-id": "r" });
    await pending;
    await settled();
    const [disconnect] = broker.of("DISCONNECT");
    broker.send("RECEIPT", { "receipt-id": disconnect?.headers.get("receipt") });
    await disconnecting;
    expect(client.state).toBe("disconnected");
  });

  test("may be called again, at the same time and without a connection", async () => {
    const { broker, client } = await connected();
    await Promise.all([client.disconnect(), client.disconnect(), client[Symbol.asyncDispose]()]);
    await client.disconnect();
    expect(broker.of("DISCONNECT")).toHaveLength(1);
  });

  test("refuses a wrong time-out, and stays connected", async () => {
    const { client } = await connected();
    await expect(client.disconnect({ timeout: -1 })).rejects.toThrow("timeout must be a positive number of ms, not -1");
    expect(client.state).toBe("connected");
    await client.disconnect();
  });
});

describe("reconnect", () => {
  test("waits for pending receipts, ends the session in order, and gets another one", async () => {
    const { broker, client } = await connected({ receipts: false });
    const sent = client.send("/queue/a", "x", { receipt: "r" });
    const reconnecting = client.reconnect();
    await settled();
    expect(broker.of("DISCONNECT")).toEqual([]);
    await expect(client.send("/queue/a", "late")).rejects.toThrow(
      "SEND needs a connection, the client is reconnecting",
    );
    broker.send("RECEIPT", { "receipt-id": "r" });
    await sent;
    await settled();
    broker.send("RECEIPT", { "receipt-id": broker.of("DISCONNECT")[0]?.headers.get("receipt") ?? "" });
    await reconnecting;
    expect([client.state, broker.dialled]).toEqual(["connected", 2]);
    const disconnecting = client.disconnect({ timeout: 1 });
    await vi.advanceTimersByTimeAsync(1);
    await disconnecting;
  });

  test("called again joins the one that is under way, and disconnect ends it", async () => {
    const { broker, client } = await connected();
    await Promise.all([client.reconnect(), client.reconnect()]);
    await client.send("/queue/a", "x");
    expect([client.state, broker.dialled, broker.of("DISCONNECT").length]).toEqual(["connected", 2, 1]);
    const again = failure(client.reconnect());
    await client.disconnect();
    expect(await again).toEqual(new InvalidStateError("the client is disconnecting"));
    await settled();
    expect([client.state, broker.dialled]).toEqual(["disconnected", 2]);
  });
});

describe("the loss of a connection", () => {
  test("is told with its reason, once, and a new connection can be made", async () => {
    const { broker, client } = await connected();
    const told: Status[] = [];
    client.onStatus((status) => told.push(status));
    broker.transport.abort(new Error("cable cut"));
    await broker.gone;
    await settled();
    expect(told).toMatchObject([{ type: "disconnected", reason: { code: "connection-lost", outcome: "unknown" } }]);
    expect(client.session).toBeUndefined();
    await client.connect();
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test("inside a frame says so", async () => {
    const { broker, client } = await connected();
    const told: Status[] = [];
    client.onStatus((status) => told.push(status));
    broker.transport.send("MESSAGE\nsubscription:1\n");
    void broker.transport.close();
    await broker.gone;
    await settled();
    expect(told).toMatchObject([
      { reason: { message: "connection to memory: lost: the stream ended inside a frame" } },
    ]);
  });

  test("a listener that throws harms no other, and is reported", async () => {
    const { client } = await connected();
    // What nobody catches is the platform's to report; a test is not to fail over it.
    const reported = vi.spyOn(Promise, "reject").mockReturnValue(Promise.resolve());
    const fault = new Error("listener's fault");
    client.onStatus(() => {
      throw fault;
    });
    const told: Status[] = [];
    client.onStatus((status) => told.push(status));
    await client.disconnect();
    expect(reported.mock.calls).toEqual([[fault], [fault]]);
    reported.mockRestore();
    expect(told).toHaveLength(2);
  });
});

describe("heart-beats", () => {
  const session = { heartBeat: { outgoing: 1000, incoming: 1000 } };

  test("go out when nothing else does, at half of the agreed time", async () => {
    const { broker, client } = await connected({ session }, { heartBeat: { outgoing: 1000, incoming: 0 } });
    const before = broker.session.eols;
    await vi.advanceTimersByTimeAsync(5000);
    expect(broker.session.eols - before).toBe(10);
    await client.disconnect();
  });

  test("are not sent while frames are", async () => {
    const { broker, client } = await connected({ session }, { heartBeat: { outgoing: 1000, incoming: 0 } });
    const before = broker.session.eols;
    for (let i = 0; i < 20; i++) {
      await client.send("/queue/a", "x");
      await vi.advanceTimersByTimeAsync(250);
    }
    expect(broker.session.eols - before).toBe(0);
    await client.disconnect();
  });

  test("that do not come end the connection after the agreed time and its tolerance", async () => {
    const { broker, client } = await connected(
      { session },
      { heartBeat: { outgoing: 0, incoming: 1000 }, heartBeatTolerance: 3 },
    );
    const told: Status[] = [];
    client.onStatus((status) => told.push(status));
    const waiting = failure((await client.subscribe("/queue/a")).next());
    const pending = failure(client.send("/queue/a", "x", { receipt: "none" }));
    await pending; // the receipt came: that counts as a sign of life
    await vi.advanceTimersByTimeAsync(2900);
    expect(client.state).toBe("connected");
    await vi.advanceTimersByTimeAsync(200);
    const error = await waiting;
    expect(error).toBeInstanceOf(HeartBeatError);
    expect(error).toMatchObject({
      code: "heart-beat",
      message: "nothing came from memory: for 3000 ms, heart-beats were agreed every 1000 ms",
      silence: 3000,
    });
    expect(told.at(-1)).toMatchObject({ type: "disconnected", reason: error as Error });
    await broker.gone;
  });

  test("that are missed by a timer that is late may still come, for the agreed time", async () => {
    const { broker, client } = await connected({ session }, { heartBeat: { outgoing: 0, incoming: 1000 } });
    const awake = performance.now.bind(performance);
    const clock = vi.spyOn(performance, "now").mockImplementation(() => awake() + 60_000);
    try {
      await vi.advanceTimersByTimeAsync(2999);
      expect(client.state).toBe("connected");
      broker.transport.send("\n");
      await vi.advanceTimersByTimeAsync(1999);
      expect(client.state).toBe("connected");
      const lost = failure(client.send("/queue/a", "x", { receipt: "none" }));
      await vi.advanceTimersByTimeAsync(3000);
      expect(client.state).toBe("disconnected");
      await lost;
    } finally {
      clock.mockRestore();
    }
    await broker.gone;
  });

  test("agreed to come less often than timers can wait are waited for all the same", async () => {
    const set = vi.spyOn(globalThis, "setTimeout");
    const month = 30 * 86_400_000;
    const { client } = await connected(
      { session: { heartBeat: { outgoing: month, incoming: month } } },
      { heartBeat: { outgoing: 0, incoming: month } },
    );
    expect(set.mock.calls.map(([, delay]) => delay)).toContain(2_147_483_647);
    set.mockRestore();
    await client.disconnect();
  });

  test("any octet counts as one", async () => {
    const { broker, client } = await connected({ session }, { heartBeat: { outgoing: 0, incoming: 1000 } });
    for (let i = 0; i < 10; i++) {
      await vi.advanceTimersByTimeAsync(900);
      broker.transport.send("\n");
    }
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test("a held-back peer is not taken for a silent one", async () => {
    const { broker, client } = await connected(
      { session },
      { heartBeat: { outgoing: 0, incoming: 1000 }, buffer: { messages: 50 } },
    );
    const subscription = await client.subscribe("/queue/a");
    await settled();
    for (let i = 0; i < 10; i++) broker.message(subscription.id, String(i));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(client.state).toBe("connected");
    expect(subscription.unread).toBe(5);
    await client.disconnect();
  });
});
