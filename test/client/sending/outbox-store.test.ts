import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ConnectionLostError, ReceiptTimeoutError, ServerError } from "../../../src/errors.js";
import type { SendStore } from "../../../src/store.js";
import { failure } from "../../support/connected.js";
import { Keeping, keeping } from "../../support/keeping.js";
import { settled } from "../../support/scripted-broker.js";
import { ScriptedStore } from "../../support/scripted-store.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

describe("an outbox with a store", () => {
  test("has a message stored before it is sent, and deleted once it is confirmed", async () => {
    const store = new ScriptedStore();
    const kept = await keeping({ outbox: { store } });
    store.slow.add("add");
    const sent = kept.client.send("/queue/a", "1");
    await settled();
    expect(kept.now).toEqual([]);
    store.release();
    await settled();
    expect(kept.now).toEqual(["1"]);
    expect(store.bodies).toEqual(["1"]);
    await kept.confirm("1");
    await sent;
    expect(store.bodies).toEqual([]);
    await kept.client.disconnect();
    expect(store.calls).toEqual(["open", "add 1", "delete 1", "close"]);
  });

  test("stores what is to be sent: strings for headers, the body as it was given, and nothing that a session makes", async () => {
    const store = new ScriptedStore();
    const kept = await keeping({ outbox: { store }, propagation: { inject: (headers) => (headers.trace = 7) } });
    const headers = [
      ["n", 1],
      ["n", true],
      ["none", undefined],
    ] as const;
    const octets = Uint8Array.of(1, 2);
    const sends = [
      kept.client.send("/queue/a", "text", { headers, receipt: "mine", contentLength: false }),
      kept.client.send("/queue/b", octets),
    ];
    octets.fill(9);
    await settled();
    const [one, two] = [...store.kept.values()];
    expect(one).toEqual({
      key: one?.key,
      destination: "/queue/a",
      headers: [
        ["n", "1"],
        ["n", "true"],
        ["trace", "7"],
      ],
      body: "text",
      contentLength: false,
    });
    expect(two).toMatchObject({ destination: "/queue/b", headers: [["trace", "7"]], body: Uint8Array.of(1, 2) });
    expect(one?.key).not.toBe(two?.key);
    for (const frame of kept.broker.of("SEND")) {
      kept.broker.send("RECEIPT", { "receipt-id": frame.headers.get("receipt") });
    }
    await Promise.all(sends);
    await kept.client.disconnect();
  });

  test("keeps the order though the store confirms in another one", async () => {
    const store = new ScriptedStore();
    const kept = await keeping({ outbox: { store } }, { receipts: true });
    store.slow.add("add");
    const first = kept.client.send("/queue/a", "1");
    store.slow.clear();
    const second = kept.client.send("/queue/a", "2");
    await settled();
    expect(store.bodies).toEqual(["2"]);
    expect(kept.now).toEqual([]);
    store.release();
    await Promise.all([first, second]);
    expect(kept.now).toEqual(["1", "2"]);
    await kept.client.disconnect();
  });

  test("sends what an earlier process left first, in order, and then what was sent meanwhile", async () => {
    const store = new ScriptedStore("a", "b");
    store.slow.add("open");
    const kept = new Keeping({ outbox: { store } }, { receipts: true });
    const early = kept.client.send("/queue/a", "1");
    await kept.client.connect();
    const late = kept.client.send("/queue/a", "2");
    await settled();
    expect(kept.now).toEqual([]);
    expect(kept.client.metrics().outboxMessages).toBe(2);
    store.release();
    await Promise.all([early, late]);
    expect(kept.now).toEqual(["a", "b", "1", "2"]);
    expect(store.calls.slice(0, 3)).toEqual(["open", "add 1", "add 2"]);
    expect(store.bodies).toEqual([]);
    await kept.client.disconnect();
  });

  test("counts what is restored against its bounds", async () => {
    const store = new ScriptedStore("a", "b", "c");
    const kept = await keeping({ outbox: { store, messages: 2 } });
    await settled();
    const sent = kept.client.send("/queue/a", "1");
    await settled();
    expect(store.bodies).toEqual(["a", "b", "c"]);
    await kept.confirm("a");
    expect(store.bodies).toEqual(["b", "c"]);
    await kept.confirm("b");
    expect(store.bodies).toEqual(["c", "1"]);
    await kept.confirm("c", "1");
    await sent;
    await kept.client.disconnect();
  });
});

describe("a store that cannot be opened", () => {
  const fault = new Error("another process has it");

  test("fails who sends, and is tried again by the next", async () => {
    const store = new ScriptedStore("a");
    store.faults.set("open", fault);
    const kept = await keeping({ outbox: { store } }, { receipts: true });
    await settled();
    expect(kept.told.filter(({ type }) => type === "store-error")).toEqual([{ type: "store-error", error: fault }]);
    const sends = ["1", "2"].map((body) => failure(kept.client.send("/queue/a", body)));
    expect(await Promise.all(sends)).toEqual([fault, fault]);
    expect(kept.now).toEqual([]);
    store.faults.clear();
    await kept.client.send("/queue/a", "3");
    expect(kept.now).toEqual(["a", "3"]);
    expect(store.calls.filter((call) => call === "open")).toHaveLength(3);
    await kept.client.disconnect();
  });

  test("is tried again in the next session", async () => {
    const store = new ScriptedStore("a");
    store.faults.set("open", fault);
    const kept = await keeping({ outbox: { store } }, { receipts: true });
    await settled();
    store.faults.clear();
    await kept.cut();
    await kept.again();
    expect(kept.now).toEqual(["a"]);
    await kept.client.disconnect();
  });

  test("fails those who wait for room as well", async () => {
    const store = new ScriptedStore();
    store.faults.set("open", fault);
    store.slow.add("open");
    const kept = await keeping({ outbox: { store, messages: 1 } });
    const sends = ["1", "2", "3"].map((body) => failure(kept.client.send("/queue/a", body)));
    await settled();
    store.release();
    expect(await Promise.all(sends)).toEqual([fault, fault, fault]);
    await kept.client.disconnect();
  });

  test("may throw instead of rejecting", async () => {
    const store: SendStore = {
      open: () => {
        throw fault;
      },
      add: () => Promise.resolve(),
      delete: () => Promise.resolve(),
      park: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
    const kept = await keeping({ outbox: { store } });
    expect(await failure(kept.client.send("/queue/a", "1"))).toBe(fault);
    expect(kept.client.state).toBe("connected");
    await kept.client.disconnect();
  });
});

describe("a store that fails", () => {
  test.each([new Error("disk full"), undefined])("to keep a message (%s) rejects that send alone", async (fault) => {
    const store = new ScriptedStore();
    const kept = await keeping({ outbox: { store } }, { receipts: true });
    await settled();
    store.faults.set("add", fault);
    const failed = failure(kept.client.send("/queue/a", "1"));
    await settled();
    store.faults.clear();
    await kept.client.send("/queue/a", "2");
    expect(await failed).toBe(fault);
    expect(kept.now).toEqual(["2"]);
    await kept.client.disconnect();
  });

  test("to forget a message tells it by status: the message is confirmed, and will be sent again some day", async () => {
    const store = new ScriptedStore();
    const fault = new Error("disk gone");
    store.faults.set("delete", fault);
    const kept = await keeping({ outbox: { store } }, { receipts: true });
    await kept.client.send("/queue/a", "1");
    await settled();
    expect(kept.told.at(-1)).toEqual({ type: "store-error", error: fault });
    expect(store.bodies).toEqual(["1"]);
    await kept.client.disconnect();
  });
});

describe("a message that is given up", () => {
  test.each(["at once", "while it is being stored", "once it is stored"])("%s is not kept", async (when) => {
    const store = new ScriptedStore();
    const kept = await keeping({ outbox: { store } });
    await settled();
    await kept.cut();
    const abort = new AbortController();
    if (when === "while it is being stored") store.slow.add("add");
    const given = failure(kept.client.send("/queue/a", "1", { signal: abort.signal }));
    if (when !== "at once") await settled();
    abort.abort("enough");
    expect(await given).toBe("enough");
    store.release();
    await settled();
    expect(store.bodies).toEqual([]);
    await kept.again();
    expect(kept.now).toEqual([]);
    await kept.client.disconnect();
  });

  test("before the store is open is never stored", async () => {
    const store = new ScriptedStore();
    store.slow.add("open");
    const kept = await keeping({ outbox: { store } });
    const given = failure(kept.client.send("/queue/a", "1", { timeout: 500 }));
    await vi.advanceTimersByTimeAsync(500);
    expect(await given).toBeInstanceOf(ReceiptTimeoutError);
    store.release();
    await settled();
    expect(store.calls).toEqual(["open"]);
    expect(kept.now).toEqual([]);
    await kept.client.disconnect();
  });
});

describe("a message of an earlier process", () => {
  test("that the broker refuses is told by status, and parked", async () => {
    const store = new ScriptedStore("poison", "a");
    const kept = new Keeping(
      { outbox: { store } },
      {
        onFrame: (frame) => {
          if (frame.command !== "SEND") return;
          if (frame.text() === "poison") kept.refuse("ACCESS_REFUSED");
          else void kept.confirm(frame.text());
        },
      },
    );
    await kept.client.connect();
    for (let i = 0; i < 5; i++) await kept.again();
    const told = kept.told.filter(({ type }) => type === "unsent-message");
    expect(told).toEqual([
      {
        type: "unsent-message",
        error: expect.any(ServerError) as unknown,
        key: "earlier-poison",
        destination: "/queue/a",
      },
    ]);
    expect(store.parked).toEqual([["poison", "ACCESS_REFUSED"]]);
    expect(store.bodies).toEqual(["poison"]);
    await kept.client.disconnect();
  });

  test("that this session's version cannot express is told by status, and parked", async () => {
    const store = new ScriptedStore();
    const wrong = { key: "k", destination: "/queue/b", headers: [["a", "two\nlines"]], body: "", contentLength: true };
    store.kept.set("k", wrong as never);
    const kept = await keeping(
      { outbox: { store }, versions: ["1.0"] },
      { session: { versions: ["1.0"] }, receipts: true },
    );
    await settled();
    expect(kept.told.at(-1)).toMatchObject({
      type: "unsent-message",
      error: { message: 'header "a" has a line feed, which cannot be escaped here' },
      key: "k",
      destination: "/queue/b",
    });
    expect(store.parked).toEqual([["", 'header "a" has a line feed, which cannot be escaped here']]);
    await kept.client.disconnect();
  });
});

describe("when there is no session to come", () => {
  test("disconnect() waits for what the store has, though nobody knows of it yet", async () => {
    const store = new ScriptedStore("a", "b");
    store.slow.add("open");
    const kept = await keeping({ outbox: { store } }, { receipts: true });
    const disconnecting = kept.client.disconnect();
    await settled();
    expect(kept.broker.of("DISCONNECT")).toEqual([]);
    store.release();
    await disconnecting;
    expect(kept.now).toEqual(["a", "b"]);
    expect(store.bodies).toEqual([]);
    await kept.client.connect();
    await kept.client.disconnect(); // nothing to wait for
  });

  test("disconnect() does not wait for a store that cannot be opened", async () => {
    const store = new ScriptedStore("a");
    store.slow.add("open");
    store.faults.set("open", new Error("another process has it"));
    const kept = await keeping({ outbox: { store } });
    const disconnecting = kept.client.disconnect();
    store.release();
    await disconnecting;
  });

  test("disconnect() says of what the store has that it is kept, of the rest that it was not sent", async () => {
    const store = new ScriptedStore();
    const kept = await keeping({ outbox: { store, messages: 2, inFlight: 1 } });
    const sends = ["1", "2", "3"].map((body) => failure(kept.client.send("/queue/a", body)));
    await settled();
    const disconnecting = kept.client.disconnect({ timeout: 100 });
    await vi.advanceTimersByTimeAsync(100);
    await disconnecting;
    const errors = await Promise.all(sends);
    for (const error of errors) expect(error).toBeInstanceOf(ConnectionLostError);
    expect(errors).toMatchObject([{ outcome: "kept" }, { outcome: "kept" }, { outcome: "not-sent" }]);
    expect(store.bodies).toEqual(["1", "2"]);
    expect(store.calls.at(-1)).toBe("close");
    expect(kept.client.metrics().outboxMessages).toBe(0);

    await kept.client.connect();
    const later = kept.client.send("/queue/a", "4");
    await settled();
    await kept.confirm("1");
    await kept.confirm("2");
    await kept.confirm("4");
    await later;
    expect(kept.now).toEqual(["1", "2", "4"]);
    expect(store.bodies).toEqual([]);
    await kept.client.disconnect();
  });

  test("what the store is about to keep is told of once that is known", async () => {
    const store = new ScriptedStore();
    const kept = await keeping({ outbox: { store } });
    await settled();
    store.slow.add("add");
    const sent = failure(kept.client.send("/queue/a", "1"));
    let isOver = false;
    const disconnecting = kept.client.disconnect({ timeout: 100 }).then(() => (isOver = true));
    await vi.advanceTimersByTimeAsync(95); // the session has ended, and the store has some time left
    await settled();
    expect(kept.client.state).toBe("disconnected");
    expect(isOver).toBe(false);
    store.release();
    await disconnecting;
    expect(await sent).toMatchObject({ outcome: "kept" });
    expect(store.bodies).toEqual(["1"]);
    expect(store.calls).toEqual(["open", "add 1", "close"]);
    await kept.client.connect();
    await settled();
    await kept.confirm("1");
    await kept.client.disconnect();
    expect(kept.now).toEqual(["1"]);
    expect(store.bodies).toEqual([]);
  });

  test("what the store is about to keep, and does not, rejects with its error", async () => {
    const store = new ScriptedStore();
    const kept = await keeping({ outbox: { store } });
    await settled();
    store.slow.add("add");
    const fault = new Error("disk full");
    store.faults.set("add", fault);
    const sent = failure(kept.client.send("/queue/a", "1"));
    const disconnecting = kept.client.disconnect({ timeout: 100 });
    await vi.advanceTimersByTimeAsync(95);
    store.release();
    await disconnecting;
    expect(await sent).toBe(fault);
  });

  test("a store that is not open yet is given nothing any more, and is closed", async () => {
    const store = new ScriptedStore("a");
    store.slow.add("open");
    const kept = await keeping({ outbox: { store } });
    const sent = failure(kept.client.send("/queue/a", "1"));
    const disconnecting = kept.client.disconnect({ timeout: 100 });
    await vi.advanceTimersByTimeAsync(100);
    expect(await sent).toMatchObject({ outcome: "not-sent" });
    store.release();
    await disconnecting;
    await settled();
    expect(store.calls).toEqual(["open", "close"]);
    expect(kept.client.metrics().outboxMessages).toBe(0);
    expect(store.bodies).toEqual(["a"]);
  });

  test("giving up keeps what is stored, and the next connect() sends it", async () => {
    const store = new ScriptedStore();
    const kept = await keeping({ outbox: { store }, reconnect: false });
    const sent = failure(kept.client.send("/queue/a", "1"));
    await settled();
    await kept.cut();
    expect(await sent).toMatchObject({ outcome: "kept", code: "connection-lost" });
    await kept.client.connect();
    await settled();
    expect(kept.sent).toEqual([["1"], ["1"]]);
    await kept.confirm("1");
    expect(store.calls).toEqual(["open", "add 1", "close", "open", "delete 1"]);
    await kept.client.disconnect();
  });

  test("a store is opened again only when it is closed", async () => {
    const store = new ScriptedStore("a");
    const kept = await keeping({ outbox: { store } });
    await settled();
    store.slow.add("close");
    const disconnecting = kept.client.disconnect({ timeout: 100 });
    await vi.advanceTimersByTimeAsync(100);
    await kept.client.connect();
    const sent = kept.client.send("/queue/a", "1");
    await settled();
    expect(store.calls).toEqual(["open", "close"]);
    expect(kept.now).toEqual([]);
    store.release();
    await disconnecting;
    await settled();
    expect(kept.now).toEqual(["a", "1"]);
    await kept.confirm("a", "1");
    await sent;
    await kept.client.disconnect();
  });
});
