/** What real brokers do against the specification or beside it, and what the client makes of it: on the in-memory broker's dialects. */
import { describe, expect, test } from "vitest";
import { Broker, type BrokerOptions } from "../../src/broker/index.js";
import { BaseClient } from "../../src/client/client.js";
import type { Message } from "../../src/client/messages/message.js";
import type { ClientOptions } from "../../src/client/options/options.js";
import type { Status } from "../../src/client/observing/status.js";
import { ConnectError, ReceiptTimeoutError, ServerError } from "../../src/errors.js";
import { deferred } from "../../src/internal/deferred.js";
import { failure } from "../support/connected.js";

const CARRIERS = ["stream", "messages"] as const;
type Carrier = (typeof CARRIERS)[number];

interface Pair extends AsyncDisposable {
  readonly broker: Broker;
  readonly client: BaseClient;
  readonly statuses: Status[];
}

/** A client that is connected to a broker of a dialect. */
async function pair(broker: BrokerOptions, carrier: Carrier = "stream", options: ClientOptions = {}): Promise<Pair> {
  const served = new Broker({ heartBeat: { outgoing: 0, incoming: 0 }, ...broker });
  const client = new BaseClient(served.dialer({ kind: carrier }), { reconnect: () => 0, ...options });
  const statuses: Status[] = [];
  client.onStatus((status) => statuses.push(status));
  await client.connect();
  return {
    broker: served,
    client,
    statuses,
    async [Symbol.asyncDispose]() {
      await client.disconnect();
      await served.close();
    },
  };
}

function types(statuses: readonly Status[]): string[] {
  return statuses.map(({ type }) => type);
}

describe("an ERROR is not the end", () => {
  test.each(CARRIERS)(
    "RabbitMQ's after a correct UNSUBSCRIBE are told, and the session goes on (%s)",
    async (carrier) => {
      await using here = await pair({ dialect: "rabbitmq" }, carrier);
      const { broker, client, statuses } = here;
      const subscription = await client.subscribe("/queue/a", { receipt: true });
      const [connection] = broker.connections;
      const speak = connection?.silence();
      for (const body of ["1", "2", "3"]) void client.send("/queue/a", body);
      await client.send("/queue/b", "x");
      await expect.poll(() => broker.queueDepth("/queue/b")).toBe(1);
      await subscription.unsubscribe();
      speak?.();
      await client.send("/queue/b", "y", { receipt: true });
      expect(client.state).toBe("connected");
      expect(types(statuses).filter((type) => type !== "server-error")).toEqual(["connecting", "connected"]);
    },
  );

  test("that names a receipt fails that call, and no other (ActiveMQ)", async () => {
    await using here = await pair({ dialect: "activemq" });
    const { client } = here;
    const sent = client.send("/queue/a", "fine", { receipt: true });
    const refused = await failure(client.sendFrame("COMMIT", { transaction: "none" }, "", { receipt: true }));
    expect(refused).toBeInstanceOf(ServerError);
    await sent;
    expect(client.state).toBe("connected");
  });

  test("that names a subscription ends that one (RabbitMQ, a queue deleted by its operator)", async () => {
    await using here = await pair({ dialect: "rabbitmq" });
    const { broker, client } = here;
    const gone = await client.subscribe("/queue/a", { receipt: true });
    const stays = await client.subscribe("/queue/b", { receipt: true });
    const ended = failure(gone.ended);
    broker.deleteQueue("/queue/a");
    expect(await ended).toMatchObject({ name: "ServerError", message: "Server cancelled subscription" });
    await client.send("/queue/b", "still here");
    expect((await stays.next()).value?.text()).toBe("still here");
  });

  test("that names nothing is told, and what waits keeps its own time-out (RabbitMQ)", async () => {
    await using here = await pair({ dialect: "rabbitmq" });
    const { client, statuses } = here;
    const lost = await failure(client.send("/nonsense/a", "x", { receipt: true, timeout: 50 }));
    expect(lost).toBeInstanceOf(ReceiptTimeoutError);
    expect(statuses.at(-1)).toMatchObject({ type: "server-error", error: { message: "Unknown destination" } });
    await client.send("/queue/a", "x", { receipt: true });
  });

  test.each(CARRIERS)(
    "a refused CONNECT is ended by the client: RabbitMQ would leave it open (%s)",
    async (carrier) => {
      await using broker = new Broker({ dialect: "rabbitmq", users: { ann: "secret" } });
      const client = new BaseClient(broker.dialer({ kind: carrier }), { login: "ann", passcode: "wrong" });
      expect(await failure(client.connect())).toBeInstanceOf(ConnectError);
      await expect.poll(() => broker.connections.length).toBe(0);
    },
  );

  test("one refusal is no reason to stop: a RabbitMQ that has just been started refuses good credentials", async () => {
    await using broker = new Broker({ dialect: "rabbitmq" });
    broker.script({ command: "CONNECT", times: 2, answer: { type: "error", error: { message: "Bad CONNECT" } } });
    await using client = new BaseClient(broker.dial, { retryFirstConnect: true, reconnect: () => 0 });
    await client.connect();
    expect(client.state).toBe("connected");
  });
});

describe("receipts", () => {
  test("come in any order, and overtake each other and MESSAGEs (RabbitMQ)", async () => {
    await using here = await pair({ dialect: "rabbitmq" });
    const { client } = here;
    const order: string[] = [];
    const sends = ["a", "b", "c", "d"].flatMap((queue) =>
      [1, 2].map((n) => client.send(`/queue/${queue}`, "x", { receipt: true }).then(() => order.push(`${queue}${n}`))),
    );
    await Promise.all(sends);
    expect(order).toHaveLength(8);
    expect(order).not.toEqual(["a1", "a2", "b1", "b2", "c1", "c2", "d1", "d2"]);
  });

  test.each(CARRIERS)("are waited for before DISCONNECT: RabbitMQ would send none after it (%s)", async (carrier) => {
    const broker = new Broker({ dialect: "rabbitmq" });
    const client = new BaseClient(broker.dialer({ kind: carrier }));
    await client.connect();
    const sent = Array.from({ length: 50 }, () => client.send("/queue/a", "x", { receipt: true }));
    await client.disconnect();
    await Promise.all(sent);
    await broker.close();
  });

  test("of DISCONNECT: over WebSocket the close counts as it (RabbitMQ sends none)", async () => {
    const { broker, client, statuses } = await pair({ dialect: "rabbitmq" }, "messages");
    const from = performance.now();
    await client.disconnect();
    expect(performance.now() - from).toBeLessThan(1500);
    expect(statuses.at(-1)).toEqual({ type: "disconnected", reason: undefined, reconnects: false });
    await broker.close();
  });

  test("that never come (Spring's simple broker) do not keep disconnect from its end", async () => {
    const { broker, client } = await pair({ dialect: "spring" }, "messages", { disconnectTimeout: 50 });
    const sent = failure(client.send("/topic/a", "x", { receipt: true, timeout: 20 }));
    expect(await sent).toBeInstanceOf(ReceiptTimeoutError);
    await client.disconnect();
    await broker.close();
  });

  test("of a SEND in a transaction come after the COMMIT's, and never when it is aborted (RabbitMQ)", async () => {
    await using here = await pair({ dialect: "rabbitmq" });
    const { client } = here;
    const committed = await client.begin();
    const sent = committed.send("/queue/a", "x", { receipt: true });
    await committed.commit();
    await sent;
    const aborted = await client.begin();
    const never = failure(aborted.send("/queue/a", "x", { receipt: true }));
    await aborted.abort();
    expect(await never).toMatchObject({ name: "TransactionError", outcome: "aborted" });
  });
});

describe("subscriptions", () => {
  test.each(["rabbitmq", "activemq"] as const)(
    "that are gone: their messages are counted and dropped (%s)",
    async (dialect) => {
      await using here = await pair({ dialect });
      const { broker, client } = here;
      const subscription = await client.subscribe("/topic/a", { receipt: true });
      const [connection] = broker.connections;
      const speak = connection?.silence();
      for (const body of ["1", "2", "3"]) void client.send("/topic/a", body);
      await client.send("/queue/b", "x");
      await expect.poll(() => broker.queueDepth("/queue/b")).toBe(1);
      await subscription.unsubscribe();
      speak?.();
      await client.send("/queue/b", "y", { receipt: true });
      expect(client.state).toBe("connected");
      const again = await client.subscribe("/topic/a", { receipt: true });
      expect(again.id).not.toBe(subscription.id); // an id is not used twice
    },
  );

  test.each(CARRIERS)(
    "one that the broker answers by ending the session is set aside, and the others live on (%s)",
    async (carrier) => {
      await using here = await pair({ dialect: "rabbitmq" }, carrier);
      const { broker, client, statuses } = here;
      const stays = await client.subscribe("/queue/good", { receipt: true });
      broker.script({
        command: "SUBSCRIBE",
        destination: "/queue/closed",
        answer: { type: "error", error: { message: "access_refused", close: true, receipt: "after" } },
      });
      const bad = await client.subscribe("/queue/closed");
      expect(await failure(bad.ended)).toBeInstanceOf(Error);
      await expect.poll(() => client.state).toBe("connected");
      await client.send("/queue/good", "alive", { receipt: true });
      expect((await stays.next()).value?.text()).toBe("alive");
      expect(types(statuses)).toContain("subscription-refused");
      expect(broker.subscriptions("/queue/good")).toBe(1);
    },
  );

  test("that nobody made bring the replies to a request (RabbitMQ's /temp-queue)", async () => {
    await using here = await pair({ dialect: "rabbitmq" });
    const { client } = here;
    await client.respond("/queue/rpc", (message) => `${message.text()}!`, { receipt: true });
    expect((await client.request("/queue/rpc", "hello")).text()).toBe("hello!");
  });

  test("to a temporary queue bring them elsewhere (ActiveMQ)", async () => {
    await using here = await pair({ dialect: "activemq" });
    const { client } = here;
    await client.respond("/queue/rpc", (message) => `${message.text()}!`, { receipt: true });
    expect((await client.request("/queue/rpc", "hello")).text()).toBe("hello!");
  });
});

describe.each(["rabbitmq", "activemq"] as const)("a subscription to replies that is refused once (%s)", (dialect) => {
  test.each(CARRIERS)(
    "rejects what waits for it at once, and is made again for the next request (%s)",
    async (carrier) => {
      await using here = await pair({ dialect }, carrier);
      const { broker, client } = here;
      await client.respond("/queue/rpc", (message) => `${message.text()}!`, { receipt: true });
      broker.script({
        command: "SUBSCRIBE",
        destination: "/queue/replies",
        times: 1,
        answer: { type: "error", error: { message: "not now" } },
      });
      const ask = (text: string): Promise<Message> => client.request("/queue/rpc", text, { replyTo: "/queue/replies" });
      const refused = await Promise.all(["1", "2"].map((text) => failure(ask(text))));
      for (const error of refused) expect(error).toMatchObject({ name: "ServerError", message: "not now" });
      const replies = await Promise.all(["3", "4"].map(ask));
      // The replies to those that were refused are in the queue, too, and belong to nobody.
      expect(replies.map((reply) => reply.text())).toEqual(["3!", "4!"]);
      expect(client.state).toBe("connected");
    },
  );
});

describe("what is written", () => {
  test("is one whole frame in each text message, and nothing else: ActiveMQ drops the rest", async () => {
    await using here = await pair({ dialect: "activemq" }, "messages");
    const { broker, client } = here;
    const sent = Array.from({ length: 20 }, (_, i) => client.send("/queue/a", `message ${i}`, { receipt: true }));
    await client.send("/queue/a", new TextEncoder().encode("octets that are text"), { receipt: true });
    await Promise.all(sent);
    expect(broker.queueDepth("/queue/a")).toBe(21);
  });

  test("has no content-length where that is wished: ActiveMQ takes a message without it for text", async () => {
    await using here = await pair({ dialect: "activemq" }, "stream", { contentLength: false });
    const { client } = here;
    const subscription = await client.subscribe("/queue/a", { receipt: true });
    await client.send("/queue/a", "text");
    expect((await subscription.next()).value?.headers.has("content-length")).toBe(false);
    await client.send("/queue/a", "bytes", { contentLength: true });
    expect((await subscription.next()).value?.headers.get("content-length")).toBe("5");
  });
});

describe("a relay with a backlog larger than its buffer", () => {
  const BACKLOG = 3000; // the buffer takes 1000

  async function filled(carrier: Carrier, options: ClientOptions = {}): Promise<Pair> {
    const here = await pair({}, carrier, options);
    for (let job = 0; job < BACKLOG; job++) void here.client.send("/queue/in", String(job));
    await expect.poll(() => here.broker.queueDepth("/queue/in")).toBe(BACKLOG);
    return here;
  }

  test.each([
    ["client", "stream"],
    ["client", "messages"],
    ["client-individual", "stream"],
    ["client-individual", "messages"],
  ] as const)("loses and repeats nothing in the mode %s (%s)", async (ack, carrier) => {
    await using here = await filled(carrier);
    const { broker, client, statuses } = here;
    const subscription = await client.subscribe("/queue/in", { ack });
    let most = 0;
    for await (const message of subscription) {
      most = Math.max(most, subscription.unread);
      await client.send("/queue/out", message.text(), { receipt: true });
      await message.ack();
      if (message.sequence === BACKLOG) break;
    }
    expect(most).toBeLessThan(1000);
    await client.disconnect();
    expect([broker.queueDepth("/queue/in"), broker.queueDepth("/queue/out")]).toEqual([0, BACKLOG]);
    expect(types(statuses)).not.toContain("slow-consumer");
    await client.connect();
  });
});

describe("disconnect in the mode auto, with messages unread", () => {
  const COUNT = 200;

  test.each(CARRIERS)("hands them out to a handler (%s)", async (carrier) => {
    await using here = await pair({}, carrier);
    const { client } = here;
    let handled = 0;
    const handler = async (): Promise<void> => {
      await Promise.resolve();
      handled++;
    };
    await client.subscribe("/queue/a", handler, { receipt: true });
    for (let message = 0; message < COUNT; message++) await client.send("/queue/a", "x");
    await client.send("/queue/b", "x", { receipt: true });
    await client.disconnect();
    const { messagesReceived, messagesDropped } = client.metrics();
    expect([handled, messagesDropped]).toEqual([messagesReceived, 0]);
    await client.connect();
  });

  test("counts and tells those that its time-out leaves", async () => {
    await using here = await pair({});
    const { client, statuses } = here;
    const go = deferred<void>();
    const subscription = await client.subscribe("/queue/a", () => go.promise, { receipt: true });
    for (let message = 0; message < COUNT; message++) await client.send("/queue/a", "x");
    await client.send("/queue/b", "x", { receipt: true });
    const { unread } = subscription;
    expect(unread).toBeGreaterThan(50);
    await client.disconnect({ timeout: 20 });
    expect(client.metrics().messagesDropped).toBeGreaterThanOrEqual(unread);
    const count = client.metrics().messagesReceived - 1;
    expect(statuses).toContainEqual({ type: "message-dropped", subscription: subscription.id, count });
    go.resolve();
    await client.connect();
  });
});
