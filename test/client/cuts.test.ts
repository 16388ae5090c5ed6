import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { memoryPair } from "../../src/adapters/memory.js";
import { Broker, type BrokerConnection, type EndAnswer } from "../../src/broker/index.js";
import { BaseClient } from "../../src/client/client.js";
import type { ReconnectPolicy } from "../../src/client/options/reconnect-policy.js";
import {
  ConnectError,
  ConnectionLostError,
  InvalidStateError,
  ReplyTimeoutError,
  TransactionError,
} from "../../src/errors.js";
import type { Command } from "../../src/protocol/index.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

type Outcomes = Map<string, unknown>;

/** What a step of the dialogue may fail with when its connection is cut. */
const ERRORS: Readonly<Record<string, readonly (abstract new (...given: never[]) => Error)[]>> = {
  connect: [ConnectError],
  "subscribe a handler": [ConnectionLostError, InvalidStateError],
  "subscribe an iterator": [],
  "send with a receipt": [ConnectionLostError, InvalidStateError],
  "send for the iterator": [ConnectionLostError, InvalidStateError],
  "read and acknowledge": [ConnectionLostError, ConnectError, TransactionError],
  request: [ConnectionLostError, InvalidStateError, ReplyTimeoutError],
  unsubscribe: [ConnectionLostError, InvalidStateError],
  disconnect: [],
};

/** A client whose frames and those to it are counted, a broker, and somebody who answers requests. */
class Stage {
  readonly broker = new Broker({
    onFrame: (frame, connection) => {
      if (this.isOurs(connection)) this.frames.push(frame.command);
    },
  });
  readonly frames: Command[] = [];
  readonly client: BaseClient;
  readonly responder: BaseClient;
  readonly outcomes: Outcomes = new Map();
  readonly handled: string[] = [];
  /** What the iterator brought, and was acknowledged. */
  readonly acknowledged: string[] = [];
  readonly #ours = new Set<BrokerConnection>();
  readonly #controller = new AbortController();
  readonly #reconnects: boolean;
  #listeners = 0;

  constructor(reconnect: ReconnectPolicy | false) {
    const dial = (): Promise<ReturnType<typeof memoryPair>[1]> => {
      const [ours, theirs] = memoryPair();
      const connection = this.broker.accept(ours);
      if (connection !== undefined) this.#ours.add(connection);
      return Promise.resolve(theirs);
    };
    this.client = new BaseClient(dial, { heartBeat: false, reconnect, retryFirstConnect: true });
    this.#reconnects = reconnect !== false;
    this.responder = new BaseClient(this.broker.dial, { heartBeat: false });
    this.#countListeners(this.#controller.signal);
  }

  isOurs(connection: BrokerConnection): boolean {
    return this.#ours.has(connection);
  }

  /** Listeners that were left on the signal of all calls. */
  get listeners(): number {
    return this.#listeners;
  }

  #countListeners(signal: AbortSignal): void {
    const added = signal.addEventListener.bind(signal);
    const removed = signal.removeEventListener.bind(signal);
    const on = new Set<unknown>();
    vi.spyOn(signal, "addEventListener").mockImplementation((...given: Parameters<typeof added>) => {
      on.add(given[1]);
      this.#listeners = on.size;
      added(...given);
    });
    vi.spyOn(signal, "removeEventListener").mockImplementation((...given: Parameters<typeof removed>) => {
      on.delete(given[1]);
      this.#listeners = on.size;
      removed(...given);
    });
  }

  /** Do a step, and remember how it ended. */
  async #step<T>(name: string, act: () => Promise<T>): Promise<T | undefined> {
    this.outcomes.set(name, "pending");
    try {
      const result = await act();
      this.outcomes.set(name, "done");
      return result;
    } catch (error) {
      this.outcomes.set(name, error);
      if (this.#reconnects && name !== "connect") await this.client.connect();
      return undefined;
    }
  }

  /** Say everything that a client says. */
  async play(): Promise<void> {
    const { client, responder } = this;
    const { signal } = this.#controller;
    await responder.connect();
    await responder.respond("/queue/service", (message) => `${message.text()}!`);

    await this.#step("connect", () => client.connect({ signal }));
    const handled = await this.#step("subscribe a handler", () =>
      client.subscribe("/queue/h", (message) => void this.handled.push(message.text()), { receipt: true, signal }),
    );
    const iterated = await this.#step("subscribe an iterator", () =>
      client.subscribe("/queue/i", { ack: "client-individual" }),
    );
    const reading = this.#step("read and acknowledge", async () => {
      for await (const message of iterated ?? []) {
        try {
          await client.transaction(async (transaction) => {
            await transaction.send("/queue/copy", message.text());
            await transaction.ack(message, { receipt: false });
          });
          this.acknowledged.push(message.text());
        } catch (error) {
          if (!(error instanceof TransactionError || error instanceof ConnectionLostError)) throw error;
        }
      }
    });
    await this.#step("send with a receipt", () => client.send("/queue/h", "to h", { receipt: true, signal }));
    await this.#step("send for the iterator", () => client.send("/queue/i", "to i", { receipt: true, signal }));
    await this.#step("request", () => client.request("/queue/service", "hello", { timeout: 1000, signal }));
    if (handled !== undefined) await this.#step("unsubscribe", () => handled.unsubscribe({ receipt: true, signal }));
    await new Promise((resolve) => setTimeout(resolve, 100)); // what is delivered again is read
    this.#before();
    await this.#step("disconnect", () => client.disconnect());
    await reading;
    await responder.disconnect();
  }

  /** What is right before `disconnect`. */
  #before(): void {
    const { broker, client } = this;
    if (client.state !== "connected") {
      expect(this.#reconnects).toBe(false);
      expect(client.state).toBe("disconnected");
      return;
    }
    expect(broker.subscriptions("/queue/h")).toBe(0);
    expect(broker.subscriptions("/queue/i")).toBe(1);
    expect(client.metrics()).toMatchObject({ subscriptions: 1, receiptsPending: 0, requestsPending: 0 });
    // It was acknowledged in the end, however often it was delivered.
    expect(broker.queueDepth("/queue/i") + broker.unacknowledged("/queue/i")).toBe(0);
  }

  /** Play, and see that nothing is left. */
  async playOut(): Promise<void> {
    vi.clearAllTimers(); // what a failed one has left
    let isOver = false;
    const playing = this.play().finally(() => (isOver = true));
    playing.catch(() => undefined);
    await vi.advanceTimersByTimeAsync(60_000);
    if (isOver) await playing;
    expect([...this.outcomes].filter(([, outcome]) => outcome === "pending")).toEqual([]);
    expect(isOver).toBe(true);
    for (const [name, outcome] of this.outcomes) {
      if (outcome === "done") continue;
      expect(outcome, name).toBeInstanceOf(Error);
      const allowed = ERRORS[name]?.some((type) => outcome instanceof type) === true;
      if (!allowed) throw new Error(`${name} failed with ${String(outcome)}`, { cause: outcome });
    }
    expect(this.client.state).toBe("disconnected");
    expect(this.client.metrics()).toMatchObject({ subscriptions: 0, messagesUnread: 0 });
    expect(this.broker.connections).toEqual([]);
    expect(this.listeners).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  }
}

/** The frames of the dialogue when nothing goes wrong, in both directions. The SENDs are to h, to i, in the transaction, the request. */
const DIALOGUE = (
  "CONNECT CONNECTED SUBSCRIBE RECEIPT SUBSCRIBE SEND RECEIPT MESSAGE SEND RECEIPT MESSAGE BEGIN SEND SEND MESSAGE ACK COMMIT " +
  "RECEIPT UNSUBSCRIBE RECEIPT DISCONNECT RECEIPT"
).split(" ") as readonly Command[];

describe("a dialogue", () => {
  test("that is not cut comes to its end", async () => {
    const stage = new Stage(false);
    await stage.playOut();
    expect(stage.frames).toEqual(DIALOGUE);
    expect([...stage.outcomes.values()].every((outcome) => outcome === "done")).toBe(true);
    expect(stage.handled).toEqual(["to h"]);
    expect(stage.acknowledged).toEqual(["to i"]);
  });

  const ends = (["cut", "close"] as const).flatMap((type) =>
    (["before", "handled", "answered"] as const).map((when): Required<EndAnswer> => ({ type, when })),
  );

  describe.each<[string, ReconnectPolicy | false]>([
    ["without reconnecting", false],
    ["with a policy of 0 ms", () => 0],
  ])("%s", (_how, reconnect) => {
    test.each(ends)("whose connection ends ($type, $when) at any frame settles, and leaves nothing", async (end) => {
      for (let frame = 0; frame < DIALOGUE.length; frame++) {
        const stage = new Stage(reconnect);
        const script = stage.broker.script({
          command: [...new Set(DIALOGUE)],
          where: (_frame, connection) => stage.isOurs(connection),
          skip: frame,
          times: 1,
          answer: end,
        });
        try {
          await stage.playOut();
        } catch (error) {
          throw new Error(`${end.type} at ${DIALOGUE[frame]}, frame ${frame}: ${String(error)}`, { cause: error });
        }
        expect(script.matched).toBe(1);
        if (reconnect === false) continue;
        // What was under way may have failed. What came after it did not, and the subscription went on.
        const failed = [...stage.outcomes].filter(([, outcome]) => outcome !== "done").map(([name]) => name);
        expect(failed.length).toBeLessThanOrEqual(1);
        for (const name of ["connect", "read and acknowledge"]) expect(failed).not.toContain(name);
      }
    });
  });
});
