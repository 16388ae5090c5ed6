import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  ConnectError,
  ConnectionLostError,
  InvalidStateError,
  OutboxFullError,
  ReceiptTimeoutError,
} from "../../../src/errors.js";
import { BaseClient } from "../../../src/client/client.js";
import { failure } from "../../support/connected.js";
import { Keeping, keeping } from "../../support/keeping.js";
import { ScriptedBroker, settled } from "../../support/scripted-broker.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

describe("a full outbox", () => {
  test.each([
    ["messages", { messages: 2 }],
    ["bytes", { bytes: 2 }],
  ])("by %s lets in who waits in turn, when there is room", async (_, bound) => {
    const kept = await keeping({ outbox: bound });
    const sends = ["1", "2", "3", "4", "5"].map((body) => kept.client.send("/queue/a", body));
    await settled();
    expect(kept.now).toEqual(["1", "2"]);
    expect(kept.client.metrics().outboxMessages).toBe(2);
    await kept.confirm("2");
    expect(kept.now).toEqual(["1", "2", "3"]);
    await kept.confirm("1", "3");
    expect(kept.now).toEqual(["1", "2", "3", "4", "5"]);
    await kept.confirm("4", "5");
    await Promise.all(sends);
    await kept.client.disconnect();
  });

  test("lets nobody overtake who waits, though there would be room", async () => {
    const kept = await keeping({ outbox: { bytes: 4 } });
    const sends = ["aaa", "bbb", "c"].map((body) => kept.client.send("/queue/a", body));
    await settled();
    expect(kept.now).toEqual(["aaa"]);
    await kept.confirm("aaa");
    expect(kept.now).toEqual(["aaa", "bbb", "c"]);
    await kept.confirm("bbb", "c");
    await Promise.all(sends);
    await kept.client.disconnect();
  });

  test("goes on with the next when one that waits for room is given up", async () => {
    const kept = await keeping({ outbox: { bytes: 4 } });
    const abort = new AbortController();
    const first = kept.client.send("/queue/a", "aaa");
    const given = failure(kept.client.send("/queue/a", "bbb", { signal: abort.signal }));
    const next = kept.client.send("/queue/a", "c");
    await settled();
    abort.abort("enough");
    expect(await given).toBe("enough");
    expect(kept.now).toEqual(["aaa", "c"]);
    await kept.confirm("aaa", "c");
    await Promise.all([first, next]);
    await kept.client.disconnect();
  });

  test("rejects at once when told to, by messages", async () => {
    const kept = await keeping({ outbox: { messages: 2, whenFull: "reject" } });
    const sends = ["11", "222"].map((body) => kept.client.send("/queue/a", body));
    const error = await failure(kept.client.send("/queue/b", "3"));
    expect(error).toBeInstanceOf(OutboxFullError);
    expect(error).toMatchObject({
      code: "outbox-full",
      message: "SEND to /queue/b does not fit: the outbox has 2 messages of 5 bytes, its limits are 2 and 67108864",
    });
    await settled();
    await kept.confirm("11");
    sends.push(kept.client.send("/queue/b", "3"));
    await settled();
    await kept.confirm("222", "3");
    await Promise.all(sends);
    await kept.client.disconnect();
  });

  test("rejects at once when told to, by bytes", async () => {
    const kept = await keeping({ outbox: { bytes: 5, whenFull: "reject" } }, { receipts: true });
    const sent = kept.client.send("/queue/a", "1234");
    expect(await failure(kept.client.send("/queue/b", Uint8Array.of(1, 2)))).toMatchObject({
      message: "SEND to /queue/b does not fit: the outbox has 1 messages of 4 bytes, its limits are 10000 and 5",
    });
    await sent;
    await kept.client.disconnect();
  });

  test.each(["wait", "reject"] as const)("never takes a message that is larger than it: %s", async (whenFull) => {
    const kept = await keeping({ outbox: { bytes: 5, whenFull } }, { receipts: true });
    const error = await failure(kept.client.send("/queue/a", "123456"));
    expect(error).toBeInstanceOf(OutboxFullError);
    expect(error).toMatchObject({ message: "SEND to /queue/a has 6 bytes, the outbox takes 5" });
    await kept.client.send("/queue/a", "12345");
    expect(kept.now).toEqual(["12345"]);
    await kept.client.disconnect();
  });

  test.each([
    [{ messages: 0 }, "outbox.messages must be at least 1, not 0"],
    [{ bytes: Number.NaN }, "outbox.bytes must be at least 1, not NaN"],
    [{ inFlight: 0 }, "outbox.inFlight must be at least 1, not 0"],
    [{ whenFull: "drop" as never }, 'outbox.whenFull must be "wait" or "reject", not "drop"'],
  ])("is not made of wrong options: %o", (outbox, message) => {
    expect(() => new Keeping({ outbox })).toThrow(message);
  });
});

/** Sends that are in different phases: in flight, not sent yet, and waiting for room. */
async function inEachPhase(options: (phase: string) => { timeout?: number; signal?: AbortSignal; receipt?: string }) {
  const kept = await keeping({ outbox: { messages: 2, inFlight: 1 } });
  const phases = ["in flight", "unsent", "waiting"];
  const ends = phases.map((phase) => failure(kept.client.send("/queue/a", phase, options(phase))));
  await settled();
  expect(kept.now).toEqual(["in flight"]);
  return { kept, ends };
}

describe("a time-out", () => {
  test("counts from the call on, in every phase, and says whether the message was sent", async () => {
    const { kept, ends } = await inEachPhase((phase) => ({ timeout: 500, receipt: `r-${phase}` }));
    await vi.advanceTimersByTimeAsync(499);
    expect(kept.client.metrics().outboxMessages).toBe(2);
    await vi.advanceTimersByTimeAsync(1);
    const errors = await Promise.all(ends);
    for (const error of errors) expect(error).toBeInstanceOf(ReceiptTimeoutError);
    expect(errors).toMatchObject([
      { message: "no receipt of SEND to /queue/a within 500 ms", receiptId: "r-in flight", timeout: 500 },
      { message: "no receipt of SEND to /queue/a within 500 ms; it was not sent", receiptId: "r-unsent" },
      { message: "no receipt of SEND to /queue/a within 500 ms; it was not sent", receiptId: "r-waiting" },
    ]);
    expect(kept.client.metrics()).toMatchObject({ outboxMessages: 0, receiptsPending: 0 });
    expect(kept.now).toEqual(["in flight"]);
    await kept.client.disconnect();
  });

  test("ends while there is no session, and the message is not sent in the next", async () => {
    const kept = await keeping({ reconnect: () => 5000 });
    const sent = failure(kept.client.send("/queue/a", "1", { timeout: 3000 }));
    await settled();
    await kept.cut();
    const unsent = failure(kept.client.send("/queue/a", "2", { timeout: 2000 }));
    await vi.advanceTimersByTimeAsync(5000);
    expect(await sent).toMatchObject({ message: "no receipt of SEND to /queue/a within 3000 ms" });
    expect(await unsent).toMatchObject({ message: "no receipt of SEND to /queue/a within 2000 ms; it was not sent" });
    expect(kept.sent).toEqual([["1"], []]);
    await kept.client.disconnect();
  });

  test("is not needed: what never gets a session waits for ever, and Infinity says so", async () => {
    const kept = new Keeping();
    const sent = failure(kept.client.send("/queue/a", "1", { timeout: Infinity }));
    await vi.advanceTimersByTimeAsync(10_000_000);
    await kept.client.disconnect();
    expect(await sent).toMatchObject({ outcome: "not-sent" });
  });
});

describe("a signal", () => {
  test("ends a message with its reason, untouched, in every phase", async () => {
    const abort = new AbortController();
    const { kept, ends } = await inEachPhase(() => ({ signal: abort.signal }));
    abort.abort("enough");
    expect(await Promise.all(ends)).toEqual(["enough", "enough", "enough"]);
    await settled();
    expect(kept.client.metrics()).toMatchObject({ outboxMessages: 0, receiptsPending: 0 });
    expect(kept.now).toEqual(["in flight"]);
    await kept.client.disconnect();
  });

  test("that is aborted already keeps the message from being taken in", async () => {
    const kept = await keeping();
    expect(await failure(kept.client.send("/queue/a", "1", { signal: AbortSignal.abort("no") }))).toBe("no");
    expect(kept.now).toEqual([]);
    await kept.client.disconnect();
  });

  test("is not listened to any longer when the message has been confirmed", async () => {
    const kept = await keeping({}, { receipts: true });
    const abort = new AbortController();
    const add = vi.spyOn(abort.signal, "addEventListener");
    const remove = vi.spyOn(abort.signal, "removeEventListener");
    await kept.client.send("/queue/a", "1", { signal: abort.signal });
    expect(add).toHaveBeenCalledTimes(1);
    expect(remove.mock.calls[0]?.[1]).toBe(add.mock.calls[0]?.[1]);
    await kept.client.disconnect();
  });
});

/** A client that may connect only while it is told so, and gives up after its second attempt. */
function gated(mayConnect: () => boolean, receipts = true) {
  const refusal = new ConnectError("dial", "no way");
  const broker = new ScriptedBroker({ receipts });
  const client = new BaseClient((signal) => (mayConnect() ? broker.dial(signal) : Promise.reject(refusal)), {
    heartBeat: false,
    reconnect: (attempt) => attempt < 2 && 100,
    delivery: "at-least-once",
  });
  return { broker, client, refusal };
}

describe("without a session to come", () => {
  test("disconnect() waits for the outbox", async () => {
    const kept = await keeping({ outbox: { messages: 2, inFlight: 1 } });
    const sends = ["1", "2", "3"].map((body) => kept.client.send("/queue/a", body));
    const disconnecting = kept.client.disconnect();
    await settled();
    for (const body of ["1", "2", "3"]) {
      expect(kept.broker.of("DISCONNECT")).toEqual([]);
      await kept.confirm(body);
    }
    await Promise.all(sends);
    await disconnecting;
    expect(kept.broker.of("DISCONNECT")).toHaveLength(1);
  });

  test("disconnect() tells each waiter the truth when its time is over", async () => {
    const { kept, ends } = await inEachPhase(() => ({}));
    const disconnecting = kept.client.disconnect({ timeout: 1000 });
    await vi.advanceTimersByTimeAsync(1000);
    await disconnecting;
    const errors = await Promise.all(ends);
    for (const error of errors) expect(error).toBeInstanceOf(ConnectionLostError);
    const message = "SEND to /queue/a was not confirmed: the client ended the session";
    expect(errors).toMatchObject([
      { message, outcome: "unknown" },
      { message, outcome: "not-sent" },
      { message, outcome: "not-sent" },
    ]);
    expect(kept.client.metrics().outboxMessages).toBe(0);
    expect(await failure(kept.client.send("/queue/a", "late"))).toBeInstanceOf(InvalidStateError);
    await kept.client.connect();
    expect(kept.sent).toEqual([["in flight"], []]);
    await kept.client.disconnect();
  });

  test("disconnect() while reconnecting tells at once what is unknown, and what was not sent", async () => {
    const kept = await keeping();
    const sent = failure(kept.client.send("/queue/a", "1"));
    await settled();
    await kept.cut();
    const unsent = failure(kept.client.send("/queue/a", "2"));
    await kept.client.disconnect();
    expect(await sent).toMatchObject({ outcome: "unknown", code: "connection-lost" });
    expect(await unsent).toMatchObject({ outcome: "not-sent", code: "connection-lost" });
  });

  test("giving up reconnecting tells each waiter why, and takes in no more", async () => {
    let mayConnect = true;
    const { broker, client, refusal } = gated(() => mayConnect, false);
    await client.connect();
    const sent = failure(client.send("/queue/a", "1"));
    await settled();
    expect(broker.of("SEND")).toHaveLength(1);
    mayConnect = false;
    broker.transport.abort(new Error("cable cut"));
    await settled();
    const unsent = failure(client.send("/queue/a", "2"));
    await vi.advanceTimersByTimeAsync(100);
    expect(await sent).toMatchObject({
      outcome: "unknown",
      message: "SEND to /queue/a was not confirmed: no way",
      cause: refusal,
    });
    expect(await unsent).toMatchObject({ outcome: "not-sent" });
    expect(client.state).toBe("disconnected");
    expect(await failure(client.send("/queue/a", "3"))).toMatchObject({
      code: "connection-lost",
      outcome: "not-sent",
      message: "SEND was not sent: no way",
    });
  });

  test("a first connect() in vain tells who sent before it, and takes in no more until the next", async () => {
    let mayConnect = false;
    const { client, refusal } = gated(() => mayConnect);
    const early = failure(client.send("/queue/a", "1"));
    expect(await failure(client.connect())).toBe(refusal);
    const error = await early;
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error).toMatchObject({
      outcome: "not-sent",
      message: "SEND to /queue/a was not confirmed: no way",
      cause: refusal,
    });
    expect(await failure(client.send("/queue/a", "2"))).toMatchObject({
      code: "invalid-state",
      message: "SEND needs a connection, the client is disconnected",
    });
    mayConnect = true;
    await client.connect();
    await client.send("/queue/a", "3");
    await client.disconnect();
  });

  test("a first connect() that its signal ends tells who sent before it", async () => {
    const kept = new Keeping({}, { welcome: false });
    const early = failure(kept.client.send("/queue/a", "1"));
    const abort = new AbortController();
    const connecting = failure(kept.client.connect({ signal: abort.signal }));
    await settled();
    abort.abort("enough");
    expect(await connecting).toBe("enough");
    expect(await early).toMatchObject({
      outcome: "not-sent",
      message: "SEND to /queue/a was not confirmed: connecting was given up: enough",
    });
  });
});
