import { describe, expect, test } from "vitest";
import { ConnectionLostError, ReplyTimeoutError, ServerError, type Status, json } from "../../src/index.js";
import { FOR_BURSTS, TABLE, endSession, open } from "./clients.js";
import { drain, failure, takeOne, texts } from "../support/messages.js";
import { describeRabbitMq, freshQueue } from "./with-rabbitmq.js";

const MANY = Array.from({ length: 300 }, (_, index) => String(index));

describeRabbitMq("requests over RabbitMQ", () => {
  describe.each(TABLE)("over $carrier with STOMP $version", (row) => {
    test("are answered by another client, many at once", async () => {
      await using server = await open(row, FOR_BURSTS);
      await using client = await open(row, FOR_BURSTS);
      const destination = freshQueue();
      await server.respond(destination, (message) => `re: ${message.text()}`, { ack: "client", receipt: true });
      const replies = await Promise.all(MANY.map((body) => client.request(destination, body)));
      expect(texts(replies)).toEqual(MANY.map((body) => `re: ${body}`));
      expect(client.metrics()).toMatchObject({ messagesDropped: 0, requestsPending: 0 });
    });

    test("carry headers both ways, and octets", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      await client.respond(destination, async (message) => {
        await Promise.resolve();
        return {
          body: message.bytes,
          headers: { "content-type": "text/plain", "x-got": message.headers.get("x-app") },
        };
      });
      const octets = new TextEncoder().encode("wörter");
      const reply = await client.request(destination, octets, { headers: { "x-app": "yes" } });
      expect([reply.text(), reply.contentType, reply.headers.get("x-got")]).toEqual(["wörter", "text/plain", "yes"]);
    });

    test("may have their replies in a queue of the caller's choice", async () => {
      await using client = await open(row);
      const [destination, replyTo] = [freshQueue(), freshQueue()];
      await client.respond(destination, (message) => message.text().toUpperCase());
      const replies = await Promise.all(["a", "b"].map((body) => client.request(destination, body, { replyTo })));
      expect(texts(replies)).toEqual(["A", "B"]);
    });

    test("that fail or that nobody answers are over in time", async () => {
      await using client = await open(row);
      const statuses: Status[] = [];
      client.onStatus((status) => statuses.push(status));
      const destination = freshQueue();
      await client.respond(destination, () => Promise.reject(new Error("cannot")), {
        ack: "client-individual",
        nackHeaders: { requeue: false },
      });
      const error = await failure(client.request(destination, "x", { timeout: 1000 }));
      expect(error).toBeInstanceOf(ReplyTimeoutError);
      expect(statuses).toMatchObject([{ type: "handler-error", error: { message: "cannot" } }]);
    });

    test("reject when their session ends, and go on in the next one", async () => {
      await using server = await open(row);
      await using client = await open(row, { reconnect: () => 0 });
      const destination = freshQueue();
      // Takes the question, and does not answer it yet.
      await using subscription = await server.subscribe(destination);
      const lost = failure(client.request(destination, "first", { timeout: Infinity }));
      const question = await takeOne(subscription);
      await endSession(client);
      const error = await lost;
      expect(error).toBeInstanceOf(ConnectionLostError);
      expect(error).toMatchObject({ outcome: "unknown" });
      const correlation = { "correlation-id": question.headers.get("correlation-id") };
      await server.send(question.headers.get("reply-to") ?? "", "too late", { headers: correlation, receipt: true });
      await subscription.unsubscribe();
      await server.respond(destination, (message) => `re: ${message.text()}`, { receipt: true });
      await client.connect();
      const replies = await Promise.all(["a", "b", "c"].map((body) => client.request(destination, body)));
      expect(texts(replies)).toEqual(["re: a", "re: b", "re: c"]);
      expect(client.metrics()).toMatchObject({ reconnects: 1, messagesDropped: 0 });
    });

    test("reject at once when the broker refuses the subscription to their replies, and so does each later one", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      await client.respond(destination, (message) => `re: ${message.text()}`, { receipt: true });
      const asked: string[] = [];
      client.onFrame(({ frame }) => {
        if (frame.command === "SUBSCRIBE") asked.push(frame.headers.get("id") ?? "");
      });
      for (const replyTo of ["/nonsense/replies", "/queue/", "/nonsense/replies"]) {
        const errors = await Promise.all(
          ["a", "b"].map((body) => failure(client.request(destination, body, { replyTo, timeout: Infinity }))),
        );
        for (const error of errors) expect(error).toBeInstanceOf(ServerError);
      }
      expect(new Set(asked).size).toBe(3);
      // An ERROR that is about something else rejects none.
      const replyTo = freshQueue();
      await client.send("/nonsense/x", "");
      const replies = await Promise.all(["c", "d"].map((body) => client.request(destination, body, { replyTo })));
      expect(texts(replies)).toEqual(["re: c", "re: d"]);
    });

    test("reject when a refused subscription ends the session, and are answered once it is accepted", async () => {
      await using server = await open(row);
      await using client = await open(row, { reconnect: () => 0 });
      const [destination, queue] = [freshQueue(), freshQueue()];
      await server.respond(destination, (message) => `re: ${message.text()}`, { receipt: true });
      const replyTo = `/amq${queue}`; // must be there already
      const error = await failure(client.request(destination, "1", { replyTo, timeout: Infinity }));
      expect(error).toBeInstanceOf(ConnectionLostError);
      await server.send(queue, "for nobody", { receipt: true });
      await client.connect();
      expect((await client.request(destination, "2", { replyTo })).text()).toBe("re: 2");
    });

    test("carry values both ways, in a transaction too", async () => {
      await using client = await open(row);
      const [destination, other] = [freshQueue(), freshQueue()];
      const codec = json<{ readonly n: number }>();
      await client.respond(destination, ({ value }) => ({ n: value.n * 2 }), { codec, receipt: true });
      expect((await client.request(destination, { n: 21 }, { codec })).value).toEqual({ n: 42 });
      await using subscription = await client.subscribe(other, { codec });
      await client.transaction((transaction) => transaction.send(other, { n: 1 }, { codec }));
      expect((await subscription.next()).value?.value).toEqual({ n: 1 });
    });

    test("are answered by a responder that has lost its session meanwhile, when it is back", async () => {
      await using server = await open(row, { reconnect: () => 0 });
      await using client = await open(row);
      const destination = freshQueue();
      await server.respond(destination, (message) => `re: ${message.text()}`, { ack: "client-individual" });
      expect((await client.request(destination, "1")).text()).toBe("re: 1");
      await endSession(server);
      expect((await client.request(destination, "2")).text()).toBe("re: 2");
      await server.disconnect();
      expect(texts(await drain(client, destination))).toEqual([]);
    });
  });
});
