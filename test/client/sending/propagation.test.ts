import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BaseClient } from "../../../src/client/client.js";
import type { Message } from "../../../src/client/messages/message.js";
import type { ClientOptions, Propagation } from "../../../src/client/options/options.js";
import type { Status } from "../../../src/client/observing/status.js";
import { deferred } from "../../../src/internal/deferred.js";
import { connected, failure } from "../../support/connected.js";
import { type ScriptedBroker, settled } from "../../support/scripted-broker.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

/** What tracers do, without a context that survives a promise, which browsers have none of. */
class Tracer implements Propagation {
  current: string | undefined;
  readonly asked: string[] = [];

  inject(headers: Record<string, string | number | boolean>, destination: string): void {
    this.asked.push(destination);
    if (this.current !== undefined) headers["traceparent"] = this.current;
  }

  run<R>(message: Message<unknown>, handle: () => R): R {
    const before = this.current;
    this.current = message.headers.get("traceparent");
    try {
      return handle();
    } finally {
      this.current = before;
    }
  }
}

async function traced(options: ClientOptions = {}) {
  const tracer = new Tracer();
  const { broker, client } = await connected({}, { propagation: tracer, ...options });
  return { broker, client, tracer };
}

const traces = (broker: ScriptedBroker) => broker.of("SEND").map(({ headers }) => headers.all("traceparent"));

describe("inject", () => {
  test("adds headers to what is sent, in whichever way, and knows where to", async () => {
    const { broker, client, tracer } = await traced();
    tracer.current = "one";
    await client.send("/queue/plain", "x");
    await client.send("/queue/value", "x", { codec: { encode: (body: string) => ({ body }) } });
    await client.transaction((transaction) => transaction.send("/queue/transacted", "x"));
    const request = failure(client.request("/queue/request", "x", { replyTo: "/queue/replies", timeout: 10 }));
    await settled();
    await vi.advanceTimersByTimeAsync(10);
    await request;
    expect(traces(broker)).toEqual([["one"], ["one"], ["one"], ["one"]]);
    expect(tracer.asked).toEqual(["/queue/plain", "/queue/value", "/queue/transacted", "/queue/request"]);
    await client.disconnect();
  });

  test("is asked when a message goes into the outbox, and not again when it is sent again", async () => {
    const tracer = new Tracer();
    const { broker, client } = await connected(
      { receipts: false },
      { propagation: tracer, delivery: "at-least-once", reconnect: () => 0 },
    );
    tracer.current = "one";
    const sending = client.send("/queue/a", "x", { receipt: "r" });
    tracer.current = "two";
    await settled();
    broker.transport.abort(new Error("cable cut"));
    await vi.advanceTimersByTimeAsync(1);
    broker.send("RECEIPT", { "receipt-id": "r" });
    await sending;
    expect(traces(broker)).toEqual([["one"], ["one"]]);
    const disconnecting = client.disconnect({ timeout: 1 });
    await vi.advanceTimersByTimeAsync(1);
    await disconnecting;
  });

  test("is asked for a reply, in the context of the request where the responder gives it at once", async () => {
    const { broker, client, tracer } = await traced();
    const { id } = await client.respond("/queue/service", (message) => {
      expect(tracer.current).toBe("caller");
      return message.text().toUpperCase();
    });
    broker.message(id, "x", { "reply-to": "/queue/replies", "correlation-id": "1", traceparent: "caller" });
    await settled();
    expect(broker.of("SEND").map((frame) => frame.text())).toEqual(["X"]);
    expect(tracer.asked).toEqual(["/queue/replies"]);
    await client.disconnect();
  });

  test("gives way to headers that the caller gives, and to those that the client writes", async () => {
    const asked: string[] = [];
    const inject: Propagation["inject"] = (headers, destination) => {
      asked.push(destination);
      Object.assign(headers, {
        traceparent: "injected",
        tracestate: "a=1",
        destination: "/queue/stolen",
        receipt: "stolen",
      });
      headers["transaction"] = "stolen";
    };
    const { broker, client } = await connected({}, { propagation: { inject } });
    await client.send("/queue/a", "x", { headers: { traceparent: "mine" } });
    await client.send("/queue/a", "x", { headers: { traceparent: undefined }, receipt: "r" });
    const transaction = await client.begin({ id: "t" });
    await transaction.send("/queue/a", "x", { headers: [["tracestate", "mine"]] });
    await settled();
    expect(broker.of("SEND").map(({ headers }) => [...headers.pairs()].slice(0, -1))).toEqual([
      [
        ["destination", "/queue/a"],
        ["traceparent", "mine"],
        ["tracestate", "a=1"],
        ["transaction", "stolen"],
      ],
      [
        ["destination", "/queue/a"],
        ["tracestate", "a=1"],
        ["transaction", "stolen"],
        ["receipt", "r"],
      ],
      [
        ["destination", "/queue/a"],
        ["tracestate", "mine"],
        ["traceparent", "injected"],
        ["transaction", "t"],
      ],
    ]);
    expect(asked).toHaveLength(3);
    await client.disconnect();
  });

  test("that throws makes the send reject, and nothing is sent", async () => {
    const inject = () => {
      throw new Error("no tracer");
    };
    const { broker, client } = await connected({}, { propagation: { inject } });
    expect(await failure(client.send("/queue/a", "x"))).toEqual(new Error("no tracer"));
    expect(broker.of("SEND")).toEqual([]);
    await client.disconnect();
  });

  test("is not asked for a frame that is sent as it is given", async () => {
    const { broker, client, tracer } = await traced();
    tracer.current = "one";
    await client.sendFrame("SEND", { destination: "/queue/a" }, "x");
    await settled();
    expect([traces(broker), tracer.asked]).toEqual([[[]], []]);
    await client.disconnect();
  });
});

describe("run", () => {
  const individual = { ack: "client-individual" } as const;
  const settlements = (broker: ScriptedBroker) =>
    broker.received
      .filter(({ command }) => command === "ACK" || command === "NACK")
      .map(({ command, headers }) => `${command} ${headers.get("id") ?? ""}`);

  test("calls a handler in the context of each message, and what it sends is part of that", async () => {
    const { broker, client, tracer } = await traced();
    const subscription = await client.subscribe(
      "/queue/a",
      (message) => void client.send("/queue/b", message.bytes),
      individual,
    );
    for (const traceparent of ["one", "two"]) broker.message(subscription.id, "x", { traceparent });
    await settled();
    expect(traces(broker)).toEqual([["one"], ["two"]]);
    expect(settlements(broker)).toEqual(["ACK ack-m-1", "ACK ack-m-2"]);
    expect(tracer.current).toBeUndefined();
    await client.disconnect();
  });

  test("leaves the acknowledgement to what the handler gives: returning, resolving, throwing, rejecting", async () => {
    const { broker, client } = await traced();
    const told: Status[] = [];
    client.onStatus((status) => told.push(status));
    const working = deferred<void>();
    const subscription = await client.subscribe(
      "/queue/a",
      (message): unknown => {
        const how = message.text();
        if (how === "throw") throw new Error("thrown");
        if (how === "reject") return Promise.reject(new Error("rejected"));
        return how === "resolve" ? working.promise : undefined;
      },
      individual,
    );
    for (const how of ["return", "throw", "reject", "resolve"]) broker.message(subscription.id, how);
    await settled();
    expect(settlements(broker)).toEqual(["ACK ack-m-1", "NACK ack-m-2", "NACK ack-m-3"]);
    working.resolve();
    await settled();
    expect(settlements(broker).at(-1)).toBe("ACK ack-m-4");
    expect(told.map((status) => (status.type === "handler-error" ? status.error : status))).toEqual([
      new Error("thrown"),
      new Error("rejected"),
    ]);
    await client.disconnect();
  });

  test("that throws itself refuses the message, as the handler's fault would", async () => {
    const run = () => {
      throw new Error("bad traceparent");
    };
    const { broker, client } = await connected({}, { propagation: { run } });
    const told: Status[] = [];
    client.onStatus((status) => told.push(status));
    const handler = vi.fn();
    const subscription = await client.subscribe("/queue/a", handler, individual);
    broker.message(subscription.id, "x");
    await settled();
    expect(handler).not.toHaveBeenCalled();
    expect(settlements(broker)).toEqual(["NACK ack-m-1"]);
    expect(told).toEqual([{ type: "handler-error", error: new Error("bad traceparent"), destination: "/queue/a" }]);
    await client.disconnect();
  });

  test("is around a policy for invalid messages too, and a decoded value is there for it", async () => {
    const seen: unknown[] = [];
    const run: Propagation["run"] = (message, handle) => {
      seen.push([message.headers.get("traceparent"), message.value]);
      return handle();
    };
    const { broker, client } = await connected({}, { propagation: { run } });
    client.onStatus(() => undefined);
    const codec = {
      decode: (message: Message<unknown>) => {
        if (message.text() === "bad") throw new Error("bad");
        return message.text();
      },
    };
    const subscription = await client.subscribe("/queue/a", () => undefined, { codec, invalid: () => undefined });
    broker.message(subscription.id, "good", { traceparent: "one" });
    broker.message(subscription.id, "bad", { traceparent: "two" });
    await settled();
    expect(seen).toEqual([
      ["one", "good"],
      ["two", undefined],
    ]);
    await client.disconnect();
  });

  test("is not called for a message that is iterated, for which the program calls it itself", async () => {
    const { broker, client, tracer } = await traced();
    const subscription = await client.subscribe("/queue/a");
    broker.message(subscription.id, "x", { traceparent: "one" });
    const { value: message } = await subscription.next();
    if (message === undefined) throw new Error("no message came");
    await client.send("/queue/b", "outside");
    await tracer.run(message, () => client.send("/queue/b", "inside"));
    await settled();
    expect(traces(broker)).toEqual([[], ["one"]]);
    await client.disconnect();
  });
});

describe("propagation", () => {
  test.each([
    [5, "propagation must be an object"],
    ["otel", "propagation must be an object"],
    [{ inject: "yes" }, "propagation.inject must be a function"],
    [{ run: true }, "propagation.run must be a function"],
  ])("of %j is refused", (propagation, message) => {
    const dial = () => Promise.reject(new Error("not dialled"));
    expect(() => new BaseClient(dial, { propagation: propagation as never })).toThrow(new TypeError(message));
  });
});
