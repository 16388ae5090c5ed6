import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type Client,
  ConnectionLostError,
  HeartBeatError,
  type Message,
  ServerError,
  type Status,
  type Subscription,
  connect,
} from "../../src/index.js";
import { type RabbitMq, rabbitmqctl, startRabbitMq } from "../brokers/rabbitmq.js";
import { GUEST, type Row, TABLE } from "./clients.js";
import { drain, failure, take, texts } from "../support/messages.js";
import { describeRabbitMq, freshQueue } from "./with-rabbitmq.js";

/** A client that has all kinds of things pending, and notes what happens to them. */
interface Witness {
  readonly row: Row;
  readonly client: Client;
  readonly destination: string;
  readonly statuses: Status[];
  /** Read, not acknowledged. */
  readonly message: Message | undefined;
  /** Delivered, half of it read. */
  readonly halfRead: Subscription;
  /** Waits for its next message. */
  readonly waiting: Subscription;
  readonly next: Promise<unknown>;
  /** Waits for a receipt that does not come before COMMIT. */
  readonly receipt: Promise<unknown>;
  readonly disconnected: Promise<unknown>;
}

describeRabbitMq("when RabbitMQ ends the connection", () => {
  // A node of its own: the other tests have theirs all the time.
  let broker: RabbitMq;
  beforeAll(async () => {
    broker = await startRabbitMq();
  });
  afterAll(() => broker.stop());

  async function witness(row: Row): Promise<Witness> {
    const heartBeat = { outgoing: 1000, incoming: 1000 };
    const client = await connect(broker.address.endpoints[row.carrier], {
      ...GUEST,
      versions: [row.version],
      heartBeat,
      reconnect: false,
    });
    const statuses: Status[] = [];
    const disconnected = new Promise((resolve) => {
      client.onStatus((status) => {
        statuses.push(status);
        if (status.type === "disconnected") resolve(status.reason);
      });
    });
    const destination = freshQueue();
    const sent = ["1", "2", "3", "4"].map((body) =>
      client.send(destination, body, { receipt: true, headers: { persistent: true } }),
    );
    await Promise.all(sent);
    const halfRead = await client.subscribe(destination, { ack: "client" });
    const [message] = await take(halfRead, 2);
    await message?.ack({ receipt: true });
    await expect.poll(() => halfRead.unread).toBe(2);
    const waiting = await client.subscribe(freshQueue(), { receipt: true });
    const next = failure(waiting.next());
    const transaction = "never-committed";
    await client.sendFrame("BEGIN", { transaction });
    const receipt = failure(
      client.send(freshQueue(), "x", { headers: { transaction }, receipt: true, timeout: 100_000 }),
    );
    return { row, client, destination, statuses, message, halfRead, waiting, next, receipt, disconnected };
  }

  /** Everything that was pending has ended by one and the same error. Resolves with it. */
  async function endOf({
    client,
    statuses,
    halfRead,
    waiting,
    next,
    receipt,
    disconnected,
  }: Witness): Promise<unknown> {
    const reason = await disconnected;
    expect(reason).toBeInstanceOf(ConnectionLostError);
    expect(client.state).toBe("disconnected");
    expect(client.session).toBeUndefined();
    expect(statuses.at(-1)).toEqual({ type: "disconnected", reason, reconnects: false });
    expect(await next).toBe(reason);
    expect(await failure(waiting.ended)).toBe(reason);
    expect(await waiting.next()).toEqual({ done: true, value: undefined });

    const lost = await receipt;
    expect(lost).toBeInstanceOf(ConnectionLostError);
    expect(lost).toMatchObject({ outcome: "unknown", cause: reason });

    // What was unread is the broker's to deliver again; the reason is told, once.
    expect(halfRead.unread).toBe(0);
    expect(await failure(halfRead.next())).toBe(reason);
    expect(await halfRead.next()).toEqual({ done: true, value: undefined });

    const refused = await failure(client.send(freshQueue(), "x"));
    expect(refused).toBeInstanceOf(ConnectionLostError);
    expect(refused).toMatchObject({ outcome: "not-sent", cause: reason });
    return reason;
  }

  /** The broker is back: it has all that was not acknowledged, and after a crash perhaps also what was just before. */
  async function again({ client, destination }: Witness, crashed: boolean): Promise<void> {
    await client.connect();
    const messages = await drain(client, destination);
    expect(texts(messages).slice(crashed ? -3 : 0)).toEqual(["2", "3", "4"]);
    expect(messages.every(({ redelivered }) => redelivered)).toBe(true);
    await client.disconnect();
  }

  async function overAll(
    end: () => Promise<unknown>,
    then: () => Promise<unknown>,
    check: Check,
    crashed = false,
  ): Promise<void> {
    const witnesses = await Promise.all(TABLE.map(witness));
    await end();
    for (const one of witnesses) check(await endOf(one), broker.address.endpoints[one.row.carrier], one.row);
    await then();
    for (const one of witnesses) await again(one, crashed);
  }

  type Check = (reason: unknown, peer: string, row: Row) => void;
  const nothing = (): Promise<void> => Promise.resolve();

  test("by its operator, everything pending is told why", async () => {
    await overAll(
      () => rabbitmqctl(broker.address, "close_all_connections", "maintenance"),
      nothing,
      (reason, peer, { carrier }) => {
        expect(String(reason)).toContain(`connection to ${peer} lost: `);
        // Over WebSocket RabbitMQ closes without having said why.
        if (carrier === "tcp") {
          expect(reason).toMatchObject({ message: `connection to ${peer} lost: AMQP channel died` });
          expect((reason as Error).cause).toBeInstanceOf(ServerError);
          expect(((reason as Error).cause as ServerError).details).toContain("maintenance");
        }
      },
    );
  });

  test("because it is stopped in order, everything pending is told, and works again after its start", async () => {
    await overAll(
      () => rabbitmqctl(broker.address, "stop_app"),
      async () => {
        await rabbitmqctl(broker.address, "start_app");
        await broker.ready();
      },
      (reason, peer) => {
        expect(String(reason)).toContain(`connection to ${peer} lost: `);
      },
    );
  });

  test("by a crash, everything pending is told, and works again after its start", async () => {
    await overAll(
      () => broker.signal("SIGKILL"),
      () => broker.restart(),
      (reason, peer, { carrier }) => {
        expect(reason).toMatchObject({
          message:
            carrier === "tcp"
              ? `connection to ${peer} lost: the peer closed the connection`
              : `connection to ${peer} lost: the WebSocket broke off (code 1006)`,
        });
      },
      true,
    );
  });

  test("no more because it hangs, its missing heart-beats are noticed", async () => {
    await overAll(
      () => broker.signal("SIGSTOP"),
      async () => {
        await broker.signal("SIGCONT");
        await broker.ready();
      },
      (reason, peer) => {
        expect(reason).toBeInstanceOf(HeartBeatError);
        expect(String(reason)).toContain(peer);
        expect((reason as HeartBeatError).silence).toBeGreaterThanOrEqual(2000);
      },
    );
  });
});
