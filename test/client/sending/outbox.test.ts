import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { json } from "../../../src/client/messages/codec.js";
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

describe("at-least-once delivery", () => {
  test("asks for a receipt, and resolves when it has come", async () => {
    const kept = await keeping();
    let isDone = false;
    const sent = kept.client.send("/queue/a", "1", { headers: { n: 1 } }).then(() => (isDone = true));
    await settled();
    expect(isDone).toBe(false);
    expect(kept.client.metrics().outboxMessages).toBe(1);
    expect([...kept.frame("1").headers].slice(0, 2)).toEqual([
      ["destination", "/queue/a"],
      ["n", "1"],
    ]);
    await kept.confirm("1");
    await sent;
    expect(kept.client.metrics().outboxMessages).toBe(0);
    await kept.client.disconnect();
  });

  test("sends what is not confirmed again in the next session, in order, and before what came since", async () => {
    const kept = await keeping();
    const sends = ["1", "2", "3", "4"].map((body) => kept.client.send("/queue/a", body));
    await settled();
    await kept.confirm("3", "1");
    await kept.cut();
    sends.push(kept.client.send("/queue/a", "5"));
    await kept.again();
    sends.push(kept.client.send("/queue/a", "6"));
    await settled();
    expect(kept.sent).toEqual([
      ["1", "2", "3", "4"],
      ["2", "4", "5", "6"],
    ]);
    await kept.cut();
    await kept.again();
    expect(kept.now).toEqual(["2", "4", "5", "6"]);
    await kept.confirm("6", "5", "4", "2");
    await Promise.all(sends);
    await kept.client.disconnect();
  });

  test("sends what is not confirmed again when a fresh session is asked for", async () => {
    const kept = await keeping({ disconnectTimeout: 500 });
    const sends = ["1", "2"].map((body) => kept.client.send("/queue/a", body));
    await settled();
    const renewed = kept.client.reconnect();
    await kept.confirm("1");
    await vi.advanceTimersByTimeAsync(500);
    await renewed;
    await settled();
    expect(kept.sent).toEqual([["1", "2"], ["2"]]);
    await kept.confirm("2");
    await Promise.all(sends);
    await kept.client.disconnect();
  });

  test("has no more in flight than it may", async () => {
    const kept = await keeping({ outbox: { inFlight: 2 } });
    const sends = ["1", "2", "3", "4"].map((body) => kept.client.send("/queue/a", body));
    await settled();
    expect(kept.now).toEqual(["1", "2"]);
    await kept.confirm("2");
    expect(kept.now).toEqual(["1", "2", "3"]);
    await kept.cut();
    await kept.again();
    expect(kept.now).toEqual(["1", "3"]);
    await kept.confirm("1", "3");
    expect(kept.now).toEqual(["1", "3", "4"]);
    await kept.confirm("4");
    await Promise.all(sends);
    await kept.client.disconnect();
  });

  test("does not hand a transport more and more while it writes nothing, though what waits is given up", async () => {
    const slow = await keeping({ outbox: { inFlight: 1 } });
    slow.broker.transport.pause?.();
    const body = "x".repeat(400_000);
    const given = Array.from({ length: 10 }, () => failure(slow.client.send("/queue/a", body, { timeout: 1000 })));
    for (let i = 0; i < 10; i++) {
      await settled();
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(await Promise.all(given)).toEqual(Array.from(given, () => expect.any(ReceiptTimeoutError) as unknown));
    expect(slow.client.metrics().bytesBuffered).toBeLessThan(1_700_000);
    slow.broker.transport.resume?.();
    await settled();
    const last = slow.client.send("/queue/a", "last");
    await settled();
    await slow.confirm("last");
    await last;
    await slow.client.disconnect();
  });

  test("keeps the order of calls, with codecs that take no time as well", async () => {
    const kept = await keeping({}, { receipts: true });
    const sends = [kept.client.send("/q", { a: 1 }, { codec: json() }), kept.client.send("/q", "2")];
    await Promise.all(sends);
    expect(kept.now).toEqual(['{"a":1}', "2"]);
    const slow = { ...json(), encode: (value: unknown) => Promise.resolve({ body: String(value) }) };
    await kept.client.send("/q", 3, { codec: slow });
    expect(kept.now).toEqual(['{"a":1}', "2", "3"]);
    expect(await failure(kept.client.send("/q", () => 4, { codec: json() }))).toMatchObject({
      message: "there is no JSON for function",
    });
    await kept.client.disconnect();
  });

  test("copies a body of octets: the caller may use its memory again", async () => {
    const kept = await keeping({}, { receipts: true });
    await kept.cut();
    const octets = new TextEncoder().encode("one");
    const { buffer } = new TextEncoder().encode("two");
    const sends = [kept.client.send("/q", octets), kept.client.send("/q", buffer)];
    octets.fill(0);
    new Uint8Array(buffer).fill(0);
    await kept.again();
    await Promise.all(sends);
    expect(kept.now).toEqual(["one", "two"]);
    await kept.client.disconnect();
  });

  test("sends before connect() when there is a session", async () => {
    const kept = new Keeping({}, { receipts: true });
    const sent = kept.client.send("/q", "early");
    await settled();
    expect(kept.broker.dialled).toBe(0);
    await kept.client.connect();
    await sent;
    expect(kept.now).toEqual(["early"]);
    await kept.client.disconnect();
  });

  test("a RECEIPT counts though the connection ends right after it", async () => {
    const kept = await keeping({ reconnect: false });
    const sent = kept.client.send("/q", "1");
    await settled();
    kept.broker.send("RECEIPT", { "receipt-id": kept.frame("1").headers.get("receipt") });
    void kept.broker.transport.close();
    await sent;
    await vi.advanceTimersByTimeAsync(2000);
  });
});

describe("a message that the broker refuses", () => {
  test("by an ERROR that names it is rejected with that, alone, and is not held against the others", async () => {
    const kept = await keeping();
    const sends = ["1", "poison", "2"].map((body) => failure(kept.client.send("/queue/a", body)));
    await settled();
    const receipt = kept.frame("poison").headers.get("receipt") ?? "";
    kept.broker.send("ERROR", { message: "no", "receipt-id": receipt });
    void kept.broker.transport.close();
    await settled();
    expect(await sends[1]).toBeInstanceOf(ServerError);
    expect(await sends[1]).toMatchObject({ message: "no", receiptId: receipt });
    await kept.again();
    expect(kept.now).toEqual(["1", "2"]); // at a time
    await kept.confirm("1", "2");
    expect(await Promise.all([sends[0], sends[2]])).toEqual(["resolved", "resolved"]);
    await kept.client.disconnect();
  });

  test.each([
    ["an ERROR", (kept: Keeping) => kept.refuse("ACCESS_REFUSED"), ServerError, 100],
    ["nothing but an orderly end", (kept: Keeping) => void kept.broker.transport.close(), ConnectionLostError, 8000],
  ])("by %s is found by sending one at a time, and rejected after three sessions", async (_, refuse, type, delay) => {
    const kept = await keeping(
      { reconnect: () => delay },
      {
        onFrame: (frame) => {
          if (frame.command !== "SEND") return;
          if (frame.text() === "poison") refuse(kept);
          else if (kept.sent.length > 1) void kept.confirm(frame.text());
        },
      },
    );
    const sends = ["1", "2", "poison", "3", "4"].map((body) => failure(kept.client.send("/queue/a", body)));
    await settled();
    for (let i = 0; i < 4; i++) {
      await vi.advanceTimersByTimeAsync(delay);
      await settled();
    }
    const error = await sends[2];
    expect(error).toBeInstanceOf(type);
    if (error instanceof ServerError) expect(error.message).toBe("ACCESS_REFUSED");
    else expect(error).toMatchObject({ outcome: "unknown", code: "connection-lost" });
    expect(await Promise.all(sends)).toEqual(["resolved", "resolved", error, "resolved", "resolved"]);
    expect(kept.sent).toEqual([
      ["1", "2", "poison", "3", "4"],
      ["1", "2", "poison"],
      ["poison"],
      ["poison"],
      ["3", "4"],
    ]);
    await kept.client.disconnect();
  });

  test("is not one over which sessions ended in order for a moment only: a broker in trouble closes them too", async () => {
    const kept = await keeping();
    const sent = failure(kept.client.send("/queue/a", "1"));
    for (let i = 0; i < 10; i++) {
      await settled();
      void kept.broker.transport.close();
      await settled();
      await kept.again();
    }
    await kept.confirm("1");
    expect(await sent).toBe("resolved");
    await kept.client.disconnect();
  });

  test("is not one that was in flight when the network failed", async () => {
    const kept = await keeping();
    const sent = kept.client.send("/queue/a", "1");
    for (let i = 0; i < 5; i++) {
      await settled();
      await kept.cut();
      await kept.again();
    }
    await kept.confirm("1");
    await sent;
    await kept.client.disconnect();
  });

  test("one goes at a time until all that were in flight are confirmed", async () => {
    const kept = await keeping();
    const sends = ["1", "2", "3"].map((body) => kept.client.send("/queue/a", body));
    await settled();
    kept.refuse("going down for maintenance");
    await settled();
    sends.push(kept.client.send("/queue/a", "4"), kept.client.send("/queue/a", "5"));
    await kept.again();
    expect(kept.now).toEqual(["1"]);
    await kept.confirm("1");
    expect(kept.now).toEqual(["1", "2"]);
    await kept.confirm("2");
    expect(kept.now).toEqual(["1", "2", "3"]);
    await kept.confirm("3");
    expect(kept.now).toEqual(["1", "2", "3", "4", "5"]);
    await kept.confirm("4", "5");
    await Promise.all(sends);
    await kept.client.disconnect();
  });

  test("for wrong arguments that only the session's version tells is rejected alone, however many there are", async () => {
    const kept = await keeping({ versions: ["1.0"] }, { receipts: true, session: { versions: ["1.0"] } });
    await kept.cut();
    const wrong = Array.from({ length: 5000 }, () =>
      failure(kept.client.send("/queue/a", "wrong", { headers: { a: "two\nlines" } })),
    );
    const right = kept.client.send("/queue/a", "right");
    await kept.again();
    const errors = new Set(
      (await Promise.all(wrong)).map((error) => `${(error as Error).name}: ${(error as Error).message}`),
    );
    expect([...errors]).toEqual(['TypeError: header "a" has a line feed, which cannot be escaped here']);
    await right;
    expect(kept.now).toEqual(["right"]);
    await kept.client.disconnect();
  });

  test.each([
    [{ headers: { a: {} } }, 'header "a" must be a string, a number or a boolean'],
    [{ headers: { a: null } }, 'header "a" must be a string, a number or a boolean'],
    [{ headers: { destination: "/b" } }, 'header "destination" of SEND has an argument or option of its own'],
    [{ receipt: "" }, "receipt must be true or an id that is not empty"],
    [{ timeout: 0 }, "timeout must be a positive number of ms, not 0"],
    [{ headers: { "content-length": 5 } }, 'header "content-length" is 5, the body has 1 bytes'],
    [{ headers: { a: "\0" } }, 'header "a" has a NUL, which cannot be escaped here'],
  ])("because of wrong arguments never goes out: %o", async (options, message) => {
    const kept = await keeping({}, { receipts: true });
    const error = await failure(kept.client.send("/queue/a", "x", options as never));
    expect(error).toMatchObject({ message });
    expect(error instanceof TypeError || error instanceof RangeError).toBe(true);
    expect(kept.now).toEqual([]);
    expect(kept.client.metrics()).toMatchObject({ outboxMessages: 0, receiptsPending: 0 });
    await kept.client.disconnect();
  });

  test("because its receipt's id is in use is rejected alone", async () => {
    const kept = await keeping();
    const first = kept.client.send("/queue/a", "1", { receipt: "r" });
    const second = await failure(kept.client.send("/queue/a", "2", { receipt: "r" }));
    expect(second).toMatchObject({ message: 'receipt id "r" is in use' });
    await settled();
    await kept.cut();
    await kept.again();
    expect(kept.frame("1").headers.get("receipt")).toBe("r");
    await kept.confirm("1");
    await first;
    expect(kept.sent).toEqual([["1"], ["1"]]);
    await kept.client.disconnect();
  });
});
