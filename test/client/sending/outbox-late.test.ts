import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ConnectionLostError, ReceiptTimeoutError, ServerError } from "../../../src/errors.js";
import { failure } from "../../support/connected.js";
import { Keeping, keeping } from "../../support/keeping.js";
import { settled } from "../../support/scripted-broker.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

describe("a receipt that is late", () => {
  test("is outlasted while the broker has not complained, where no session would follow", async () => {
    const kept = await keeping({ receiptTimeout: 1000, reconnect: false });
    const sent = kept.client.send("/queue/a", "1");
    await vi.advanceTimersByTimeAsync(1_000_000);
    expect(kept.sent).toEqual([["1"]]);
    await kept.confirm("1");
    await sent;
    await kept.client.disconnect();
  });

  test("has the session given up for a fresh one, in which all is sent again", async () => {
    const kept = await keeping({ receiptTimeout: 1000 });
    const sends = ["1", "2"].map((body) => kept.client.send("/queue/a", body));
    await vi.advanceTimersByTimeAsync(1999);
    expect(kept.client.state).toBe("connected");
    await vi.advanceTimersByTimeAsync(1);
    await settled();
    expect(kept.told.at(-2)).toMatchObject({
      type: "disconnected",
      reconnects: true,
      reason: {
        message: expect.stringContaining("no receipt of SEND to /queue/a within 2000 ms") as string,
        cause: { name: "ReceiptTimeoutError", timeout: 2000 },
      },
    });
    await kept.again();
    expect(kept.sent).toEqual([
      ["1", "2"],
      ["1", "2"],
    ]);
    await kept.confirm("1", "2");
    await Promise.all(sends);
    await kept.client.disconnect();
  });

  test("is not late while the message is still being written", async () => {
    const kept = new Keeping({ receiptTimeout: 1000 }, { memory: { latency: 3000 } });
    const connected = kept.client.connect();
    await vi.advanceTimersByTimeAsync(6000);
    await connected;
    const sent = failure(kept.client.send("/queue/a", "large".repeat(1_000_000)));
    await vi.advanceTimersByTimeAsync(3900);
    expect(kept.client.state).toBe("connected");
    await vi.advanceTimersByTimeAsync(2000);
    expect(kept.client.state).toBe("reconnecting");
    const ended = kept.client.disconnect();
    await vi.advanceTimersByTimeAsync(10_000);
    await ended;
    expect(await sent).toBeInstanceOf(ConnectionLostError);
  });

  test("is waited for twice as long each time, until one has come", async () => {
    const kept = await keeping({ receiptTimeout: 1000, reconnect: () => 0 });
    const lasted: number[] = [];
    let begin = Date.now();
    kept.client.onStatus(({ type }) => {
      if (type === "disconnected") lasted.push(Date.now() - begin);
      if (type === "connected") begin = Date.now();
    });
    const first = kept.client.send("/queue/a", "1");
    await vi.advanceTimersByTimeAsync(14_500);
    await kept.confirm("1");
    await first;
    const second = kept.client.send("/queue/a", "2");
    begin = Date.now();
    await vi.advanceTimersByTimeAsync(2500);
    expect(lasted).toEqual([2000, 4000, 8000, 2000]);
    await kept.confirm("2");
    await second;
    await kept.client.disconnect();
  });

  test("rejects when an ERROR that names nothing came since: the broker may have meant it", async () => {
    const kept = await keeping({ receiptTimeout: 1000 });
    const before = failure(kept.client.send("/queue/unknown", "before"));
    await settled();
    kept.broker.send("ERROR", { message: "not_found" });
    await settled();
    const after = kept.client.send("/queue/a", "after");
    await vi.advanceTimersByTimeAsync(1000);
    const error = await before;
    expect(error).toBeInstanceOf(ReceiptTimeoutError);
    expect(error).toMatchObject({
      message: "no receipt of SEND to /queue/unknown within 1000 ms, and an ERROR came since: not_found",
      receiptId: kept.frame("before").headers.get("receipt"),
      timeout: 1000,
    });
    expect((error as Error).cause).toBeInstanceOf(ServerError);
    await vi.advanceTimersByTimeAsync(500);
    await kept.confirm("after");
    await after;
    expect(kept.now).toEqual(["before", "after"]);
    expect(kept.client.metrics().receiptsPending).toBe(0);
    await kept.client.disconnect();
  });

  test("is a matter of the session that it was asked for in", async () => {
    const kept = await keeping({ receiptTimeout: 1000 });
    const sent = kept.client.send("/queue/a", "1");
    await settled();
    kept.broker.send("ERROR", { message: "Subscription not found" });
    await settled();
    await kept.cut();
    await kept.again();
    await vi.advanceTimersByTimeAsync(5000);
    await kept.confirm("1");
    await sent;
    await kept.client.disconnect();
  });
});
