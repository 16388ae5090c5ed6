/** What was handed over and is not written yet: who learns that it is lost, and who waits for it. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type MemoryOptions, memoryPair } from "../../../src/adapters/memory.js";
import { BaseClient } from "../../../src/client/client.js";
import { ConnectionLostError, InvalidStateError, StompError } from "../../../src/errors.js";
import type { Transport } from "../../../src/transport.js";
import { connected, failure } from "../../support/connected.js";
import { PATIENT } from "../../support/patient.js";
import { type ScriptedBroker, settled } from "../../support/scripted-broker.js";
import { statusesOf } from "../../support/statuses.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const KINDS = ["stream", "messages"] as const satisfies readonly MemoryOptions["kind"][];
const MEGABYTE = new Uint8Array(1 << 20);

/** Forty sends that have to wait, and what becomes of each. */
function forty(client: BaseClient, body: string | Uint8Array = MEGABYTE): Promise<unknown[]> {
  return Promise.all(Array.from({ length: 40 }, () => failure(client.send("/queue/a", body))));
}

function outcomes(ends: readonly unknown[]): string[] {
  return [...new Set(ends.map((end) => (end instanceof ConnectionLostError ? end.outcome : String(end))))];
}

describe.each(KINDS)("over a transport of the kind %s, disconnect()", (kind) => {
  test("rejects sends that a peer that reads nothing never took", async () => {
    const { broker, client } = await connected({ memory: { kind } });
    broker.transport.pause?.();
    const told = statusesOf(client);
    const sends = forty(client);
    const disconnecting = client.disconnect();
    await vi.advanceTimersByTimeAsync(10_000);
    await disconnecting;
    const ends = await sends;
    expect(outcomes(ends)).toEqual(["unknown"]);
    expect((ends[0] as Error).message).toMatch(
      /^not connected: connection to memory: lost: the peer did not take the last 419\d+ bytes within 2000 ms$/,
    );
    expect(told.at(-1)).toEqual({ type: "disconnected", reason: undefined, reconnects: false });
  });

  test("resolves sends that a slow peer takes after all", async () => {
    const { broker, client } = await connected({ memory: { kind } });
    broker.transport.pause?.();
    const sends = forty(client);
    const disconnecting = client.disconnect();
    await vi.advanceTimersByTimeAsync(1500);
    broker.transport.resume?.();
    await vi.advanceTimersByTimeAsync(0);
    await disconnecting;
    expect(outcomes(await sends)).toEqual(["resolved"]);
    expect(broker.of("SEND")).toHaveLength(40);
  });

  test("rejects sends when the peer ends the connection in order, and has not taken them", async () => {
    const { broker, client } = await connected({ memory: { kind } });
    const sends = forty(client);
    void broker.transport.close();
    broker.transport.abort(new Error("gone"));
    await client.disconnect();
    expect(outcomes(await sends)).toEqual(["unknown"]);
  });
});

/** A transport that says nothing of what is written but `buffered`, as a browser's WebSocket. */
async function polled(): Promise<{
  client: BaseClient;
  transport: Transport & { buffered: number };
  broker: Transport;
}> {
  const [mine, broker] = memoryPair({ kind: "messages" });
  const transport: Transport & { buffered: number } = {
    kind: "messages",
    peer: "polled:",
    buffered: 0,
    start: (sink) => mine.start(sink),
    send: (chunk) => mine.send(chunk),
    drained: () => mine.drained(),
    close: () => mine.close(),
    abort: (reason) => mine.abort(reason),
  };
  broker.start({
    data: (chunk) => {
      if (String(chunk).startsWith("CONNECT")) broker.send("CONNECTED\nversion:1.2\n\n\0");
    },
    closed: () => undefined,
  });
  const client = new BaseClient(() => Promise.resolve(transport), { heartBeat: false, reconnect: false });
  await client.connect();
  return { client, transport, broker };
}

describe("flush()", () => {
  async function unread(): Promise<{ broker: ScriptedBroker; client: BaseClient; sends: Promise<unknown[]> }> {
    const { broker, client } = await connected();
    broker.transport.pause?.();
    return { broker, client, sends: forty(client) };
  }

  test("resolves at once when nothing was handed over, or all is written", async () => {
    const { broker, client } = await connected();
    await client.flush();
    await client.send("/queue/a", "x");
    await client.flush({ timeout: 1 });
    expect(broker.of("SEND")).toHaveLength(1);
    await client.disconnect();
  });

  test("resolves when what was handed over before it is written, whatever came later", async () => {
    const { broker, client, sends } = await unread();
    let taken = -1;
    const flushing = client.flush().then(() => (taken = broker.of("SEND").length));
    void client.send("/queue/a", MEGABYTE);
    await settled();
    expect(taken).toBe(-1);
    broker.transport.resume?.();
    await flushing;
    expect(taken).toBeGreaterThanOrEqual(40);
    expect(outcomes(await sends)).toEqual(["resolved"]);
    await client.disconnect();
  });

  test("rejects with outcome unknown when the connection is lost first, or the client is disconnected", async () => {
    const { broker, client, sends } = await unread();
    const flushing = failure(client.flush());
    broker.transport.abort(new Error("cable cut"));
    expect(await flushing).toBeInstanceOf(ConnectionLostError);
    expect(await flushing).toMatchObject({ outcome: "unknown" });
    await sends;

    const other = await unread();
    const ending = failure(other.client.flush());
    const disconnecting = other.client.disconnect({ timeout: 10 });
    await vi.advanceTimersByTimeAsync(5000);
    await disconnecting;
    expect(await ending).toMatchObject({ code: "connection-lost", outcome: "unknown" });
    await other.sends;
  });

  test("resolves when disconnect() has its answer", async () => {
    const { broker, client, sends } = await unread();
    const flushing = failure(client.flush());
    const disconnecting = client.disconnect();
    broker.transport.resume?.();
    await vi.advanceTimersByTimeAsync(0);
    await disconnecting;
    expect(await flushing).toBe("resolved");
    await sends;
  });

  test("rejects when its time is over, by its own time-out or the client's, and with its signal's reason", async () => {
    const { client, sends } = await unread();
    const controller = new AbortController();
    const short = failure(client.flush({ timeout: 100 }));
    const usual = failure(client.flush());
    const aborted = failure(client.flush({ signal: controller.signal }));
    await vi.advanceTimersByTimeAsync(100);
    expect(await short).toBeInstanceOf(StompError);
    expect(await short).toMatchObject({ code: "flush-timeout" });
    expect(((await short) as Error).message).toMatch(/^not all is written within 100 ms: 419\d+ bytes are left$/);
    controller.abort("enough");
    expect(await aborted).toBe("enough");
    await vi.advanceTimersByTimeAsync(15_000);
    expect(await usual).toMatchObject({ code: "flush-timeout" });
    expect(await failure(client.flush({ signal: AbortSignal.abort("no") }))).toBe("no");
    expect(await failure(client.flush({ timeout: 0 }))).toBeInstanceOf(RangeError);
    const disconnecting = client.disconnect({ timeout: 1 });
    await vi.advanceTimersByTimeAsync(5000);
    await disconnecting;
    await sends;
  });

  test("without a connection rejects: nobody knows of what was handed over before it was lost", async () => {
    const { broker, client } = await connected({}, PATIENT);
    broker.transport.abort(new Error("cable cut"));
    await settled();
    const error = await failure(client.flush());
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error).toMatchObject({ outcome: "unknown" });
    expect((error as Error).message).toMatch(/^flush failed: connection to memory: lost: /);
    await client.disconnect();
    expect(await failure(client.flush())).toEqual(
      new InvalidStateError("flush needs a connection, the client is disconnected"),
    );
  });

  test("looks at what is buffered where the transport does not tell more", async () => {
    const { client, transport, broker } = await polled();
    let flushed = 0;
    transport.buffered = 5000;
    const flushing = [client.flush().then(() => flushed++)];
    await vi.advanceTimersByTimeAsync(100);
    expect(flushed).toBe(0);
    transport.buffered = 1;
    await vi.advanceTimersByTimeAsync(10);
    expect(flushed).toBe(0);
    await client.send("/queue/a", "sent meanwhile, and not waited for");
    await vi.advanceTimersByTimeAsync(10);
    expect(flushed).toBe(1);
    flushing.push(client.flush().then(() => flushed++));
    await vi.advanceTimersByTimeAsync(10);
    expect(flushed).toBe(1);
    transport.buffered = 0;
    await vi.advanceTimersByTimeAsync(10);
    await Promise.all(flushing);
    broker.abort(new Error("the test is over"));
  });

  test("stops looking when the connection ends, also where that leaves something buffered", async () => {
    const { client, transport, broker } = await polled();
    transport.buffered = 5000;
    const flushing = failure(client.flush());
    const short = failure(client.flush({ timeout: 15 }));
    await vi.advanceTimersByTimeAsync(50);
    expect(await short).toMatchObject({ code: "flush-timeout" });
    broker.abort(new Error("cable cut"));
    await vi.advanceTimersByTimeAsync(20);
    expect(await flushing).toMatchObject({ code: "connection-lost", outcome: "unknown" });
  });
});

describe("a transport that the other side is closing", () => {
  test("takes no more sends, and its end is reported when it comes", async () => {
    const { client, transport, broker } = await polled();
    Object.assign(transport, { isClosing: true });
    const told = statusesOf(client);
    expect(client.state).toBe("connected");
    const error = await failure(client.send("/queue/a", "x"));
    expect(error).toMatchObject({ code: "connection-lost", outcome: "not-sent" });
    expect((error as Error).message).toBe("SEND was not sent: not connected: connection to polled: closed");
    expect(await failure(client.send("/queue/a", "x", { receipt: true }))).toMatchObject({ outcome: "not-sent" });
    expect(await failure(client.flush())).toMatchObject({ outcome: "unknown" });
    broker.abort(new Error("cable cut"));
    await settled();
    expect(told.map(({ type }) => type)).toEqual(["disconnected"]);
  });

  test("is closed in order by disconnect()", async () => {
    const { client, transport, broker } = await polled();
    const pending = failure(client.send("/queue/a", "x", { receipt: true }));
    Object.assign(transport, { isClosing: true });
    const told = statusesOf(client);
    const disconnecting = client.disconnect();
    await settled();
    void broker.close();
    await vi.advanceTimersByTimeAsync(0);
    await disconnecting;
    expect(await pending).toMatchObject({ outcome: "unknown" });
    expect(told.at(-1)).toEqual({ type: "disconnected", reason: undefined, reconnects: false });
  });
});
