import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { OutboxOptions } from "../../../src/client/options/options.js";
import { ConnectionLostError, ReceiptTimeoutError, ServerError } from "../../../src/errors.js";
import type { SendStore } from "../../../src/store.js";
import { Keeping } from "../../support/keeping.js";
import { settled } from "../../support/scripted-broker.js";
import { ScriptedStore } from "../../support/scripted-store.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

const RUNS = 300;

/** What befalls a client. `pick` chooses among the messages that the broker has not confirmed in this session. */
type Step =
  | { readonly type: "send"; readonly timeout: number | undefined }
  | { readonly type: "receipt" | "named-error"; readonly pick: number }
  /** `lost`: how many sends are on their way when it happens. */
  | { readonly type: "cut"; readonly lost: number }
  | { readonly type: "close" | "error" | "error-close" | "crash" }
  | { readonly type: "abort"; readonly pick: number }
  | { readonly type: "wait"; readonly ms: number };

const pick = fc.nat(30);
const send = fc.record({
  type: fc.constant("send" as const),
  timeout: fc.option(fc.integer({ min: 1, max: 3000 }), { nil: undefined, freq: 5 }),
});
const confirm = fc.record({ type: fc.constant("receipt" as const), pick });
const wait = fc.record({ type: fc.constant("wait" as const), ms: fc.constantFrom(0, 1, 100, 100, 1000) });
const trouble = fc.oneof(
  fc.record({ type: fc.constant("cut" as const), lost: fc.nat(3) }),
  fc.record({ type: fc.constantFrom("close" as const, "error" as const, "error-close" as const) }),
  fc.record({ type: fc.constantFrom("named-error" as const, "abort" as const), pick }),
);

function steps(...more: { readonly weight: number; readonly arbitrary: fc.Arbitrary<Step> }[]): fc.Arbitrary<Step[]> {
  return fc.array(
    fc.oneof(
      { weight: 6, arbitrary: send },
      { weight: 4, arbitrary: confirm },
      { weight: 3, arbitrary: wait },
      { weight: 3, arbitrary: trouble },
      ...more,
    ),
    {
      maxLength: 60,
    },
  );
}

/** A send, and what has become of it. */
interface Sent {
  readonly body: string;
  readonly abort: AbortController;
  end: "resolved" | "crashed" | { readonly error: unknown } | undefined;
}

/** A broker, and clients that come one after the other. */
class World {
  readonly sends: Sent[] = [];
  /** What the store had when a process crashed. */
  readonly accepted: string[] = [];
  /** Bodies in the order in which they came to the broker for the first time. */
  readonly arrived = new Set<string>();
  readonly store: ScriptedStore | undefined;
  readonly #outbox: OutboxOptions;
  #isCalm = false;
  #life: { isOver: boolean } = { isOver: false };
  #unconfirmed: string[] = [];
  #kept: Keeping;

  constructor(store: ScriptedStore | undefined, outbox: OutboxOptions) {
    this.store = store;
    this.#outbox = outbox;
    this.#kept = this.#client();
  }

  async start(): Promise<void> {
    await this.#kept.client.connect();
    await settled();
  }

  async do(step: Step): Promise<void> {
    const { broker, client } = this.#kept;
    const isConnected = client.state === "connected";
    switch (step.type) {
      case "send":
        this.#send(step.timeout);
        return; // what comes next may find it on its way
      case "abort":
        this.sends[step.pick % Math.max(1, this.sends.length)]?.abort.abort("given up");
        break;
      case "wait":
        await vi.advanceTimersByTimeAsync(step.ms);
        break;
      case "crash":
        await this.#crash();
        break;
      case "receipt":
      case "named-error": {
        const [body] = this.#unconfirmed.splice(step.pick % Math.max(1, this.#unconfirmed.length), 1);
        if (!isConnected || body === undefined) break;
        if (step.type === "receipt") {
          broker.send("RECEIPT", { "receipt-id": this.#receipt(body) });
        } else {
          broker.send("ERROR", { message: `no ${body}`, "receipt-id": this.#receipt(body) });
          void broker.transport.close();
        }
        break;
      }
      default:
        if (!isConnected) break;
        if (step.type === "cut") for (let i = 0; i < step.lost; i++) this.#send(undefined);
        if (step.type.startsWith("error")) broker.send("ERROR", { message: "something is wrong" });
        if (step.type === "cut") broker.transport.abort(new Error("cable cut"));
        else if (step.type !== "error") void broker.transport.close();
    }
    await settled();
  }

  /** From now on the broker confirms what it gets, and nothing goes wrong. */
  async calm(): Promise<void> {
    this.#isCalm = true;
    await this.do({ type: "cut", lost: 0 });
    for (let i = 0; i < 5; i++) await vi.advanceTimersByTimeAsync(1000);
    // Nothing is in the store any more but what the client calls unsent; and that goes out when it is told to.
    expect(this.store?.parked.map(([body]) => body).sort() ?? []).toEqual(this.store?.bodies.sort() ?? []);
    const unsent = this.#kept.client.unsent.list().map(({ body }) => body);
    expect(unsent.sort()).toEqual(this.store?.bodies.sort() ?? []);
    await this.#kept.client.unsent.retry();
    await vi.advanceTimersByTimeAsync(1000);
    expect(this.#kept.client.metrics()).toMatchObject({ outboxMessages: 0, receiptsPending: 0 });
    await this.#kept.client.disconnect();
    await settled();
  }

  #client(): Keeping {
    const life = { isOver: false };
    this.#life = life;
    const { store } = this;
    const outbox = store === undefined ? this.#outbox : { ...this.#outbox, store: during(life, store) };
    const kept: Keeping = new Keeping(
      { outbox, receiptTimeout: 500, reconnect: () => (life.isOver ? false : 100) },
      {
        onFrame: (frame) => {
          if (frame.command === "CONNECT") this.#unconfirmed = [];
          if (frame.command !== "SEND") return;
          const body = frame.text();
          this.arrived.add(body);
          if (this.#isCalm) kept.broker.send("RECEIPT", { "receipt-id": frame.headers.get("receipt") });
          else this.#unconfirmed.push(body);
        },
      },
    );
    return kept;
  }

  #send(timeout: number | undefined): void {
    const sent: Sent = { body: `m${this.sends.length}`, abort: new AbortController(), end: undefined };
    this.sends.push(sent);
    const life = this.#life;
    const options = { signal: sent.abort.signal, ...(timeout === undefined ? {} : { timeout }) };
    this.#kept.client.send("/queue/a", sent.body, options).then(
      () => {
        if (!life.isOver) sent.end = "resolved";
      },
      (error: unknown) => {
        if (!life.isOver) sent.end = { error };
      },
    );
  }

  /** The process is gone, and another one begins with what the store has. */
  async #crash(): Promise<void> {
    const { client, broker } = this.#kept;
    this.#life.isOver = true;
    for (const sent of this.sends) sent.end ??= "crashed";
    if (client.state === "connected") broker.transport.abort(new Error("the process is gone"));
    await client.disconnect({ timeout: 1 }); // only to have its timers stopped: nobody hears of it
    this.accepted.push(...(this.store?.bodies ?? []));
    this.store?.crash();
    this.#kept = this.#client();
    await this.start();
  }

  #receipt(body: string): string {
    return this.#kept.frame(body).headers.get("receipt") ?? "";
  }
}

/** A store as one process has it: what it asks for after its end is not done. */
function during(life: { isOver: boolean }, store: ScriptedStore): SendStore {
  const never = (): Promise<never> => new Promise(() => undefined);
  return {
    open: () => (life.isOver ? never() : store.open()),
    add: (entry) => (life.isOver ? never() : store.add(entry)),
    delete: (key) => (life.isOver ? never() : store.delete(key)),
    park: (key, reason) => (life.isOver ? never() : store.park(key, reason)),
    close: () => (life.isOver ? Promise.resolve() : store.close()),
  };
}

/** What must be true of every send in the end. */
function checkTruth({ sends, arrived }: World): void {
  for (const { body, end } of sends) {
    expect(end, `${body} is settled`).toBeDefined();
    if (end === "resolved") expect([...arrived], `${body} was confirmed`).toContain(body);
    if (end === undefined || typeof end === "string") continue;
    const { error } = end;
    const isKnown = error === "given up" || error instanceof ReceiptTimeoutError || error instanceof ServerError;
    if (!isKnown) expect(error).toMatchObject({ outcome: "unknown" });
    if (error instanceof Error && error.message.endsWith("it was not sent")) expect([...arrived]).not.toContain(body);
    if (error instanceof ConnectionLostError || error instanceof ServerError) expect([...arrived]).toContain(body);
  }
  const order = sends.map(({ body }) => body).filter((body) => arrived.has(body));
  expect([...arrived], "messages come first in the order in which they were sent").toEqual(order);
}

const outboxes = fc.record({ inFlight: fc.constantFrom(1, 2, 100), messages: fc.constantFrom(1, 3, 100) });

test("whatever happens, every send is settled truthfully, and messages come first in the order of the sends", async () => {
  await fc.assert(
    fc.asyncProperty(steps(), outboxes, async (all, outbox) => {
      const world = new World(undefined, outbox);
      await world.start();
      for (const step of all) await world.do(step);
      await world.calm();
      checkTruth(world);
    }),
    { numRuns: RUNS },
  );
});

test("whatever happens, and however often the process crashes, what the store has goes out, in the order of the sends", async () => {
  const crash = fc.record({ type: fc.constant("crash" as const) });
  await fc.assert(
    fc.asyncProperty(steps({ weight: 1, arbitrary: crash }), outboxes, async (all, outbox) => {
      const store = new ScriptedStore();
      const world = new World(store, outbox);
      await world.start();
      for (const step of all) await world.do(step);
      await world.calm();
      checkTruth(world);
      expect(store.bodies).toEqual([]);
      for (const body of world.accepted) expect([...world.arrived]).toContain(body);
    }),
    { numRuns: RUNS },
  );
});
