import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { BaseClient } from "../../../src/client/client.js";
import type { ClientOptions } from "../../../src/client/options/options.js";
import type { Status } from "../../../src/client/observing/status.js";
import { ConnectionLostError, InvalidStateError, ReplyTimeoutError, ServerError } from "../../../src/errors.js";
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

const RABBITMQ = "RabbitMQ/3.10.8";
const ACTIVEMQ = "ActiveMQ/5.17.2";
const ARTEMIS = "ActiveMQ-Artemis/2.33.0 ActiveMQ Artemis Messaging Engine";

/** A client and a broker that says what it is, and answers nothing by itself. */
function served(server?: string, options?: ClientOptions): Promise<{ broker: ScriptedBroker; client: BaseClient }> {
  return connected({ connected: server === undefined ? {} : { server } }, options);
}

/** Answer a request as its responder would, on the subscription to replies that the broker has. */
function answer(broker: ScriptedBroker, request: ClientFrame | undefined, body: string): void {
  const replyTo = request?.headers.get("reply-to") ?? "";
  const known = broker.of("SUBSCRIBE").find(({ headers }) => headers.get("destination") === replyTo);
  broker.message(known?.headers.get("id") ?? replyTo, body, {
    "correlation-id": request?.headers.get("correlation-id") ?? "",
  });
}

describe("request", () => {
  test("on RabbitMQ names a temporary queue that is not subscribed to, and gets the reply from it", async () => {
    const { broker, client } = await served(RABBITMQ);
    const asking = client.request("/queue/ask", "how much?", { headers: { "x-app": "yes" } });
    await settled();
    const [request] = broker.of("SEND");
    const replyTo = request?.headers.get("reply-to") ?? "";
    expect(replyTo).toMatch(/^\/temp-queue\/[\w-]{8,}$/);
    expect(request?.headers.get("correlation-id")).not.toBe("");
    expect(request?.headers.get("x-app")).toBe("yes");
    expect(request?.text()).toBe("how much?");
    expect(broker.of("SUBSCRIBE")).toEqual([]);
    expect(client.metrics().requestsPending).toBe(1);
    answer(broker, request, "42");
    const reply = await asking;
    expect(reply.text()).toBe("42");
    expect(reply.isSettled).toBe(true);
    await reply.ack();
    await expect(reply.nack()).rejects.toThrow(new InvalidStateError("a reply cannot be refused"));
    expect(client.metrics()).toMatchObject({ requestsPending: 0, messagesDropped: 0 });
    await client.disconnect();
  });

  test.each([ACTIVEMQ, ARTEMIS])("on %s subscribes to its temporary queue first, once for all", async (server) => {
    const { broker, client } = await served(server);
    const asking = ["a", "b"].map((body) => client.request("/queue/ask", body));
    await settled();
    expect(broker.received.slice(1).map(({ command }) => command)).toEqual(["SUBSCRIBE", "SEND", "SEND"]);
    const [subscribe] = broker.of("SUBSCRIBE");
    const [first, second] = broker.of("SEND");
    const replyTo = subscribe?.headers.get("destination");
    expect(replyTo).toMatch(/^\/temp-queue\//);
    expect([first, second].map((request) => request?.headers.get("reply-to"))).toEqual([replyTo, replyTo]);
    answer(broker, second, "B");
    answer(broker, first, "A");
    expect((await Promise.all(asking)).map((reply) => reply.text())).toEqual(["A", "B"]);
    expect(client.metrics().subscriptions).toBe(0); // it is none of the caller's
    await client.disconnect();
  });

  test("elsewhere needs a destination for replies, which it subscribes to, once for each", async () => {
    const { broker, client } = await served();
    await expect(client.request("/queue/ask")).rejects.toThrow(
      new TypeError("replyTo is needed: this broker has no known temporary queues"),
    );
    const asking = ["/queue/x", "/queue/y", "/queue/x"].map((replyTo) =>
      client.request("/queue/ask", replyTo, { replyTo }),
    );
    await settled();
    expect(broker.of("SUBSCRIBE").map(({ headers }) => [headers.get("destination"), headers.get("ack")])).toEqual([
      ["/queue/x", "auto"],
      ["/queue/y", "auto"],
    ]);
    for (const request of broker.of("SEND")) answer(broker, request, request.headers.get("reply-to") ?? "");
    expect((await Promise.all(asking)).map((reply) => reply.text())).toEqual(["/queue/x", "/queue/y", "/queue/x"]);
    await client.disconnect();
  });

  test("on RabbitMQ a queue that the caller names is subscribed to, a temporary one is not", async () => {
    const { broker, client } = await served(RABBITMQ);
    const asking = ["/queue/x", "/temp-queue/mine"].map((replyTo) => client.request("/queue/ask", "", { replyTo }));
    await settled();
    expect(broker.of("SUBSCRIBE").map(({ headers }) => headers.get("destination"))).toEqual(["/queue/x"]);
    for (const request of broker.of("SEND")) answer(broker, request, "yes");
    await Promise.all(asking);
    await client.disconnect();
  });

  test("many at once get each their own reply, in whatever order they come", async () => {
    const { broker, client } = await served(RABBITMQ);
    const bodies = Array.from({ length: 100 }, (_, i) => String(i));
    const asking = bodies.map((body) => client.request("/queue/ask", body));
    await settled();
    for (const request of broker.of("SEND").reverse()) answer(broker, request, `re: ${request.text()}`);
    expect((await Promise.all(asking)).map((reply) => reply.text())).toEqual(bodies.map((body) => `re: ${body}`));
    await client.disconnect();
  });

  test("that nobody answers in time rejects; a reply that comes later is counted as dropped, and told", async () => {
    const { broker, client } = await served(RABBITMQ);
    const told: Status[] = [];
    client.onStatus((status) => told.push(status));
    const asking = failure(client.request("/queue/ask", "", { timeout: 100 }));
    const patient = client.request("/queue/ask", "", { timeout: Infinity });
    await vi.advanceTimersByTimeAsync(100);
    const error = await asking;
    expect(error).toBeInstanceOf(ReplyTimeoutError);
    expect(error).toMatchObject({
      code: "reply-timeout",
      message: "no reply to the request to /queue/ask within 100 ms",
      timeout: 100,
    });
    const [late, other] = broker.of("SEND");
    answer(broker, late, "sorry");
    answer(broker, other, "here");
    expect((await patient).text()).toBe("here");
    expect(told).toMatchObject([{ type: "message-dropped", count: 1 }]);
    await client.disconnect();
  });

  test("waits for as long as a receipt by default", async () => {
    const { client } = await served(RABBITMQ, { receiptTimeout: 50 });
    const asking = failure(client.request("/queue/ask"));
    await vi.advanceTimersByTimeAsync(50);
    expect(await asking).toMatchObject({ code: "reply-timeout", timeout: 50 });
    await client.disconnect();
  });

  test("a signal ends the wait, and keeps what is not sent yet from being sent", async () => {
    const { broker, client } = await served(ACTIVEMQ);
    const abort = new AbortController();
    const asking = failure(client.request("/queue/ask", "", { signal: abort.signal }));
    await settled();
    abort.abort(new Error("mine"));
    expect(await asking).toEqual(new Error("mine"));
    expect(await failure(client.request("/queue/ask", "", { signal: abort.signal }))).toEqual(new Error("mine"));
    expect(broker.of("SEND")).toHaveLength(1);
    expect(client.metrics().requestsPending).toBe(0);
    await client.disconnect();
  });

  test.each([
    ["", {}, "destination must be a string that is not empty"],
    ["/a", { replyTo: "" }, "destination must be a string that is not empty"],
    ["/a", { timeout: -1 }, "timeout must be a positive number of ms, not -1"],
    ["/a", { headers: { "reply-to": "/x" } }, 'header "reply-to" of SEND has an argument or option of its own'],
    [
      "/a",
      { headers: { "correlation-id": "x" } },
      'header "correlation-id" of SEND has an argument or option of its own',
    ],
  ])("refuses %o %o", async (destination, options, message) => {
    const { broker, client } = await served(RABBITMQ);
    expect(await failure(client.request(destination, "", options))).toMatchObject({ message });
    expect(broker.received).toHaveLength(1);
    await client.disconnect();
  });

  test("needs a connection", async () => {
    const { client } = await served(RABBITMQ);
    await client.disconnect();
    await expect(client.request("/queue/ask")).rejects.toThrow(
      new InvalidStateError("request to /queue/ask needs a connection, the client is disconnected"),
    );
  });

  test("that cannot be expressed is not waited for", async () => {
    const { broker, client } = await connected({ connected: { server: RABBITMQ }, session: { versions: ["1.0"] } });
    expect(await failure(client.request("/queue/ask", "", { headers: { "x-app": "a\nb" } }))).toBeInstanceOf(TypeError);
    expect(client.metrics().requestsPending).toBe(0);
    expect(broker.of("SEND")).toEqual([]);
    await client.disconnect();
  });
});

describe("a request in flight", () => {
  test("rejects when the session is lost; the next one has its replies in the next session", async () => {
    const { broker, client } = await served(ACTIVEMQ, { reconnect: () => 0 });
    const lost = failure(client.request("/queue/ask", "lost", { timeout: Infinity }));
    await settled();
    broker.transport.abort(new Error("cable cut"));
    const error = await lost;
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error).toMatchObject({
      outcome: "unknown",
      message: expect.stringMatching(/^connection lost before the reply to the request to \/queue\/ask: /) as string,
    });
    expect(await failure(client.request("/queue/ask"))).toMatchObject({ outcome: "not-sent" });
    await vi.advanceTimersByTimeAsync(0);
    await client.connect();
    const asking = client.request("/queue/ask", "next");
    await settled();
    const [, subscribe] = broker.of("SUBSCRIBE");
    const [, request] = broker.of("SEND");
    expect(request?.headers.get("reply-to")).toBe(subscribe?.headers.get("destination"));
    broker.message(subscribe?.headers.get("id") ?? "", "42", {
      "correlation-id": request?.headers.get("correlation-id") ?? "",
    });
    expect((await asking).text()).toBe("42");
    await client.disconnect();
  });

  test("rejects when the session is lost for good, and when the client disconnects", async () => {
    const { broker, client } = await served(RABBITMQ);
    const lost = failure(client.request("/queue/ask"));
    await settled();
    broker.transport.send("NO SUCH COMMAND\n\n\0");
    expect(await lost).toMatchObject({ code: "connection-lost", outcome: "unknown" });
    await client.connect();
    const left = failure(client.request("/queue/ask"));
    await client.disconnect();
    expect(await left).toMatchObject({
      code: "connection-lost",
      outcome: "unknown",
      message: "connection lost before the reply to the request to /queue/ask: the client ended the session",
    });
  });

  test("rejects when the broker ends the subscription to replies, which is made again for the next one", async () => {
    const { broker, client } = await served(ACTIVEMQ);
    const told: Status[] = [];
    client.onStatus((status) => told.push(status));
    const asking = failure(client.request("/queue/ask", "", { replyTo: "/queue/x" }));
    const other = client.request("/queue/ask", "", { replyTo: "/queue/y" });
    await settled();
    const id = broker.of("SUBSCRIBE")[0]?.headers.get("id");
    broker.send("ERROR", { message: "Server cancelled subscription", subscription: id });
    expect(await asking).toBeInstanceOf(ServerError);
    answer(broker, broker.of("SEND")[1], "y");
    expect((await other).text()).toBe("y");
    expect(told).toEqual([]);
    const again = client.request("/queue/ask", "", { replyTo: "/queue/x" });
    await settled();
    expect(broker.of("SUBSCRIBE")).toHaveLength(3);
    const request = broker.of("SEND")[2];
    broker.message(broker.of("SUBSCRIBE")[2]?.headers.get("id") ?? "", "x", {
      "correlation-id": request?.headers.get("correlation-id") ?? "",
    });
    expect((await again).text()).toBe("x");
    broker.send("ERROR", { message: "gone", subscription: broker.of("SUBSCRIBE")[2]?.headers.get("id") });
    await settled();
    expect(told).toMatchObject([{ type: "server-error" }]); // nobody waits: it is told at least so
    await client.disconnect();
  });

  test.each([RABBITMQ, ACTIVEMQ])("of a handler is answered while the client disconnects (%s)", async (server) => {
    const { broker, client } = await served(server);
    const answers: string[] = [];
    const subscription = await client.subscribe("/queue/work", async () => {
      answers.push((await client.request("/queue/ask")).text());
      answers.push((await client.request("/queue/ask")).text());
    });
    broker.message(subscription.id, "go");
    await settled();
    const disconnecting = client.disconnect();
    for (const index of [0, 1]) {
      await settled();
      answer(broker, broker.of("SEND")[index], String(index));
    }
    await disconnecting;
    expect(answers).toEqual(["0", "1"]);
  });
});
