import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Client, type Message, ReceiptTimeoutError, type Status } from "../../src/index.js";
import { deferred } from "../../src/internal/deferred.js";
import { type SpringServer, startSpring } from "../brokers/spring.js";
import { failure, take, takeOne, texts } from "../support/messages.js";
import { TABLE, describeSpring, fresh, losesLastWords, open } from "./with-spring.js";

const OCTETS = { headers: { "content-type": "application/octet-stream" } };
/** Octets that are no text in UTF-8. */
const BINARY = Uint8Array.of(0xff, 0, 0xc3, 0x28, 0x80, 10);

/** Resolves once the broker has handled all that the client has sent. It answers no receipt, but keeps the order. */
async function handledAll(client: Client): Promise<void> {
  const subscription = await client.subscribe(fresh());
  await client.send(subscription.destination, "");
  await takeOne(subscription);
  await subscription.unsubscribe();
}

describeSpring("Spring's simple broker", () => {
  // Frames are handled in their order: otherwise a SEND can overtake the SUBSCRIBE before it, and nothing tells when that holds.
  let server: SpringServer;
  beforeAll(async () => {
    server = await startSpring({ ordered: true });
  });
  afterAll(() => server.stop());

  describe.each(TABLE)("over $title", ({ way }) => {
    test.each(["topic", "queue"] as const)("gives a message of a %s to all who subscribed, in order", async (kind) => {
      await using one = await open(server.address, way);
      await using other = await open(server.address, way);
      const destination = fresh(kind);
      const [mine, theirs] = [await one.subscribe(destination), await other.subscribe(destination)];
      for (const client of [one, other]) await handledAll(client);
      const bodies = Array.from({ length: 100 }, (_, index) => String(index));
      for (const body of bodies) await one.send(destination, body);
      for (const subscription of [mine, theirs]) expect(texts(await take(subscription, 100))).toEqual(bodies);
    });

    test.each(["1.0", "1.1", "1.2"] as const)("keeps text and headers as they are in STOMP %s", async (version) => {
      await using client = await open(server.address, way, { versions: [version] });
      const destination = fresh();
      const subscription = await client.subscribe(destination);
      const body = "grün \0 \u{1F600} \u2028 \uFEFF";
      const more = version === "1.0" ? {} : { "na:me": "a\nb\\c:d" };
      const headers = { "x-größe": "größe \u{1F600}", ...more, ...(version === "1.2" ? { return: "a\r\nb" } : {}) };
      await client.send(destination, body, { headers });
      const message = await takeOne(subscription);
      expect(message.text()).toBe(body);
      expect(message.headers.get("content-length")).toBe(String(new TextEncoder().encode(body).length));
      for (const [name, value] of Object.entries(headers)) expect(message.headers.get(name)).toBe(value);
    });

    test("carries two million octets in one message", async () => {
      await using client = await open(server.address, way);
      const destination = fresh();
      const subscription = await client.subscribe(destination);
      const body = "ä\n".repeat(660_000);
      await client.send(destination, body);
      expect((await takeOne(subscription)).text() === body).toBe(true);
    });

    test("carries octets over WebSocket, and over SockJS they are refused and nothing else is lost", async () => {
      await using client = await open(server.address, way);
      const destination = fresh();
      const subscription = await client.subscribe(destination);
      await client.send(destination, "before");
      const sent = client.send(destination, BINARY, OCTETS);
      if (way === "WebSocket") await sent;
      else
        expect(await failure(sent)).toEqual(
          new TypeError("the body is not UTF-8, and this transport carries text only"),
        );
      await client.send(destination, new TextEncoder().encode("nach\0her"));
      const expected = ["before", ...(way === "WebSocket" ? [BINARY] : []), "nach\0her"];
      const messages = await take(subscription, expected.length);
      expect(
        messages.map((message, index) => (index === 1 && way === "WebSocket" ? message.bytes : message.text())),
      ).toEqual(expected);
      expect(client.metrics().connects).toBe(1);
    });

    test("sends nothing any more after UNSUBSCRIBE", async () => {
      await using client = await open(server.address, way);
      const destination = fresh();
      const [first, second] = [await client.subscribe(destination), await client.subscribe(destination)];
      await client.send(destination, "1");
      await takeOne(first);
      await first.unsubscribe();
      await client.send(destination, "2");
      expect(texts(await take(second, 2))).toEqual(["1", "2"]);
      expect(await first.next()).toEqual({ done: true, value: undefined });
      expect(client.metrics().messagesReceived).toBe(3);
    });

    test("ignores ack modes: each message comes once, and acknowledging it changes nothing", async () => {
      await using client = await open(server.address, way);
      const destination = fresh("queue");
      const handled = deferred<void>();
      const read: string[] = [];
      const work = (message: Message): void => {
        read.push(message.text());
        if (message.text() === "3") handled.resolve();
      };
      await client.subscribe(destination, work, { ack: "client-individual", prefetch: 1 });
      const other = await client.subscribe(destination, { ack: "client" });
      for (const body of ["1", "2", "3"]) await client.send(destination, body);
      const [first] = await take(other, 1);
      expect(first?.headers.has("ack")).toBe(false);
      await first?.nack();
      await handled.promise;
      expect(read).toEqual(["1", "2", "3"]);
      expect(texts(await take(other, 2))).toEqual(["2", "3"]);
      await client.send(destination, "still here");
      expect((await takeOne(other)).text()).toBe("still here");
    });

    test("answers no receipt but that of DISCONNECT, which the time-out tells, and the session goes on", async () => {
      await using client = await open(server.address, way, { receiptTimeout: 300 });
      const destination = fresh();
      const subscription = await client.subscribe(destination);
      const error = await failure(client.send(destination, "arrives", { receipt: true }));
      expect(error).toBeInstanceOf(ReceiptTimeoutError);
      expect((await takeOne(subscription)).text()).toBe("arrives");
      expect(client.state).toBe("connected");
    });

    test("ignores transactions: what is sent in one arrives at once, even if it is aborted", async () => {
      await using client = await open(server.address, way, { receiptTimeout: 300 });
      const destination = fresh();
      const subscription = await client.subscribe(destination);
      const transaction = await client.begin();
      await transaction.send(destination, "in it");
      expect((await takeOne(subscription)).text()).toBe("in it");
      await transaction.abort({ receipt: false });
      const committed = failure(client.transaction((one) => one.send(destination, "too")));
      expect((await takeOne(subscription)).text()).toBe("too");
      expect(await committed).toBeInstanceOf(ReceiptTimeoutError);
    });

    test("gives the answer of a method with @SendToUser to the session that asked, and to no other", async () => {
      await using client = await open(server.address, way);
      await using other = await open(server.address, way);
      const options = { headers: { "content-type": "text/plain" } };
      const replies = await client.subscribe("/user/queue/replies");
      const others = await other.subscribe("/user/queue/replies");
      await client.send("/app/upper", "größe", options);
      const reply = await takeOne(replies);
      expect([reply.text(), reply.destination]).toEqual(["GRÖSSE", "/user/queue/replies"]);
      await other.send("/app/upper", "mine", options);
      expect((await takeOne(others)).text()).toBe("MINE");
      expect(replies.unread).toBe(0);
    });

    test("answers requests where the method copies correlation-id", async () => {
      await using client = await open(server.address, way);
      const options = { replyTo: "/user/queue/replies", timeout: 10_000, headers: { "content-type": "text/plain" } };
      const replies = await Promise.all(["a", "b", "c"].map((body) => client.request("/app/ask", body, options)));
      expect(texts(replies)).toEqual(["A", "B", "C"]);
    });

    test("tells nobody of a message that nobody takes, or over which a method fails", async () => {
      await using client = await open(server.address, way);
      const statuses: Status[] = [];
      client.onStatus((status) => statuses.push(status));
      const errors = await client.subscribe("/user/queue/errors");
      await client.send("/nowhere/at/all", "x");
      await client.send("/app/nothing", "x");
      await client.send("/app/fail", "x");
      await client.send("/app/refuse", "x"); // a method with @MessageExceptionHandler answers
      expect((await takeOne(errors)).text()).toBe("not on Tuesdays");
      expect(statuses).toEqual([]);
    });

    test("a frame above its limit is answered by an ERROR, and ends the session", async () => {
      await using client = await open(server.address, way, { reconnect: false });
      const ended = deferred<unknown>();
      client.onStatus((status) => {
        if (status.type === "disconnected") ended.resolve(status.reason);
      });
      const failed = deferred<Error>();
      client.onStatus((status) => {
        if (status.type === "server-error") failed.resolve(status.error);
      });
      await client.send(fresh(), "x".repeat(2 * 1024 * 1024));
      const message = "The configured STOMP buffer size limit of 2097152 bytes has been exceeded";
      const reason = await ended.promise;
      expect(reason).toMatchObject({ code: "connection-lost" });
      if (!losesLastWords(way)) {
        expect(await failed.promise).toMatchObject({ code: "server", message });
        expect((reason as Error).message).toContain(message);
      }
    });
  });

  test("a WebSocket message above the limit of its container ends the session with 1009 and no ERROR", async () => {
    await using client = await open(server.address, "WebSocket", { reconnect: false });
    const statuses: Status[] = [];
    const ended = new Promise<void>((resolve) => {
      client.onStatus((status) => {
        statuses.push(status);
        if (status.type === "disconnected") resolve();
      });
    });
    await client.send(fresh(), "x".repeat(3 * 1024 * 1024));
    await ended;
    expect(statuses.map(({ type }) => type)).toEqual(["disconnected"]);
    expect(statuses[0]).toMatchObject({ reason: { message: expect.stringContaining("closed with code 1009") } });
  });

  // Without that type Spring makes a text message of what is no text, and counts the octets of before.
  test("octets without content-type application/octet-stream arrive damaged, and end the session that gets them", async () => {
    await using client = await open(server.address, "WebSocket", { reconnect: false });
    const subscription = await client.subscribe(fresh());
    await client.send(subscription.destination, BINARY);
    expect(await failure(subscription.next())).toMatchObject({
      code: "protocol",
      message: "the body is longer than its content-length",
    });
  });
});
