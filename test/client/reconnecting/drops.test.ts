import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { memoryPair } from "../../../src/adapters/memory.js";
import { Broker, type Script } from "../../../src/broker/index.js";
import { BaseClient } from "../../../src/client/client.js";
import type { AckMode } from "../../../src/client/messages/message.js";
import type { Subscription } from "../../../src/client/subscribing/subscription.js";
import type { Dial, Transport } from "../../../src/transport.js";
import { settled } from "../../support/scripted-broker.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const TOPICS = ["/topic/a", "/topic/b", "/topic/c"] as const;

/** Something that happens to a client. None of it is waited for: what comes next meets it half done. */
type Step =
  | { readonly type: "close" | "cut" | "reconnect" | "send" | "connect" }
  | { readonly type: "subscribe"; readonly topic: number; readonly ack: AckMode; readonly isRead: boolean }
  | { readonly type: "unsubscribe"; readonly index: number; readonly receipt: boolean }
  | { readonly type: "advance"; readonly ms: number }
  | { readonly type: "ticks"; readonly count: number }
  | { readonly type: "refuse"; readonly count: number; readonly by: "dial" | "ERROR" }
  /** The broker ends the connection at each of the next SUBSCRIBEs. */
  | { readonly type: "hang-up"; readonly count: number };

const steps = fc.array(
  fc.oneof(
    fc.record({ type: fc.constantFrom("close", "cut", "reconnect", "send", "connect") }),
    fc.record({
      type: fc.constant("subscribe"),
      topic: fc.nat(TOPICS.length - 1),
      ack: fc.constantFrom<AckMode[]>("auto", "client", "client-individual"),
      isRead: fc.boolean(),
    }),
    fc.record({ type: fc.constant("unsubscribe"), index: fc.nat(9), receipt: fc.boolean() }),
    fc.record({ type: fc.constant("advance"), ms: fc.constantFrom(0, 1, 50, 700, 6000) }),
    fc.record({ type: fc.constant("ticks"), count: fc.integer({ min: 1, max: 30 }) }),
    fc.record({
      type: fc.constant("refuse"),
      count: fc.integer({ min: 1, max: 4 }),
      by: fc.constantFrom("dial", "ERROR"),
    }),
    fc.record({ type: fc.constant("hang-up"), count: fc.integer({ min: 1, max: 6 }) }),
  ),
  { maxLength: 40 },
) as fc.Arbitrary<Step[]>;

const REFUSED = { type: "error", error: { message: "refused" } } as const;

/** A broker and a client of it, whose connections are in the test's hands. */
class World {
  readonly broker = new Broker({
    onFrame: (frame) => {
      if (frame.command === "ERROR" && frame.headers.get("message") !== "refused")
        this.complaints.push(String(frame.headers.get("message")));
    },
  });
  /** What the broker found wrong with the client's frames. */
  readonly complaints: string[] = [];
  readonly client: BaseClient;
  /** What each subscription got. */
  readonly got = new Map<Subscription, string[]>();
  readonly subscriptions: Subscription[] = [];
  /** Promises that are not settled yet. */
  readonly pending = new Set<Promise<unknown>>();
  readonly #scripts: Script[] = [];
  #ends: Transport[] = [];
  #refusals = 0;
  #hangUps = 0;

  /** `confirms`: whether the broker sends the RECEIPT of a SUBSCRIBE. */
  constructor(confirms: boolean) {
    this.broker.script({
      command: "SUBSCRIBE",
      answer: () => {
        if (this.#hangUps-- > 0) return "close";
        return confirms ? undefined : "drop-receipt";
      },
    });
    const dial: Dial = () => {
      if (this.#refusals-- > 0) return Promise.reject(new Error("down"));
      const [ours, theirs] = memoryPair();
      this.#ends = [...this.#ends.slice(-9), ours];
      this.broker.accept(ours);
      return Promise.resolve(theirs);
    };
    this.client = new BaseClient(dial, {
      heartBeat: false,
      reconnect: () => 50,
      retryFirstConnect: true,
      refusalLimit: Infinity,
    });
  }

  /** Remember a promise until it is settled; it may well reject. */
  #watch(promise: Promise<unknown>): void {
    this.pending.add(promise);
    const done = (): void => void this.pending.delete(promise);
    promise.then(done, done);
  }

  /** Connect, and subscribe twice. */
  async begin(): Promise<void> {
    await this.take({ type: "connect" });
    for (const ack of ["auto", "client"] as const) {
      await this.take({ type: "subscribe", topic: 0, ack, isRead: ack === "client" });
    }
  }

  async take(step: Step): Promise<void> {
    const { broker, client } = this;
    switch (step.type) {
      case "close":
        for (const connection of broker.connections) void connection.close();
        break;
      case "cut":
        for (const end of this.#ends) end.abort(new Error("cable cut"));
        break;
      case "reconnect":
        this.#watch(client.reconnect());
        break;
      case "connect":
        this.#watch(client.connect());
        break;
      case "send":
        this.#watch(client.send("/queue/x", "x", { receipt: true }));
        break;
      case "subscribe":
        this.#watch(this.#subscribe(TOPICS[step.topic] ?? TOPICS[0], step.ack, step.isRead));
        break;
      case "unsubscribe":
        this.#watch(this.subscriptions[step.index]?.unsubscribe({ receipt: step.receipt }) ?? Promise.resolve());
        break;
      case "advance":
        await vi.advanceTimersByTimeAsync(step.ms);
        break;
      case "ticks":
        for (let i = 0; i < step.count; i++) await Promise.resolve();
        break;
      case "refuse":
        if (step.by === "dial") this.#refusals = step.count;
        else this.#scripts.push(broker.script({ command: "CONNECT", times: step.count, answer: REFUSED }));
        break;
      case "hang-up":
        this.#hangUps = step.count;
    }
  }

  async #subscribe(topic: string, ack: AckMode, isRead: boolean): Promise<void> {
    const got: string[] = [];
    if (!isRead) {
      const subscription = await this.client.subscribe(topic, (message) => void got.push(message.text()), { ack });
      this.subscriptions.push(subscription);
      this.got.set(subscription, got);
      this.#watch(subscription.ended);
      return;
    }
    const subscription = await this.client.subscribe(topic, { ack });
    this.subscriptions.push(subscription);
    this.got.set(subscription, got);
    const read = async (): Promise<void> => {
      for await (const message of subscription) {
        got.push(message.text());
        if (ack !== "auto") await message.ack();
      }
    };
    this.#watch(read());
  }

  /** Let everything that was begun come to its end, with a broker that is there. */
  async calm(): Promise<void> {
    this.#refusals = 0;
    this.#hangUps = 0;
    for (const script of this.#scripts) script.remove();
    await this.take({ type: "connect" });
    await vi.advanceTimersByTimeAsync(120_000);
  }
}

describe("after any sequence of drops, refusals, reconnect(), subscribe and unsubscribe", () => {
  test("the broker has the client's subscriptions, each once, each gets each message once, and nothing is left over", async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.boolean(), async (sequence, confirms) => {
        vi.clearAllTimers(); // what a run that failed has left
        const world = new World(confirms);
        const { broker, client, subscriptions } = world;
        await world.begin();
        for (const step of sequence) await world.take(step);
        await world.calm();
        expect(client.state).toBe("connected");
        expect(world.complaints).toEqual([]);
        expect(broker.connections).toHaveLength(1);
        const live = subscriptions.filter(({ isLive }) => isLive);
        expect(client.metrics().subscriptions).toBe(live.length);
        for (const topic of TOPICS) {
          expect(broker.subscriptions(topic)).toBe(live.filter(({ destination }) => destination === topic).length);
        }

        const sender = new BaseClient(broker.dial, { heartBeat: false });
        await sender.connect();
        for (const topic of TOPICS) await sender.send(topic, `to ${topic}`, { receipt: true });
        await settled();
        for (const [subscription, got] of world.got) {
          expect(got).toEqual(subscription.isLive ? [`to ${subscription.destination}`] : []);
        }

        await Promise.all([client.disconnect(), sender.disconnect()]);
        await settled();
        expect(world.pending.size).toBe(0);
        expect(broker.connections).toEqual([]);
        expect(vi.getTimerCount()).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  test("disconnect() at any moment ends it all at once", async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.boolean(), async (sequence, confirms) => {
        vi.clearAllTimers(); // what a run that failed has left
        const world = new World(confirms);
        const { broker, client, subscriptions } = world;
        await world.begin();
        for (const step of sequence) await world.take(step);
        let isOver = false;
        void client.disconnect().then(() => (isOver = true));
        for (let i = 0; i < 20; i++) await settled();
        // Receipts that may yet come are waited for.
        if (!confirms) await vi.advanceTimersByTimeAsync(2000);
        expect(isOver).toBe(true);
        expect(client.state).toBe("disconnected");
        expect(world.pending.size).toBe(0);
        expect(subscriptions.filter(({ isLive }) => isLive)).toEqual([]);
        expect(broker.connections).toEqual([]);
        expect(vi.getTimerCount()).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});
