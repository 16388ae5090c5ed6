import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Responder } from "../../../src/client/requests/respond.js";
import type { Status } from "../../../src/client/observing/status.js";
import { connected, failure } from "../../support/connected.js";
import { settled } from "../../support/scripted-broker.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const ASKED = { "reply-to": "/reply-queue/q", "correlation-id": "c-1" };

describe("respond", () => {
  test.each<[string, Responder, string, Record<string, string>]>([
    ["a text", (message) => `re: ${message.text()}`, "re: ask", {}],
    ["octets", () => new TextEncoder().encode("octets"), "octets", {}],
    ["a promise", () => Promise.resolve("later"), "later", {}],
    ["nothing, as an empty body", () => undefined, "", {}],
    [
      "a body with headers",
      () => ({ body: "{}", headers: { "content-type": "application/json", "correlation-id": "not this" } }),
      "{}",
      { "content-type": "application/json" },
    ],
  ])("sends %s to where the request wants it, with its correlation-id", async (_, responder, body, headers) => {
    const { broker, client } = await connected();
    const subscription = await client.respond("/queue/ask", responder);
    broker.message(subscription.id, "ask", ASKED);
    await settled();
    const [reply] = broker.of("SEND");
    expect(reply?.text()).toBe(body);
    expect(Object.fromEntries(reply?.headers ?? [])).toMatchObject({
      destination: "/reply-queue/q",
      "correlation-id": "c-1",
      ...headers,
    });
    await client.disconnect();
  });

  test("answers without a correlation-id a request that has none, or with the responder's own", async () => {
    const { broker, client } = await connected();
    const subscription = await client.respond("/queue/ask", (message) =>
      message.text() === "own" ? { body: "", headers: { "correlation-id": "mine" } } : "",
    );
    for (const text of ["none", "own"]) broker.message(subscription.id, text, { "reply-to": "/queue/r" });
    await settled();
    expect(broker.of("SEND").map(({ headers }) => headers.get("correlation-id"))).toEqual([undefined, "mine"]);
    await client.disconnect();
  });

  test("handles a message that wants no reply, and sends none", async () => {
    const { broker, client } = await connected();
    const seen: string[] = [];
    const subscription = await client.respond("/queue/ask", (message) => {
      seen.push(message.text());
      return "unheard";
    });
    broker.message(subscription.id, "just do it");
    await settled();
    expect(seen).toEqual(["just do it"]);
    expect(broker.of("SEND")).toEqual([]);
    await client.disconnect();
  });

  test("acknowledges a request after its reply, and refuses one whose responder fails, which is told", async () => {
    const { broker, client } = await connected();
    const told: Status[] = [];
    client.onStatus((status) => told.push(status));
    const subscription = await client.respond(
      "/queue/ask",
      async (message) => {
        await Promise.resolve();
        if (message.text() === "bad") throw new Error("cannot");
        return "done";
      },
      { ack: "client-individual", nackHeaders: { requeue: false }, concurrency: 2 },
    );
    broker.message(subscription.id, "good", ASKED);
    broker.message(subscription.id, "bad", ASKED);
    await settled();
    const frames = broker.received.slice(2);
    expect(frames.map(({ command, headers }) => [command, headers.get("id")])).toEqual([
      ["SEND", undefined],
      ["NACK", "ack-m-2"],
      ["ACK", "ack-m-1"],
    ]);
    expect(told).toEqual([{ type: "handler-error", error: new Error("cannot"), destination: "/queue/ask" }]);
    await client.disconnect();
  });

  test("a reply that cannot be sent is a failure of the handler", async () => {
    const { broker, client } = await connected();
    const told: Status[] = [];
    client.onStatus((status) => told.push(status));
    const subscription = await client.respond("/queue/ask", () => ({ body: "", headers: { destination: "/x" } }), {
      ack: "client-individual",
    });
    broker.message(subscription.id, "ask", ASKED);
    await settled();
    expect(broker.of("NACK")).toHaveLength(1);
    expect(told).toMatchObject([
      {
        type: "handler-error",
        error: { message: 'header "destination" of SEND has an argument or option of its own' },
      },
    ]);
    await client.disconnect();
  });

  test("sends its replies while the client disconnects, and then takes no request any more", async () => {
    const { broker, client } = await connected();
    let go = (): void => undefined;
    const waiting = new Promise<void>((resolve) => void (go = resolve));
    const subscription = await client.respond(
      "/queue/ask",
      async () => {
        await waiting;
        return "done";
      },
      { ack: "client-individual" },
    );
    broker.message(subscription.id, "first", ASKED);
    await settled();
    const disconnecting = client.disconnect();
    broker.message(subscription.id, "second", ASKED);
    await settled();
    go();
    await disconnecting;
    expect(broker.received.slice(2).map(({ command }) => command)).toEqual(["SEND", "ACK", "DISCONNECT"]);
    await subscription.ended;
  });

  test("with delivery at-least-once acknowledges a request when the broker has its reply", async () => {
    const { broker, client } = await connected({ receipts: false }, { delivery: "at-least-once" });
    const subscription = await client.respond("/queue/ask", () => "done", { ack: "client-individual" });
    broker.message(subscription.id, "ask", ASKED);
    await settled();
    expect(broker.of("ACK")).toEqual([]);
    broker.send("RECEIPT", { "receipt-id": broker.of("SEND")[0]?.headers.get("receipt") ?? "" });
    await settled();
    expect(broker.of("ACK")).toHaveLength(1);
    const disconnecting = client.disconnect({ timeout: 1 });
    await vi.advanceTimersByTimeAsync(1);
    await disconnecting;
  });

  test("refuses what subscribe refuses", async () => {
    const { client } = await connected();
    expect(await failure(client.respond("", () => ""))).toMatchObject({
      message: "destination must be a string that is not empty",
    });
    await client.disconnect();
    const subscription = await client.respond("/queue/ask", () => ""); // for the next session
    expect(subscription.isLive).toBe(true);
  });
});
