/** What happens when a store does not answer, and when it is let go of. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ReceiptTimeoutError } from "../../../src/errors.js";
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

/** Whether a promise has settled by now. */
function watch(promise: Promise<unknown>): { readonly isSettled: boolean } {
  const watched = { isSettled: false };
  const settle = (): void => {
    watched.isSettled = true;
  };
  promise.then(settle, settle);
  return watched;
}

describe("a store that hangs", () => {
  test.each([
    ["open", "not-sent"],
    ["add", "unknown"],
  ] as const)("in %s delays disconnect() no longer than its time-out, and what waits is %s", async (call, outcome) => {
    const store = new ScriptedStore();
    store.slow.add(call);
    const kept = await keeping({ outbox: { store } });
    const sends = ["1", "2"].map((body) => failure(kept.client.send("/queue/a", body)));
    await settled();
    const over = watch(kept.client.disconnect({ timeout: 100 }));
    await vi.advanceTimersByTimeAsync(99);
    expect(over.isSettled).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(over.isSettled).toBe(true);
    expect(await Promise.all(sends)).toMatchObject([{ outcome }, { outcome }]);
    expect(kept.client.metrics().outboxMessages).toBe(0);
    expect(kept.now).toEqual([]);
  });

  test.each(["delete", "close", "park"] as const)(
    "in %s delays disconnect() no longer than its time-out",
    async (call) => {
      const store = new ScriptedStore("a");
      store.slow.add(call);
      const kept = await keeping({ outbox: { store } });
      const sent = kept.client.send("/queue/a", "1");
      const other = failure(kept.client.send("/queue/a", "2"));
      await settled();
      kept.broker.send("ERROR", { message: "no", "receipt-id": kept.frame("a").headers.get("receipt") });
      await kept.confirm("1");
      await sent; // it is confirmed, whatever the store does with it
      const over = watch(kept.client.disconnect({ timeout: 100 }));
      await vi.advanceTimersByTimeAsync(99);
      expect(over.isSettled).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      expect(over.isSettled).toBe(true);
      expect(await other).toMatchObject({ outcome: "kept" });
    },
  );

  test("is waited for as long as the client's disconnectTimeout, where the call does not say", async () => {
    const store = new ScriptedStore();
    store.slow.add("close");
    const kept = await keeping({ outbox: { store }, disconnectTimeout: 300 });
    await settled();
    const over = watch(kept.client.disconnect());
    await vi.advanceTimersByTimeAsync(299);
    expect(over.isSettled).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(over.isSettled).toBe(true);
  });

  test("does not keep sends waiting when the client gives up", async () => {
    const store = new ScriptedStore();
    const kept = await keeping({ outbox: { store }, reconnect: false, disconnectTimeout: 300 });
    await settled();
    store.slow.add("add");
    const sent = kept.client.send("/queue/a", "1");
    const over = watch(sent);
    await settled();
    await kept.cut();
    await vi.advanceTimersByTimeAsync(299);
    expect(over.isSettled).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await failure(sent)).toMatchObject({ outcome: "unknown" });
    store.release();
    await settled();
    expect(store.bodies).toEqual(["1"]); // as was said: it may be sent yet
    expect(store.calls.at(-1)).toBe("close");
  });

  test("leaves sends their own bounds, before and after connecting again", async () => {
    for (const call of ["open", "add", "close"] as const) {
      const store = new ScriptedStore();
      const kept = await keeping({ outbox: { store } });
      await settled();
      if (call === "open") await kept.client.disconnect();
      store.slow.add(call);
      if (call === "add") {
        expect(
          await Promise.all([failure(kept.client.send("/queue/a", "0", { timeout: 50 })), later(50)]),
        ).toMatchObject([{ name: "ReceiptTimeoutError" }, undefined]);
      } else if (call === "open") await kept.client.connect();
      const disconnecting = kept.client.disconnect({ timeout: 100 });
      await vi.advanceTimersByTimeAsync(100);
      await disconnecting;
      await kept.client.connect();
      const abort = new AbortController();
      const limited = failure(kept.client.send("/queue/a", "1", { timeout: 50 }));
      const aborted = failure(kept.client.send("/queue/a", "2", { signal: abort.signal }));
      await vi.advanceTimersByTimeAsync(50);
      abort.abort("enough");
      expect(await limited).toBeInstanceOf(ReceiptTimeoutError);
      expect(await aborted).toBe("enough");
      const again = kept.client.disconnect({ timeout: 100 });
      await vi.advanceTimersByTimeAsync(100);
      await again;
      expect(kept.now).toEqual([]);
    }
  });

  test("is opened again only when it has closed, and nothing is lost or doubled by that", async () => {
    const store = new ScriptedStore("a");
    store.slow.add("open");
    const kept = await keeping({ outbox: { store } }, { receipts: true });
    for (let i = 0; i < 2; i++) {
      const disconnecting = kept.client.disconnect({ timeout: 100 });
      await vi.advanceTimersByTimeAsync(100);
      await disconnecting;
      await kept.client.connect();
    }
    const sent = kept.client.send("/queue/a", "1");
    await settled();
    expect(store.calls).toEqual(["open"]);
    store.release();
    await sent;
    expect(store.calls).toEqual(["open", "close", "open", "close", "open", "add 1", "delete a", "delete 1"]);
    expect(kept.now).toEqual(["a", "1"]);
    await kept.client.disconnect();
    expect(store.bodies).toEqual([]);
  });

  test("in add, and is done with that later, has the message go out when it is opened again", async () => {
    const store = new ScriptedStore();
    const kept = await keeping({ outbox: { store } }, { receipts: true });
    await settled();
    store.slow.add("add");
    const sent = failure(kept.client.send("/queue/a", "1"));
    await settled();
    const disconnecting = kept.client.disconnect({ timeout: 100 });
    await vi.advanceTimersByTimeAsync(100);
    await disconnecting;
    expect(await sent).toMatchObject({ outcome: "unknown" });
    await kept.client.connect();
    const next = kept.client.send("/queue/a", "2");
    await settled();
    expect(kept.now).toEqual([]);
    store.release();
    await next;
    expect(kept.now).toEqual(["1", "2"]);
    await kept.client.disconnect();
    expect(store.bodies).toEqual([]);
  });
});

describe("a store is let go of", () => {
  test("when DISCONNECT cannot have the headers that it was given", async () => {
    const store = new ScriptedStore();
    const kept = await keeping({ outbox: { store }, versions: ["1.0"] }, { session: { versions: ["1.0"] } });
    await settled();
    expect(await failure(kept.client.disconnect({ headers: { a: "two\nlines" } }))).toBeInstanceOf(TypeError);
    expect(kept.client.state).toBe("disconnected");
    expect(store.calls).toEqual(["open", "close"]);
    await kept.client.connect();
    await kept.client.disconnect();
  });

  test("when the headers are none at all", async () => {
    for (const headers of [5, "a:b", { a: {} }, [["a"]], { "bad\nname": Symbol("x") }]) {
      const store = new ScriptedStore();
      const kept = await keeping({ outbox: { store } });
      await settled();
      await failure(kept.client.disconnect({ headers: headers as never }));
      expect(kept.client.state).toBe("disconnected");
      expect(store.calls).toEqual(["open", "close"]);
    }
  });

  test("when the client does not reconnect", async () => {
    const store = new ScriptedStore();
    const kept = await keeping({ outbox: { store }, reconnect: false });
    await settled();
    await kept.cut();
    expect(kept.client.state).toBe("disconnected");
    expect(store.calls).toEqual(["open", "close"]);
    await kept.client.connect();
    await settled();
    expect(store.calls).toEqual(["open", "close", "open"]);
    await kept.client.disconnect();
  });

  test("when the policy gives up, and its messages are sent by the next connect()", async () => {
    const store = new ScriptedStore();
    let isOver = false;
    const kept = await keeping({ outbox: { store }, reconnect: () => (isOver ? false : 100) });
    const sent = failure(kept.client.send("/queue/a", "1"));
    await settled();
    isOver = true;
    await kept.cut();
    expect(await sent).toMatchObject({ outcome: "kept" });
    expect(store.calls).toEqual(["open", "add 1", "close"]);
    await kept.client.connect();
    await settled();
    await kept.confirm("1");
    await kept.client.disconnect();
    expect(store.bodies).toEqual([]);
  });

  test("when the first connect() fails, though a send has opened it", async () => {
    const store = new ScriptedStore();
    const kept = new Keeping(
      { outbox: { store } },
      {
        onFrame: (_, broker) => {
          broker.transport.abort(new Error("no"));
        },
      },
    );
    const sent = failure(kept.client.send("/queue/a", "1"));
    await settled();
    expect(store.calls).toEqual(["open", "add 1"]);
    expect(await failure(kept.client.connect())).toMatchObject({ code: "connect" });
    expect(await sent).toMatchObject({ outcome: "kept" });
    await settled();
    expect(store.calls.at(-1)).toBe("close");
  });
});

async function later(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}
