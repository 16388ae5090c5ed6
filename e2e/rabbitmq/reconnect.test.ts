import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Client, ConnectError, ConnectionLostError, type Message, type Status, connect } from "../../src/index.js";
import { type RabbitMq, rabbitmqctl, startRabbitMq } from "../brokers/rabbitmq.js";
import { GUEST, type Row, TABLE } from "./clients.js";
import { drain, failure, sendAll, takeOne } from "../support/messages.js";
import { describeRabbitMq, freshQueue } from "./with-rabbitmq.js";

const ALL = Array.from({ length: 200 }, (_, index) => String(index));
/** After so many messages work stops until the session has ended. */
const BEFORE = 50;

/** What becomes of the messages of a queue. */
class Ledger {
  readonly destination = freshQueue();
  /** Whose ACK the broker has confirmed. */
  readonly confirmed = new Set<string>();
  /** What could not be acknowledged any more when it was worked on. */
  readonly released: string[] = [];
  /** Delivered again after it was confirmed. */
  readonly repeated: string[] = [];
  readonly reached: Promise<void>;
  readonly #resumed: Promise<void>;
  #reach: () => void = () => undefined;
  resume: () => void = () => undefined;

  constructor() {
    this.reached = new Promise((resolve) => {
      this.#reach = resolve;
    });
    this.#resumed = new Promise((resolve) => {
      this.resume = resolve;
    });
  }

  /** Acknowledge a message; between two sessions that cannot be done. */
  readonly take = async (message: Message): Promise<void> => {
    const text = message.text();
    if (this.confirmed.has(text)) this.repeated.push(text);
    if (this.confirmed.size >= BEFORE) {
      this.#reach();
      await this.#resumed;
    }
    if (await message.ack({ receipt: true })) this.confirmed.add(text);
    else this.released.push(text);
  };
}

interface Consumer {
  readonly client: Client;
  readonly statuses: Status[];
  readonly ledgers: readonly Ledger[];
  readonly reading: Promise<void>;
}

describeRabbitMq("when the session with RabbitMQ is lost", () => {
  // A node of its own: the other tests have theirs all the time.
  let broker: RabbitMq;
  beforeAll(async () => {
    broker = await startRabbitMq();
  });
  afterAll(() => broker.stop());

  /** One queue is worked on by a handler, the other one by a reader. */
  async function consumer(row: Row): Promise<Consumer> {
    const client = await connect(broker.address.endpoints[row.carrier], {
      ...GUEST,
      versions: [row.version],
      reconnect: () => 200,
      refusalLimit: Infinity, // a RabbitMQ that starts refuses good credentials for a moment
    });
    const statuses: Status[] = [];
    client.onStatus((status) => statuses.push(status));
    const [handled, read] = [new Ledger(), new Ledger()];
    const headers = { persistent: true };
    for (const { destination } of [handled, read]) {
      await Promise.all(ALL.map((body) => client.send(destination, body, { receipt: true, headers })));
    }
    const options = { ack: "client-individual", prefetch: 20 } as const;
    await client.subscribe(handled.destination, handled.take, { ...options, concurrency: 8 });
    const subscription = await client.subscribe(read.destination, options);
    const reading = (async () => {
      for await (const message of subscription) {
        await read.take(message);
        if (read.confirmed.size === ALL.length) break;
      }
    })();
    return { client, statuses, ledgers: [handled, read], reading };
  }

  async function survives(end: () => Promise<unknown>): Promise<void> {
    const consumers = await Promise.all(TABLE.map(consumer));
    const ledgers = consumers.flatMap((one) => one.ledgers);
    await Promise.all(ledgers.map((ledger) => ledger.reached));
    await end();
    const sessions = (): number[] => consumers.map(({ client }) => client.metrics().connects);
    await expect.poll(sessions, { timeout: 60_000 }).toEqual(consumers.map(() => 2));
    for (const ledger of ledgers) ledger.resume();
    await Promise.all(consumers.map(({ reading }) => reading));
    const confirmed = (): number[] => ledgers.map((ledger) => ledger.confirmed.size);
    await expect.poll(confirmed, { timeout: 30_000 }).toEqual(ledgers.map(() => ALL.length));
    expect(ledgers.flatMap(({ repeated }) => repeated)).toEqual([]);
    for (const { client, statuses, ledgers: mine } of consumers) {
      await client.disconnect();
      await client.connect();
      for (const { destination } of mine) expect(await drain(client, destination)).toEqual([]);
      await client.disconnect();
      // What was being worked on when the session ended could not be acknowledged any more.
      for (const { released } of mine) expect(released.length).toBeGreaterThan(0);
      expect(statuses.filter(({ type }) => type === "handler-error")).toEqual([]);
      expect(statuses.find(({ type }) => type === "disconnected")).toMatchObject({ reconnects: true });
    }
  }

  test("because its operator closes the connection, subscriptions go on and repeat nothing that was acknowledged", () =>
    survives(() => rabbitmqctl(broker.address, "close_all_connections", "maintenance")));

  test("because it is stopped in order and started again, they do so too", () =>
    survives(async () => {
      await rabbitmqctl(broker.address, "stop_app");
      await rabbitmqctl(broker.address, "start_app");
      await broker.ready();
    }));

  describe.each(TABLE)("reconnect() over $carrier with STOMP $version", (row) => {
    /** A client whose credentials can be changed, and the names that it has logged in with. */
    async function changeable(): Promise<{ client: Client; use: (login: string) => void; logins: unknown[] }> {
      let credentials = { login: "guest", passcode: "guest" };
      const client = await connect(broker.address.endpoints[row.carrier], {
        versions: [row.version],
        credentials: () => credentials,
        reconnect: () => 0,
      });
      const logins: unknown[] = [];
      client.onFrame(({ frame }) => {
        if (frame.command === "CONNECT") logins.push(new Map(frame.headers).get("login"));
      });
      const use = (login: string): void => {
        credentials = { login, passcode: login };
      };
      return { client, use, logins };
    }

    test("gets a session with new credentials, and subscriptions go on in it", async () => {
      const { client, use, logins } = await changeable();
      await using _ = client;
      // What the other user may read, and nothing more.
      const destination = freshQueue().replace("/queue/", "/queue/open.");
      const subscription = await client.subscribe(destination, { ack: "client-individual" });
      await sendAll(client, destination, ["1", "2"]);
      const first = await takeOne(subscription);
      await first.ack({ receipt: true });
      const second = await takeOne(subscription);
      const sent = client.send(destination, "3", { receipt: true });
      use("limited");
      await client.reconnect();
      await sent; // it was waited for
      expect(logins).toEqual(["limited"]);
      expect(await second.ack()).toBe(false);
      const again = [await takeOne(subscription), await takeOne(subscription)];
      expect(again.map((message) => message.text()).sort()).toEqual(["2", "3"]);
      for (const message of again) await message.ack({ receipt: true });
      use("guest");
      // The new user may not write: RabbitMQ ends the session, and the next one is the first user's again.
      expect(await failure(client.send(destination, "4", { receipt: true }))).toBeInstanceOf(ConnectionLostError);
      await client.connect();
      await client.send(destination, "5", { receipt: true });
      const last = await takeOne(subscription);
      expect(last.text()).toBe("5");
      await last.ack({ receipt: true });
      expect(logins).toEqual(["limited", "guest"]);
    });

    test("with credentials that the broker refuses gives up, and ends the subscriptions", async () => {
      const { client, use } = await changeable();
      await using _ = client;
      const subscription = await client.subscribe(freshQueue());
      use("nobody-at-all");
      const error = await failure(client.reconnect());
      expect(error).toBeInstanceOf(ConnectError);
      expect(error).toMatchObject({ stage: "handshake" });
      expect(client.state).toBe("disconnected");
      expect(await failure(subscription.next())).toBe(error);
      use("guest");
      await client.connect();
    });
  });
});
