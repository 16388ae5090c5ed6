import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { BaseClient } from "../../../src/client/client.js";
import type { ClientOptions } from "../../../src/client/options/options.js";
import type { Status } from "../../../src/client/observing/status.js";
import { ReplyTimeoutError, ServerError } from "../../../src/errors.js";
import type { ClientFrame } from "../../../src/protocol/index.js";
import { connected, failure } from "../../support/connected.js";
import { type ScriptedBroker, settled } from "../../support/scripted-broker.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const REPLIES = { replyTo: "/queue/r", timeout: Infinity };

/** A client whose broker answers receipts when a test says so, and what the client's status tells. */
async function unanswered(
  options: ClientOptions = {},
): Promise<{ broker: ScriptedBroker; client: BaseClient; told: Status[] }> {
  const { broker, client } = await connected({ receipts: false }, options);
  const told: Status[] = [];
  client.onStatus((status) => told.push(status));
  return { broker, client, told };
}

function confirm(broker: ScriptedBroker, frame: ClientFrame | undefined): void {
  broker.send("RECEIPT", { "receipt-id": frame?.headers.get("receipt") ?? "none was asked for" });
}

function answer(broker: ScriptedBroker, request: ClientFrame | undefined, subscribe: ClientFrame | undefined): void {
  broker.message(subscribe?.headers.get("id") ?? "", `re: ${request?.text() ?? ""}`, {
    "correlation-id": request?.headers.get("correlation-id") ?? "",
  });
}

/** Expect that the next request subscribes again, by a new id, and gets its reply. */
async function expectNext(broker: ScriptedBroker, client: BaseClient): Promise<void> {
  const before = broker.of("SUBSCRIBE");
  const asking = client.request("/queue/ask", "next", REPLIES);
  await settled();
  const subscribe = broker.of("SUBSCRIBE").at(-1);
  expect(broker.of("SUBSCRIBE")).toHaveLength(before.length + 1);
  expect(subscribe?.headers.get("destination")).toBe(REPLIES.replyTo);
  expect(before.map(({ headers }) => headers.get("id"))).not.toContain(subscribe?.headers.get("id"));
  confirm(broker, subscribe);
  answer(broker, broker.of("SEND").at(-1), subscribe);
  expect((await asking).text()).toBe("re: next");
}

async function leave(client: BaseClient): Promise<void> {
  const leaving = client.disconnect({ timeout: 1 });
  await vi.advanceTimersByTimeAsync(1);
  await leaving;
}

describe("a refused subscription to replies rejects the requests that wait on it, and is made again for the next one", () => {
  test("when the ERROR names the receipt of its SUBSCRIBE", async () => {
    const { broker, client, told } = await unanswered();
    const asking = ["1", "2"].map((text) => failure(client.request("/queue/ask", text, REPLIES)));
    const other = client.request("/queue/ask", "other", { ...REPLIES, replyTo: "/queue/other" });
    await settled();
    const [subscribe, accepted] = broker.of("SUBSCRIBE");
    broker.send("ERROR", { message: "not authorized", "receipt-id": subscribe?.headers.get("receipt") });
    for (const error of await Promise.all(asking)) {
      expect(error).toBeInstanceOf(ServerError);
      expect(error).toMatchObject({ message: "not authorized" });
    }
    answer(broker, broker.of("SEND")[2], accepted);
    expect((await other).text()).toBe("re: other");
    await expectNext(broker, client);
    expect(told).toEqual([]); // the callers know
    await leave(client);
  });

  test("when the ERROR names the subscription, in whichever order its receipt comes", async () => {
    const { broker, client, told } = await unanswered();
    for (const confirmed of [false, true]) {
      const asking = failure(client.request("/queue/ask", "", REPLIES));
      await settled();
      const subscribe = broker.of("SUBSCRIBE").at(-1);
      if (confirmed) confirm(broker, subscribe);
      broker.send("ERROR", { message: "no", subscription: subscribe?.headers.get("id") });
      expect(await asking).toBeInstanceOf(ServerError);
      if (!confirmed) confirm(broker, subscribe);
      await settled();
    }
    await expectNext(broker, client);
    expect(told).toEqual([]);
    await leave(client);
  });

  test("when the ERROR names the subscription while nobody waits; status tells of it", async () => {
    const { broker, client, told } = await unanswered();
    const late = failure(client.request("/queue/ask", "", { ...REPLIES, timeout: 10 }));
    await vi.advanceTimersByTimeAsync(10);
    expect(await late).toBeInstanceOf(ReplyTimeoutError);
    broker.send("ERROR", { message: "gone", subscription: broker.of("SUBSCRIBE")[0]?.headers.get("id") });
    await settled();
    expect(told).toMatchObject([{ type: "server-error", error: { message: "gone" } }]);
    await expectNext(broker, client);
    await leave(client);
  });

  test("when an ERROR names nothing, and a BEGIN after it is confirmed, where the SUBSCRIBE was not: as on RabbitMQ", async () => {
    const { broker, client, told } = await unanswered();
    const asking = ["1", "2"].map((text) => failure(client.request("/queue/ask", text, REPLIES)));
    await settled();
    broker.send("ERROR", { message: "Unknown destination" });
    await settled();
    broker.send("ERROR", { message: "Processing error" });
    expect(client.metrics().requestsPending).toBe(2);
    const probe = [...broker.of("BEGIN"), ...broker.of("ABORT")];
    expect(new Set(probe.map(({ headers }) => headers.get("transaction"))).size).toBe(1);
    expect(probe).toHaveLength(2); // and no more of them for the second ERROR
    confirm(broker, probe[0]);
    for (const error of await Promise.all(asking)) {
      expect(error).toBeInstanceOf(ServerError);
      expect(error).toMatchObject({ message: "Unknown destination" });
    }
    expect(told).toMatchObject([{ type: "server-error" }, { type: "server-error" }]);
    await expectNext(broker, client);
    await leave(client);
  });

  test("when SUBSCRIBE cannot be expressed, before a byte leaves", async () => {
    const { broker, client } = await connected({ session: { versions: ["1.0"] } });
    const asking = client.request("/queue/ask", "", { replyTo: "/queue/a\nb", timeout: Infinity });
    expect(await failure(asking)).toBeInstanceOf(TypeError);
    expect(broker.received).toHaveLength(1);
    expect(client.metrics()).toMatchObject({ requestsPending: 0, receiptsPending: 0 });
    await client.disconnect();
  });
});

describe("a subscription to replies goes on", () => {
  test("when its broker answers no receipts: a time-out is no refusal", async () => {
    const { broker, client } = await unanswered({ receiptTimeout: 100 });
    const first = client.request("/queue/ask", "1", REPLIES);
    await vi.advanceTimersByTimeAsync(100);
    const second = client.request("/queue/ask", "2", REPLIES);
    await settled();
    broker.send("ERROR", { message: "about something else" });
    await vi.advanceTimersByTimeAsync(100);
    const [subscribe, more] = broker.of("SUBSCRIBE");
    expect(more).toBeUndefined();
    for (const request of broker.of("SEND")) answer(broker, request, subscribe);
    expect([(await first).text(), (await second).text()]).toEqual(["re: 1", "re: 2"]);
    await leave(client);
  });

  test("when a reply came by it, whatever ERRORs come and receipts stay out", async () => {
    const { broker, client } = await unanswered({ receiptTimeout: 100 });
    const asking = ["1", "2"].map((text) => client.request("/queue/ask", text, REPLIES));
    await settled();
    broker.send("ERROR", { message: "about something else" });
    const [subscribe] = broker.of("SUBSCRIBE");
    const [one, two] = broker.of("SEND");
    answer(broker, one, subscribe);
    expect((await asking[0])?.text()).toBe("re: 1");
    for (const frame of [...broker.of("BEGIN"), ...broker.of("ABORT")]) confirm(broker, frame);
    await vi.advanceTimersByTimeAsync(100);
    answer(broker, two, subscribe);
    expect((await asking[1])?.text()).toBe("re: 2");
    expect(broker.of("SUBSCRIBE")).toHaveLength(1);
    await leave(client);
  });

  test("when its receipt comes, together with the answer to a BEGIN after it", async () => {
    const { broker, client } = await unanswered();
    const asking = client.request("/queue/ask", "1", REPLIES);
    await settled();
    broker.send("ERROR", { message: "about something else" });
    await settled();
    const receipts = ["SUBSCRIBE", "BEGIN", "ABORT"] as const;
    const answers = receipts.map((command) =>
      broker.session.encode("RECEIPT", { "receipt-id": broker.of(command)[0]?.headers.get("receipt") }),
    );
    broker.transport.send(answers.join("")); // in one chunk
    await settled();
    answer(broker, broker.of("SEND")[0], broker.of("SUBSCRIBE")[0]);
    expect((await asking).text()).toBe("re: 1");
    await leave(client);
  });

  test.each<[string, Record<string, string>]>([
    ["that names nothing", {}],
    ["that names another receipt", { "receipt-id": "ghost" }],
    ["that names another subscription", { subscription: "ghost" }],
  ])("when an ERROR %s is about something else", async (_, headers) => {
    const { broker, client, told } = await unanswered();
    const asking = client.request("/queue/ask", "1", REPLIES);
    await settled();
    const [subscribe] = broker.of("SUBSCRIBE");
    const [request] = broker.of("SEND");
    broker.send("ERROR", { message: "before the receipt", ...headers });
    confirm(broker, subscribe);
    for (const frame of [...broker.of("BEGIN"), ...broker.of("ABORT")]) confirm(broker, frame);
    broker.send("ERROR", { message: "after it", ...headers });
    await settled();
    expect(told).toMatchObject([{ type: "server-error" }, { type: "server-error" }]);
    answer(broker, request, subscribe);
    expect((await asking).text()).toBe("re: 1");
    await leave(client);
  });
});

test("receipts that never come do not delay disconnect", async () => {
  const { broker, client } = await connected({
    receipts: false,
    onFrame: (frame, self) => {
      if (frame.command === "DISCONNECT") confirm(self, frame);
    },
  });
  const asking = failure(client.request("/queue/ask", "", REPLIES));
  await settled();
  await client.disconnect(); // without a tick of the clock
  expect(await asking).toMatchObject({ code: "connection-lost" });
  expect(broker.of("DISCONNECT")).toHaveLength(1);
});
