import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Client, ConnectionLostError, type Status } from "../../src/index.js";
import { type RabbitMq, startRabbitMq } from "../brokers/rabbitmq.js";
import { type SpringServer, startSpring } from "../brokers/spring.js";
import { drain, failure, sendAll, take, takeOne, texts } from "../support/messages.js";
import { TABLE, describeRelay, fresh, losesLastWords, open } from "./with-spring.js";

/** Everything that became of a client's session until it ended. */
async function untilEnd(client: Client, cause: () => Promise<unknown>): Promise<Status[]> {
  const statuses: Status[] = [];
  const ended = new Promise<void>((resolve) => {
    client.onStatus((status) => {
      statuses.push(status);
      if (status.type === "disconnected") resolve();
    });
  });
  await cause();
  await ended;
  return statuses;
}

describeRelay("Spring's relay to RabbitMQ", () => {
  let rabbitmq: RabbitMq;
  let server: SpringServer;
  beforeAll(async () => {
    rabbitmq = await startRabbitMq();
    server = await startSpring({
      ordered: true, // otherwise an ABORT overtakes the SEND before it, and messages one another
      relayTo: { host: "127.0.0.1", port: rabbitmq.address.stompPort, login: "guest", passcode: "guest" },
    });
  });
  afterAll(async () => {
    await server.stop();
    await rabbitmq.stop();
  });

  describe.each(TABLE)("over $title", ({ way }) => {
    test.each(["1.0", "1.1", "1.2"] as const)("agrees on STOMP %s, and passes RabbitMQ's name on", async (version) => {
      await using client = await open(server.address, way, { versions: [version] });
      expect(client.session?.version).toBe(version);
      expect(client.session?.server).toMatch(/^RabbitMQ\/3\./);
      expect(client.session?.heartBeat).toEqual({ outgoing: 10_000, incoming: 10_000 });
    });

    test("passes receipts, ack modes and redelivery on", async () => {
      const destination = fresh("queue");
      {
        await using client = await open(server.address, way);
        await sendAll(client, destination, ["1", "2", "3"]);
        const subscription = await client.subscribe(destination, { ack: "client-individual", receipt: true });
        const messages = await take(subscription, 3);
        expect(texts(messages)).toEqual(["1", "2", "3"]);
        await messages[1]?.ack({ receipt: true });
      }
      await using client = await open(server.address, way);
      const again = await drain(client, destination);
      expect(texts(again).sort()).toEqual(["1", "3"]);
      expect(again.every(({ redelivered }) => redelivered)).toBe(true);
    });

    test("passes transactions on", async () => {
      await using client = await open(server.address, way);
      const destination = fresh("queue");
      const transaction = await client.begin();
      await transaction.send(destination, "never");
      await transaction.abort();
      await client.transaction((one) => one.send(destination, "both or none"));
      expect(texts(await drain(client, destination))).toEqual(["both or none"]);
    });

    test("carries text with NULs, and octets over WebSocket", async () => {
      await using client = await open(server.address, way);
      const subscription = await client.subscribe(fresh(), { receipt: true });
      await client.send(subscription.destination, "a\0b \u{1F600}", { headers: { "x:y": "a\nb\\c" } });
      const message = await takeOne(subscription);
      expect([message.text(), message.headers.get("x:y")]).toEqual(["a\0b \u{1F600}", "a\nb\\c"]);
      if (way !== "WebSocket") return;
      const octets = Uint8Array.of(0xff, 0, 0xc3, 0x28);
      const headers = { "content-type": "application/octet-stream" };
      await client.send(subscription.destination, octets, { headers });
      expect((await takeOne(subscription)).bytes).toEqual(octets);
    });

    test("a user's destination is a queue of RabbitMQ's for the session", async () => {
      await using client = await open(server.address, way);
      const replies = await client.subscribe("/user/queue/replies", { receipt: true });
      await client.send("/app/upper", "hello", { headers: { "content-type": "text/plain" } });
      const reply = await takeOne(replies);
      expect([reply.text(), reply.destination]).toEqual(["HELLO", "/user/queue/replies"]);
    });

    test("disconnect waits for the receipt, and the ERROR that Spring sends after it is no error", async () => {
      const client = await open(server.address, way);
      const statuses = await untilEnd(client, () => client.disconnect());
      expect(statuses).toEqual([
        { type: "disconnecting" },
        { type: "disconnected", reason: undefined, reconnects: false },
      ]);
    });

    test("an ERROR of RabbitMQ's ends the session, which alone it does not", async () => {
      await using client = await open(server.address, way, { reconnect: false });
      const statuses = await untilEnd(client, () => client.sendFrame("UNSUBSCRIBE", { id: "never-made" }));
      expect(statuses.at(-1)).toMatchObject({ type: "disconnected", reconnects: false });
      if (losesLastWords(way)) return;
      expect(statuses[0]).toMatchObject({ type: "server-error", error: { message: "No subscription found" } });
    });
  });

  // Not a second time: the broker is gone until the end.
  test(
    "when RabbitMQ is killed sessions end by an ERROR, none is made meanwhile, and afterwards all goes on",
    { retry: 0 },
    async () => {
      await using client = await open(server.address, "WebSocket", { reconnect: () => 500, refusalLimit: Infinity });
      const destination = fresh("queue");
      const subscription = await client.subscribe(destination, { ack: "client-individual", receipt: true });
      const statuses = await untilEnd(client, () => rabbitmq.signal("SIGKILL"));
      expect(statuses[0]).toMatchObject({ type: "server-error", error: { message: "Connection to broker closed." } });
      expect(statuses[1]).toMatchObject({ type: "disconnected", reconnects: true });

      const refused = await failure(open(server.address, "WebSocket"));
      expect(refused).toMatchObject({ code: "connect", stage: "handshake" });
      expect((refused as Error).message).toMatch(
        /Broker not available\.|Connection to broker closed\.|Failed to connect/,
      );
      expect(await failure(client.send(destination, "x"))).toBeInstanceOf(ConnectionLostError);

      await rabbitmq.restart();
      await expect.poll(() => client.metrics().connects, { timeout: 50_000 }).toBe(2);
      await client.send(destination, "back", { receipt: true });
      const message = await takeOne(subscription);
      expect(message.text()).toBe("back");
      await message.ack({ receipt: true });
    },
  );

  test("it can be started before its broker, and refuses every CONNECT", async () => {
    const relayTo = { host: "127.0.0.1", port: 1, login: "guest", passcode: "guest" };
    await using alone = await startSpring({ relayTo });
    const error = await failure(open(alone.address, "WebSocket"));
    expect((error as Error).message).toContain("refused the connection: Broker not available.");
  });
});
