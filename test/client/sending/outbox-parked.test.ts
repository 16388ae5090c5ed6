import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { InvalidStateError, OutboxFullError, ReceiptTimeoutError } from "../../../src/errors.js";
import { failure } from "../../support/connected.js";
import { Keeping, keeping } from "../../support/keeping.js";
import { settled } from "../../support/scripted-broker.js";
import { ScriptedStore } from "../../support/scripted-store.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** A client whose broker confirms everything but `unwanted`, over which it ends the session with an ERROR. */
function picky(store: ScriptedStore, unwanted: Set<string>): Keeping {
  const kept: Keeping = new Keeping(
    { outbox: { store } },
    {
      onFrame: (frame) => {
        if (frame.command !== "SEND") return;
        if (unwanted.has(frame.text())) kept.refuse(`no ${frame.text()}`);
        else void kept.confirm(frame.text());
      },
    },
  );
  return kept;
}

function unsentOf({ told }: Keeping): string[] {
  return told.flatMap((status) => (status.type === "unsent-message" ? [status.key] : []));
}

async function sessions(kept: Keeping, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await kept.again();
}

describe("a stored message that nobody waits for", () => {
  test("is parked, not deleted, when the broker closes in order over it again and again", async () => {
    const store = new ScriptedStore("a", "b");
    const kept: Keeping = new Keeping(
      { outbox: { store }, receiptTimeout: 200 },
      {
        onFrame: (frame, broker) => {
          if (frame.command !== "SEND") return;
          if (frame.text() === "a") void broker.transport.close();
          else void kept.confirm(frame.text());
        },
      },
    );
    await kept.client.connect();
    await sessions(kept, 8);
    expect(unsentOf(kept)).toEqual(["earlier-a"]);
    expect(store.parked).toEqual([["a", expect.stringContaining("closed") as string]]);
    expect(store.bodies).toEqual(["a"]);
    expect(kept.client.state).toBe("connected");
    await kept.client.disconnect();
  });

  test("is parked when no receipt comes after an ERROR", async () => {
    const store = new ScriptedStore("a");
    const kept = await keeping({ outbox: { store }, receiptTimeout: 1000 });
    await settled();
    kept.broker.send("ERROR", { message: "not_found" });
    await vi.advanceTimersByTimeAsync(1000);
    expect(kept.told.at(-1)).toMatchObject({ type: "unsent-message", error: expect.any(ReceiptTimeoutError) as Error });
    expect(store.parked).toEqual([["a", expect.stringContaining("an ERROR came since: not_found") as string]]);
    await kept.client.disconnect();
  });

  test("is parked when an ERROR names it", async () => {
    const store = new ScriptedStore("a");
    const kept = await keeping({ outbox: { store } });
    await settled();
    kept.broker.send("ERROR", { message: "too large", "receipt-id": kept.frame("a").headers.get("receipt") });
    await settled();
    expect(store.parked).toEqual([["a", "too large"]]);
    await kept.client.disconnect();
  });

  test("is parked when its call was told that it is kept, in a later session of the same client", async () => {
    const store = new ScriptedStore();
    const unwanted = new Set(["1"]);
    const kept = picky(store, unwanted);
    const sent = failure(kept.client.send("/queue/a", "1"));
    await settled();
    await kept.client.disconnect({ timeout: 10 });
    expect(await sent).toMatchObject({ outcome: "kept" });
    await kept.client.connect();
    await sessions(kept, 4);
    expect(store.parked).toEqual([["1", "no 1"]]);
    await kept.client.disconnect();
  });

  test("is not given up by the signal or time-out of a call that was told that it is kept", async () => {
    const store = new ScriptedStore();
    const kept = await keeping({ outbox: { store }, reconnect: false });
    const abort = new AbortController();
    kept.client.onStatus(({ type }) => {
      if (type === "disconnected") abort.abort("too late");
    });
    const sent = failure(kept.client.send("/queue/a", "1", { signal: abort.signal, timeout: 1000 }));
    await settled();
    await kept.cut();
    expect(await sent).toMatchObject({ outcome: "kept" });
    await vi.advanceTimersByTimeAsync(2000);
    expect(store.bodies).toEqual(["1"]);
    expect(store.parked).toEqual([]);
    expect(unsentOf(kept)).toEqual([]);
    await kept.client.disconnect();
  });

  test("stays parked over restarts: it is skipped, and reported each time that the store is opened", async () => {
    const store = new ScriptedStore("poison", "a");
    const first = picky(store, new Set(["poison"]));
    await first.client.connect();
    await sessions(first, 4);
    await first.client.disconnect();
    for (let start = 0; start < 2; start++) {
      const kept = picky(store, new Set(["poison"]));
      await kept.client.connect();
      await kept.client.send("/queue/a", "new");
      expect(kept.sent).toEqual([["new"]]);
      expect(kept.told.filter(({ type }) => type === "unsent-message")).toMatchObject([
        {
          key: "earlier-poison",
          destination: "/queue/a",
          error: { name: "ConnectionLostError", outcome: "kept", message: "not sent in an earlier session: no poison" },
        },
      ]);
      expect(kept.client.unsent.list()).toEqual([
        {
          key: "earlier-poison",
          destination: "/queue/a",
          headers: [],
          contentLength: true,
          body: "poison",
          parked: "no poison",
        },
      ]);
      await kept.cut();
      await kept.again();
      expect(unsentOf(kept)).toHaveLength(1); // the store was not opened again
      await kept.client.disconnect();
      expect(kept.client.unsent.list()).toEqual([]);
    }
    expect(store.bodies).toEqual(["poison"]);
  });

  test("has a reason of at most 1000 characters", async () => {
    const store = new ScriptedStore("a");
    const kept = await keeping({ outbox: { store } });
    await settled();
    const message = "x".repeat(100_000);
    kept.broker.send("ERROR", { message, "receipt-id": kept.frame("a").headers.get("receipt") });
    await settled();
    expect(store.parked).toEqual([["a", message.slice(0, 1000)]]);
    await kept.client.disconnect();
  });

  test("is told by a warning where nobody listens, and ends no process", async () => {
    const store = new ScriptedStore("poison", "a");
    const told = vi.spyOn(console, "warn").mockReturnValue();
    const kept = picky(store, new Set(["poison"]));
    kept.listenNoMore();
    await kept.client.connect();
    await sessions(kept, 4);
    await kept.client.disconnect();
    expect(told.mock.calls).toContainEqual([
      "stompede: a message to /queue/a is not sent any more, see client.unsent; " +
        "client.onStatus(listener) reports this, and a listener silences the warning",
    ]);
  });

  test("is reported by a store-error when the store cannot mark it, and stays", async () => {
    const store = new ScriptedStore("a");
    const fault = new Error("disk full");
    store.faults.set("park", fault);
    const kept = picky(store, new Set(["a"]));
    await kept.client.connect();
    await sessions(kept, 4);
    expect(kept.told).toContainEqual({ type: "store-error", error: fault });
    expect(unsentOf(kept)).toEqual(["earlier-a"]);
    expect(store.bodies).toEqual(["a"]);
    await kept.client.disconnect();
  });
});

describe("a stored message that a call waits for", () => {
  test("is deleted with the rejection that the call gets", async () => {
    const store = new ScriptedStore();
    const kept = picky(store, new Set(["1"]));
    await kept.client.connect();
    const sent = failure(kept.client.send("/queue/a", "1"));
    await sessions(kept, 4);
    expect(await sent).toMatchObject({ message: "no 1" });
    expect(store.bodies).toEqual([]);
    expect(unsentOf(kept)).toEqual([]);
    await kept.client.disconnect();
  });
});

describe("parked messages", () => {
  async function parked(...bodies: readonly string[]): Promise<{ store: ScriptedStore; kept: Keeping }> {
    const store = new ScriptedStore(...bodies);
    for (const [key, send] of store.kept) store.kept.set(key, { ...send, parked: "no" });
    const kept = picky(store, new Set());
    await kept.client.connect();
    await settled();
    expect(kept.now).toEqual([]);
    return { store, kept };
  }

  test("are sent by unsent.retry(), and deleted when they are confirmed", async () => {
    const { store, kept } = await parked("a", "b");
    await kept.client.unsent.retry();
    await settled();
    expect(kept.now).toEqual(["a", "b"]);
    expect(store.bodies).toEqual([]);
    expect(kept.client.unsent.list()).toEqual([]);
    await kept.client.disconnect();
  });

  test("are sent one by one by their keys, and are parked no longer should the process end before", async () => {
    const { store, kept } = await parked("a", "b");
    await kept.cut();
    await kept.client.unsent.retry("earlier-b");
    expect(store.parked).toEqual([["a", "no"]]);
    expect(kept.client.unsent.list()).toHaveLength(1);
    expect(kept.client.metrics().outboxMessages).toBe(1);
    await kept.again();
    expect(kept.now).toEqual(["b"]);
    await kept.client.disconnect();
  });

  test("may be given up again", async () => {
    const store = new ScriptedStore("poison");
    const kept = picky(store, new Set(["poison"]));
    await kept.client.connect();
    await sessions(kept, 4);
    await kept.client.unsent.retry("earlier-poison");
    await sessions(kept, 4);
    expect(unsentOf(kept)).toEqual(["earlier-poison", "earlier-poison"]);
    expect(store.parked).toEqual([["poison", "no poison"]]);
    await kept.client.disconnect();
  });

  test("may be retried by the listener that hears of them", async () => {
    const store = new ScriptedStore("poison");
    const unwanted = new Set(["poison"]);
    const kept = picky(store, unwanted);
    kept.client.onStatus((status) => {
      if (status.type !== "unsent-message") return;
      unwanted.clear();
      void kept.client.unsent.retry(status.key);
    });
    await kept.client.connect();
    await sessions(kept, 4);
    expect(kept.now).toEqual(["poison"]);
    expect(store.calls.filter((call) => call.endsWith("poison"))).toEqual([
      "park poison",
      "unpark poison",
      "delete poison",
    ]);
    await kept.client.disconnect();
  });

  test("are deleted by unsent.discard(), one or all", async () => {
    const { store, kept } = await parked("a", "b", "c");
    await kept.client.unsent.discard("earlier-b");
    expect(store.bodies).toEqual(["a", "c"]);
    await kept.client.unsent.discard();
    expect(store.bodies).toEqual([]);
    expect(kept.client.unsent.list()).toEqual([]);
    expect(kept.now).toEqual([]);
    await kept.client.disconnect();
  });

  test("stay when the store cannot delete them", async () => {
    const { store, kept } = await parked("a");
    const fault = new Error("disk full");
    store.faults.set("delete", fault);
    expect(await failure(kept.client.unsent.discard())).toBe(fault);
    expect(kept.client.unsent.list()).toHaveLength(1);
    await kept.client.disconnect();
  });

  test("are named by keys that are known", async () => {
    const { kept } = await parked("a");
    const error = new InvalidStateError('no unsent message has the key "b"');
    expect(await failure(kept.client.unsent.retry("b"))).toEqual(error);
    expect(await failure(kept.client.unsent.discard("b"))).toEqual(error);
    await kept.client.disconnect();
    expect(await failure(kept.client.unsent.retry("earlier-a"))).toBeInstanceOf(InvalidStateError);
    await kept.client.unsent.retry(); // none
  });

  test("leave all of its room to the outbox", async () => {
    const store = new ScriptedStore("a", "b", "c");
    for (const [key, send] of store.kept) store.kept.set(key, { ...send, parked: "no" });
    const kept = await keeping({ outbox: { store, messages: 2, bytes: 3, whenFull: "reject" } });
    await settled();
    const sends = ["1", "23"].map((body) => kept.client.send("/queue/a", body));
    await settled();
    await kept.confirm("1", "23");
    await Promise.all(sends);
    await kept.client.disconnect();
  });

  test.each([
    ["10,000 messages", Array.from({ length: 10_000 }, (_, index) => `${index}`)],
    ["as many bytes as the outbox may hold", ["x".repeat(70_000)]],
  ])("keep new ones out when there are %s", async (_, bodies) => {
    const store = new ScriptedStore(...bodies);
    for (const [key, send] of store.kept) store.kept.set(key, { ...send, parked: "no" });
    const kept = await keeping({ outbox: { store, bytes: 60_000, whenFull: "reject" } });
    await settled();
    const bytes = bodies.join("").length;
    expect(await failure(kept.client.send("/queue/a", "1"))).toEqual(
      new OutboxFullError(
        `SEND to /queue/a does not fit: the outbox has 0 messages of 0 bytes, and ${bodies.length} unsent ones of ${bytes} bytes, its limits are 10000 and 60000`,
      ),
    );
    await kept.client.unsent.discard(`earlier-${bodies[0] ?? ""}`);
    const sent = kept.client.send("/queue/a", "1");
    await settled();
    await kept.confirm("1");
    await sent;
    await kept.client.disconnect();
  });

  test("let those in who wait for room when they are discarded or retried", async () => {
    for (const call of ["discard", "retry"] as const) {
      const store = new ScriptedStore("aa");
      for (const [key, send] of store.kept) store.kept.set(key, { ...send, parked: "no" });
      const kept = await keeping({ outbox: { store, bytes: 1 } });
      await settled();
      const sent = kept.client.send("/queue/a", "1");
      await settled();
      expect(kept.now).toEqual([]);
      await kept.client.unsent[call]();
      await settled();
      if (call === "retry") await kept.confirm("aa");
      await kept.confirm("1");
      await sent;
      await kept.client.disconnect();
    }
  });
});

test("messages that another page or process left come in while the store is open, before those that are not sent yet", async () => {
  const store = new ScriptedStore();
  const kept = await keeping({ outbox: { store, inFlight: 1 } });
  const sends = ["1", "2"].map((body) => kept.client.send("/queue/a", body));
  await settled();
  store.find("x", "y");
  for (const body of ["1", "x", "y", "2"]) await kept.confirm(body);
  await Promise.all(sends);
  expect(kept.now).toEqual(["1", "x", "y", "2"]);
  expect(store.bodies).toEqual([]);
  await kept.client.disconnect();
  store.find("z"); // too late
  await settled();
  expect(kept.now).toEqual(["1", "x", "y", "2"]);
  expect(kept.client.metrics().outboxMessages).toBe(0);
});
