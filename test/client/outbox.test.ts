import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DialClient } from "../../src/client/client.js";
import type { ClientOptions } from "../../src/client/options.js";
import type { Status } from "../../src/client/status.js";
import {
  ConnectionLostError,
  InvalidStateError,
  OutboxFullError,
  ReceiptTimeoutError,
  ServerError,
} from "../../src/errors.js";
import type { SendStore, StoredSend } from "../../src/store.js";
import { failure } from "../support/connected.js";
import { type ScriptOptions, ScriptedBroker, settled } from "../support/scripted-broker.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

/** A client that sends at least once, and connects again at once. */
async function sending(
  script: ScriptOptions = { receipts: false },
  options: ClientOptions = {},
): Promise<{ broker: ScriptedBroker; client: DialClient }> {
  const broker = new ScriptedBroker(script);
  const client = new DialClient(broker.dial, {
    heartBeat: false,
    delivery: "at-least-once",
    reconnect: () => 0,
    ...options,
  });
  await client.connect();
  return { broker, client };
}

/** Let a client that was cut off connect again. */
async function again(client: DialClient): Promise<void> {
  await settled();
  await vi.advanceTimersByTimeAsync(1);
  await settled();
  expect(client.state).toBe("connected");
}

/** Disconnect, from a broker that does not answer. */
async function end(client: DialClient): Promise<void> {
  const disconnecting = client.disconnect({ timeout: 1 });
  await vi.advanceTimersByTimeAsync(5);
  await disconnecting;
}

function bodies(broker: ScriptedBroker): string[] {
  return broker.of("SEND").map((frame) => frame.text());
}

/** Confirm the SENDs with these bodies, the last ones that came. */
function confirm(broker: ScriptedBroker, ...wanted: string[]): void {
  for (const body of wanted) {
    const frame = broker
      .of("SEND")
      .reverse()
      .find((one) => one.text() === body);
    broker.send("RECEIPT", { "receipt-id": frame?.headers.get("receipt") ?? "" });
  }
}

const cut = (broker: ScriptedBroker): void => {
  broker.transport.abort(new Error("cable cut"));
};

describe("sending at least once", () => {
  test("resolves with the receipt of the message, and asks for one by itself", async () => {
    const { broker, client } = await sending();
    const sent = [client.send("/queue/a", "1"), client.send("/queue/a", "2", { receipt: "mine", headers: { n: 1 } })];
    await settled();
    expect(broker.of("SEND")[1]?.headers.get("receipt")).toBe("mine");
    expect(broker.of("SEND")[1]?.headers.get("n")).toBe("1");
    expect(client.metrics().outboxMessages).toBe(2);
    confirm(broker, "2", "1");
    await Promise.all(sent);
    expect(client.metrics().outboxMessages).toBe(0);
    await end(client);
  });

  test("sends again what was not confirmed, in order, before anything new, and after the subscriptions", async () => {
    const { broker, client } = await sending();
    await client.subscribe("/queue/in", () => undefined);
    const sent = ["1", "2", "3"].map((body) => client.send("/queue/a", body));
    await settled();
    confirm(broker, "2");
    await sent[1];
    broker.received.length = 0;
    cut(broker);
    await settled();
    const late = client.send("/queue/a", "4");
    await again(client);
    expect(broker.received.map(({ command }) => command)).toEqual(["CONNECT", "SUBSCRIBE", "SEND", "SEND", "SEND"]);
    expect(bodies(broker)).toEqual(["1", "3", "4"]);
    confirm(broker, "4", "3", "1");
    await Promise.all([...sent, late]);
    await end(client);
  });

  test("has so many in flight at a time, and no more", async () => {
    const { broker, client } = await sending({ receipts: false }, { outbox: { inFlight: 2 } });
    const sent = ["1", "2", "3", "4"].map((body) => client.send("/queue/a", body));
    await settled();
    expect(bodies(broker)).toEqual(["1", "2"]);
    confirm(broker, "2");
    await settled();
    expect(bodies(broker)).toEqual(["1", "2", "3"]);
    confirm(broker, "1", "3");
    await settled();
    confirm(broker, "4");
    await Promise.all(sent);
    await end(client);
  });

  test("before there is a connection waits for one", async () => {
    const broker = new ScriptedBroker();
    const client = new DialClient(broker.dial, { heartBeat: false, delivery: "at-least-once" });
    const sent = client.send("/queue/a", "early");
    await settled();
    await client.connect();
    await sent;
    expect(bodies(broker)).toEqual(["early"]);
    await client.disconnect();
  });

  test("keeps the octets as they were when it was called", async () => {
    const { broker, client } = await sending();
    const body = new TextEncoder().encode("before");
    const sent = client.send("/queue/a", body);
    body.fill(0x20);
    const buffer = new TextEncoder().encode("buffer").buffer;
    const other = client.send("/queue/a", buffer);
    cut(broker);
    await again(client);
    expect(bodies(broker).slice(-2)).toEqual(["before", "buffer"]);
    confirm(broker, "before", "buffer");
    await Promise.all([sent, other]);
    await end(client);
  });

  test("rejects what the broker refuses by name, and what the version cannot say, and goes on", async () => {
    const { broker, client } = await sending({
      receipts: false,
      session: { versions: ["1.0"] },
      connected: {},
    });
    const refused = failure(client.send("/queue/a", "refused", { receipt: "r" }));
    const unsayable = failure(client.send("/queue/a", "x", { headers: { name: "line\nfeed" } }));
    const fine = client.send("/queue/a", "fine");
    await settled();
    broker.send("ERROR", { message: "no", "receipt-id": "r" });
    expect(await refused).toBeInstanceOf(ServerError);
    expect(await unsayable).toBeInstanceOf(TypeError);
    confirm(broker, "fine");
    await fine;
    await end(client);
  });

  test.each([
    [["", "x"], "destination must be a string that is not empty"],
    [["/queue/a", 5], "body must be a string, Uint8Array or ArrayBuffer, not number"],
    [["/queue/a", "x", { timeout: -1 }], "timeout must be a positive number of ms, not -1"],
    [["/queue/a", "x", { receipt: "" }], "receipt must be true or an id that is not empty"],
    [["/queue/a", "x", { headers: { receipt: "r" } }], 'header "receipt" of SEND is an argument of its own'],
  ])("%j is a wrong argument", async (given, message) => {
    const { client } = await sending();
    // The wrong arguments are the point.
    await expect(client.send(...(given as [string, string]))).rejects.toThrow(message);
    await end(client);
  });
});

describe("a message that the broker does not want", () => {
  const refusing: ScriptOptions = {
    receipts: false,
    onFrame: (frame, broker) => {
      if (frame.command !== "SEND") return;
      if (frame.text() !== "poison") {
        broker.send("RECEIPT", { "receipt-id": frame.headers.get("receipt") ?? "" });
        return;
      }
      broker.send("ERROR", { message: "access_refused" });
      void broker.transport.close();
    },
  };

  test("and that ends the session each time is found, and rejected; the others get through", async () => {
    const { broker, client } = await sending(refusing);
    const fates = ["1", "poison", "2", "3"].map((body) => failure(client.send("/queue/a", body)));
    for (let session = 0; session < 6; session++) {
      await settled();
      await vi.advanceTimersByTimeAsync(1);
    }
    expect((await Promise.all(fates)).map((fate) => (fate instanceof Error ? fate.message : fate))).toEqual([
      "resolved",
      "access_refused",
      "resolved",
      "resolved",
    ]);
    expect(await fates[1]).toBeInstanceOf(ServerError);
    expect(broker.dialled).toBe(5); // the first, three over the poison alone, and the one that goes on
    await end(client);
  });

  test("is not blamed for a broken network", async () => {
    const { broker, client } = await sending();
    const sent = client.send("/queue/a", "innocent");
    for (let session = 0; session < 10; session++) {
      await settled();
      cut(broker);
      await again(client);
    }
    confirm(broker, "innocent");
    await sent;
    await end(client);
  });

  test("and that gets no receipt after the broker has complained is rejected; without a complaint it is waited for", async () => {
    const { broker, client } = await sending({ receipts: false }, { receiptTimeout: 1000 });
    const patient = client.send("/queue/a", "patient");
    await vi.advanceTimersByTimeAsync(5500); // as when the broker has no memory left
    confirm(broker, "patient");
    await patient;
    const refused = failure(client.send("/nonsense/a", "refused"));
    await settled();
    broker.send("ERROR", { message: "Unknown destination" });
    await vi.advanceTimersByTimeAsync(1000);
    expect(await refused).toBeInstanceOf(ReceiptTimeoutError);
    await end(client);
  });
});

describe("the wait for a confirmation", () => {
  test("ends with the time-out and the signal, wherever the message is", async () => {
    const { broker, client } = await sending({ receipts: false }, { outbox: { inFlight: 1, messages: 2 } });
    const abort = new AbortController();
    const why = new Error("no longer wanted");
    const inFlight = failure(client.send("/queue/a", "in flight", { timeout: 100, receipt: "r" }));
    const unsent = failure(client.send("/queue/a", "unsent", { timeout: 50 }));
    const noRoom = failure(client.send("/queue/a", "no room", { timeout: 60 }));
    const noRoomEither = failure(client.send("/queue/a", "nor here", { signal: abort.signal }));
    await settled();
    abort.abort(why);
    expect(await noRoomEither).toBe(why);
    await vi.advanceTimersByTimeAsync(100);
    expect(await inFlight).toMatchObject({
      name: "ReceiptTimeoutError",
      message: "no receipt of SEND to /queue/a within 100 ms",
      receiptId: "r",
    });
    expect(await unsent).toMatchObject({
      message: "no receipt of SEND to /queue/a within 50 ms; it was not sent",
      timeout: 50,
    });
    expect(await noRoom).toBeInstanceOf(ReceiptTimeoutError);
    expect(client.metrics().outboxMessages).toBe(0);
    const next = client.send("/queue/a", "next");
    await settled();
    confirm(broker, "next");
    await next;
    expect(await failure(client.send("/queue/a", "x", { signal: abort.signal }))).toBe(why);
    await end(client);
  });

  test("leaves no listener on the signal", async () => {
    const { broker, client } = await sending();
    const { signal } = new AbortController();
    const removed = vi.spyOn(signal, "removeEventListener");
    const added = vi.spyOn(signal, "addEventListener");
    const sent = client.send("/queue/a", "1", { signal });
    await settled();
    confirm(broker, "1");
    await sent;
    expect(removed.mock.calls.length).toBe(added.mock.calls.length);
    await end(client);
  });
});

describe("the bounds of the outbox", () => {
  test("make a send wait its turn", async () => {
    const { broker, client } = await sending({ receipts: false }, { outbox: { messages: 2, bytes: 10 } });
    const sent = ["1", "2", "3", "4"].map((body) => client.send("/queue/a", body));
    await settled();
    expect(bodies(broker)).toEqual(["1", "2"]);
    confirm(broker, "1", "2");
    await settled();
    expect(bodies(broker)).toEqual(["1", "2", "3", "4"]);
    confirm(broker, "3", "4");
    await Promise.all(sent);
    await end(client);
  });

  test("or reject, as it is wished", async () => {
    const { broker, client } = await sending(
      { receipts: false },
      { outbox: { messages: 2, bytes: 10, whenFull: "reject" } },
    );
    const sent = ["1234", "5678"].map((body) => client.send("/queue/a", body));
    const full = await failure(client.send("/queue/a", "9"));
    expect(full).toBeInstanceOf(OutboxFullError);
    expect(full).toMatchObject({
      code: "outbox-full",
      message: "SEND to /queue/a does not fit: the outbox has 2 messages of 8 bytes, its limits are 2 and 10",
    });
    await settled();
    confirm(broker, "1234", "5678");
    await Promise.all(sent);
    await end(client);
  });

  test("never let in what is larger than all of it", async () => {
    const { client } = await sending({ receipts: false }, { outbox: { bytes: 10 } });
    expect(await failure(client.send("/queue/a", "x".repeat(11)))).toMatchObject({
      code: "outbox-full",
      message: "SEND to /queue/a has 11 bytes, the outbox takes 10",
    });
    await end(client);
  });
});

describe("the end of the client", () => {
  test("waits for what is not confirmed, within its time-out", async () => {
    const { broker, client } = await sending();
    const sent = client.send("/queue/a", "1");
    const disconnecting = client.disconnect();
    await settled();
    expect(broker.of("DISCONNECT")).toEqual([]);
    confirm(broker, "1");
    await sent;
    await settled();
    expect(broker.of("DISCONNECT")).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2000);
    await disconnecting;
  });

  test("tells the truth about what was not", async () => {
    const { broker, client } = await sending({ receipts: false }, { outbox: { inFlight: 1, messages: 2 } });
    const fates = ["in flight", "unsent", "no room"].map((body) => failure(client.send("/queue/a", body)));
    await settled();
    const disconnecting = client.disconnect({ timeout: 10 });
    await vi.advanceTimersByTimeAsync(10);
    await disconnecting;
    expect(broker.of("DISCONNECT")).toHaveLength(1);
    const [inFlight, unsent, noRoom] = await Promise.all(fates);
    expect(inFlight).toMatchObject({
      name: "ConnectionLostError",
      outcome: "unknown",
      message: "SEND to /queue/a was not confirmed: the client has disconnected",
    });
    expect(unsent).toMatchObject({ outcome: "not-sent" });
    expect(noRoom).toMatchObject({ outcome: "not-sent" });
    expect(await failure(client.send("/queue/a", "late"))).toBeInstanceOf(InvalidStateError);
    expect(client.metrics().outboxMessages).toBe(0);
  });

  test("when reconnecting is given up is told with its reason", async () => {
    const { broker, client } = await sending({ receipts: false }, { reconnect: false });
    const fate = failure(client.send("/queue/a", "1"));
    await settled();
    cut(broker);
    expect(await fate).toMatchObject({ outcome: "unknown", cause: { code: "connection-lost" } });
    expect(await failure(client.send("/queue/a", "late"))).toBeInstanceOf(ConnectionLostError);
  });
});

/** A store in a test's hands: what it is asked waits until it is told to go on, if it is to. */
class FakeStore implements SendStore {
  readonly kept = new Map<string, StoredSend>();
  opened = 0;
  closed = 0;
  failing: { open?: Error | undefined; add?: Error | undefined; delete?: Error | undefined } = {};
  gate: Promise<void> = Promise.resolve();

  async open(): Promise<readonly StoredSend[]> {
    this.opened++;
    await this.gate;
    if (this.failing.open !== undefined) throw this.failing.open;
    return [...this.kept.values()];
  }

  async add(send: StoredSend): Promise<void> {
    await this.gate;
    if (this.failing.add !== undefined) throw this.failing.add;
    this.kept.set(send.key, send);
  }

  async delete(key: string): Promise<void> {
    if (this.failing.delete !== undefined) throw this.failing.delete;
    this.kept.delete(key);
    await Promise.resolve();
  }

  async close(): Promise<void> {
    this.closed++;
    await Promise.resolve();
  }
}

const old = (key: string): StoredSend => ({
  key,
  destination: "/queue/a",
  headers: [["x", "1"]],
  body: `old ${key}`,
  contentLength: true,
});

describe("an outbox with a store", () => {
  test("sends nothing before it is kept, and forgets it when it is confirmed", async () => {
    const store = new FakeStore();
    let open = (): void => undefined;
    store.gate = new Promise((resolve) => (open = resolve));
    const { broker, client } = await sending({ receipts: false }, { outbox: { store } });
    const sent = client.send("/queue/a", "1", { headers: { n: 5, yes: true } });
    await settled();
    expect(bodies(broker)).toEqual([]);
    open();
    await settled();
    expect(bodies(broker)).toEqual(["1"]);
    expect([...store.kept.values()]).toEqual([
      {
        key: expect.any(String) as string,
        destination: "/queue/a",
        headers: [
          ["n", "5"],
          ["yes", "true"],
        ],
        body: "1",
        contentLength: true,
      },
    ]);
    confirm(broker, "1");
    await sent;
    await end(client);
    expect(store.kept.size).toBe(0);
    expect(store).toMatchObject({ opened: 1, closed: 1 });
  });

  test("sends first what an earlier process left, in its order", async () => {
    const store = new FakeStore();
    for (const key of ["a", "b"]) store.kept.set(key, old(key));
    const { broker, client } = await sending({ receipts: false }, { outbox: { store } });
    const sent = client.send("/queue/a", "new");
    await settled();
    expect(bodies(broker)).toEqual(["old a", "old b", "new"]);
    expect(broker.of("SEND")[0]?.headers.get("x")).toBe("1");
    confirm(broker, "old a", "old b", "new");
    await sent;
    await end(client);
    expect(store.kept.size).toBe(0);
  });

  test("tells by status of an old message that the broker refuses, and forgets it", async () => {
    const store = new FakeStore();
    store.kept.set("a", old("a"));
    const statuses: Status[] = [];
    const broker = new ScriptedBroker({ receipts: false });
    const client = new DialClient(broker.dial, { heartBeat: false, delivery: "at-least-once", outbox: { store } });
    client.onStatus((status) => statuses.push(status));
    await client.connect();
    await settled();
    broker.send("ERROR", { message: "no", "receipt-id": broker.of("SEND")[0]?.headers.get("receipt") ?? "" });
    await settled();
    expect(statuses.at(-1)).toMatchObject({
      type: "unsent-message",
      destination: "/queue/a",
      error: { message: "no" },
    });
    expect(store.kept.size).toBe(0);
    await end(client);
  });

  test("keeps what is given up, and says so", async () => {
    const store = new FakeStore();
    const { client } = await sending({ receipts: false }, { outbox: { store } });
    const fate = failure(client.send("/queue/a", "1"));
    await settled();
    const disconnecting = client.disconnect({ timeout: 10 });
    await vi.advanceTimersByTimeAsync(10);
    await disconnecting;
    expect(await fate).toMatchObject({ name: "ConnectionLostError", outcome: "kept" });
    expect(store.kept.size).toBe(1);
    expect(store.closed).toBe(1);
    // The same client connects again: now it goes out.
    const again = client.connect();
    await settled();
    await again;
    await settled();
    expect(store.opened).toBe(2);
    expect(client.metrics().outboxMessages).toBe(1);
    await end(client);
  });

  test("that cannot be opened rejects the sends, is told by status, and is tried again", async () => {
    const store = new FakeStore();
    store.failing.open = new Error("locked");
    const statuses: Status[] = [];
    const broker = new ScriptedBroker();
    const client = new DialClient(broker.dial, { heartBeat: false, delivery: "at-least-once", outbox: { store } });
    client.onStatus((status) => statuses.push(status));
    await client.connect();
    await settled();
    expect(statuses.at(-1)).toMatchObject({ type: "store-error", error: { message: "locked" } });
    expect(await failure(client.send("/queue/a", "1"))).toBe(store.failing.open);
    store.failing.open = undefined;
    await client.send("/queue/a", "2");
    expect(bodies(broker)).toEqual(["2"]);
    await end(client);
  });

  test("that fails to keep a message rejects it alone; one that fails to forget is told by status", async () => {
    const store = new FakeStore();
    const { broker, client } = await sending({}, { outbox: { store } });
    const statuses: Status[] = [];
    client.onStatus((status) => statuses.push(status));
    store.failing.add = new Error("disk full");
    expect(await failure(client.send("/queue/a", "1"))).toBe(store.failing.add);
    store.failing.add = undefined;
    store.failing.delete = new Error("disk broken");
    await client.send("/queue/a", "2");
    await settled();
    expect(bodies(broker)).toEqual(["2"]);
    expect(statuses).toEqual([{ type: "store-error", error: store.failing.delete }]);
    store.failing = {};
    await end(client);
  });
});

test("over any course of events every send is settled, and truthfully", async () => {
  const event = fc.oneof(
    { weight: 5, arbitrary: fc.constant("send" as const) },
    { weight: 4, arbitrary: fc.nat(5) },
    { weight: 1, arbitrary: fc.constant("cut" as const) },
    { weight: 1, arbitrary: fc.constant("end" as const) },
    { weight: 2, arbitrary: fc.constant("wait" as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), async (events, inFlight) => {
      const { broker, client } = await sending({ receipts: false }, { outbox: { inFlight, messages: 5 } });
      const fates: Promise<unknown>[] = [];
      const confirmed = new Set<string>();
      const open: string[] = [];
      let seen = 0;
      const note = (): void => {
        for (const frame of broker.of("SEND").slice(seen))
          open.push(`${frame.text()} ${frame.headers.get("receipt") ?? ""}`);
        seen = broker.of("SEND").length;
      };
      for (const one of events) {
        if (one === "send") fates.push(failure(client.send("/queue/a", String(fates.length))));
        else if (one === "cut") cut(broker);
        else if (one === "end") void broker.transport.close();
        else if (one === "wait") await vi.advanceTimersByTimeAsync(1);
        else {
          note();
          const [body = "", receipt = ""] = (open.splice(one, 1)[0] ?? "").split(" ");
          if (receipt !== "" && client.state === "connected") {
            broker.send("RECEIPT", { "receipt-id": receipt });
            confirmed.add(body);
          }
        }
        await settled();
        if (one === "cut" || one === "end") open.length = 0;
      }
      const disconnecting = client.disconnect({ timeout: 10 });
      await vi.advanceTimersByTimeAsync(50);
      await disconnecting;
      const ends = await Promise.all(fates);
      const sent = new Set(bodies(broker));
      for (const [i, end] of ends.entries()) {
        if (end === "resolved") expect(confirmed).toContain(String(i));
        else if ((end as ConnectionLostError).outcome === "not-sent") expect(sent).not.toContain(String(i));
      }
      // The broker gets a message for the first time before any later one.
      const first = [...sent].map(Number);
      expect(first).toEqual([...first].sort((a, b) => a - b));
      expect(vi.getTimerCount()).toBe(0);
    }),
    { numRuns: 150 },
  );
});
