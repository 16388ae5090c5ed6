import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { VERSIONS, type Version } from "../../../src/protocol/index.js";
import type { Plan } from "../../support/delivery-facts.js";
import { DeliveryWorld } from "../../support/delivery-world.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

const RUNS = 150;

const plan: fc.Arbitrary<Plan> = fc.record({
  codec: fc.constantFrom("ok", "ok", "later", "later", "bad", "acks", "acks-later"),
  act: fc.constantFrom(
    ...(["nothing", "nothing", "nothing", "nothing", "nothing", "nothing", "ack", "nack"] as const),
    ...(["nothing", "nothing", "ack-last", "unsubscribe", "disconnect", "reconnect"] as const),
  ),
  ends: fc.constantFrom("return", "later", "later", "later", "throw"),
});

const chance = fc.nat(999);
const yes = fc.boolean();

/** Once in `of` times a number, to choose something by. */
const sometimes = (of: number): fc.Arbitrary<number | undefined> =>
  fc.tuple(chance, fc.nat(of - 1)).map(([number, draw]) => (draw === 0 ? number : undefined));

const subscription = {
  type: fc.constant("subscribe" as const),
  ack: fc.constantFrom("auto", "client", "client-individual", "client-individual"),
  hasHandler: yes,
  hasCodec: fc.constantFrom(false, false, true),
  concurrency: fc.integer({ min: 1, max: 3 }),
  invalid: fc.constantFrom("nack", "nack", "fail", "policy"),
  dropsOldest: yes,
  most: fc.constantFrom(2, 100, 100),
  prefetch: fc.constantFrom(1, 2, 100, undefined),
  /** Use an id again, if there is one. */
  again: sometimes(3),
};
const subscribe = fc.record(subscription);
const deliver = fc.record({
  type: fc.constant("deliver" as const),
  to: chance,
  /** To one subscription, or to several. */
  spreads: yes,
  /** All in one chunk. */
  isJoined: yes,
  plans: fc.array(plan, { minLength: 1, maxLength: 3 }),
  again: sometimes(2),
  isStray: fc.constantFrom(false, false, false, false, true),
});
const next = fc.record({ type: fc.constant("next" as const), of: chance });
/** A handler or a codec that takes its time comes to an end. */
const work = fc.record({
  type: fc.constantFrom("work" as const, "decode" as const),
  which: chance,
  fails: fc.constantFrom(false, false, true),
});
const settle = fc.record({
  type: fc.constant("settle" as const),
  /** How many messages ago it was handed out. */
  ago: fc.constantFrom(0, 0, 0, 1, 1, 2, 3, 4, 5, 9),
  command: fc.constantFrom("ACK", "ACK", "NACK"),
  asksReceipt: fc.constantFrom(false, false, true),
  /** In a transaction, perhaps one that is over. */
  in: fc.constantFrom(undefined, undefined, 0, 0, 0, 1),
});
const begin = fc.record({ type: fc.constant("begin" as const) });
const finish = fc.record({
  type: fc.constant("finish" as const),
  ago: fc.constantFrom(0, 0, 0, 1, 2),
  commits: yes,
  asksReceipt: yes,
});
const receipt = fc.record({ type: fc.constant("receipt" as const), which: chance });
const signal = fc.record({ type: fc.constant("signal" as const), ago: fc.nat(4) });
const unsubscribe = fc.record({ type: fc.constant("unsubscribe" as const), which: chance });
const lose = fc.record({
  type: fc.constant("lose" as const),
  inOrder: yes,
  isLast: fc.constantFrom(false, false, false, true),
  /** A handler finishes at the same time. */
  finishes: yes,
});
const end = fc.record({ type: fc.constantFrom("reconnect" as const, "disconnect" as const) });
const wait = fc.record({ type: fc.constant("wait" as const), ms: fc.constantFrom(1, 30, 100, 100, 400) });

/** One thing that happens. Numbers choose among what there is then. */
type Step = (typeof every)[number]["arbitrary"] extends fc.Arbitrary<infer S> ? S : never;
const every = [
  { weight: 3, arbitrary: subscribe },
  { weight: 8, arbitrary: deliver },
  { weight: 5, arbitrary: next },
  { weight: 6, arbitrary: work },
  { weight: 9, arbitrary: settle },
  { weight: 2, arbitrary: begin },
  { weight: 2, arbitrary: finish },
  { weight: 3, arbitrary: receipt },
  { weight: 3, arbitrary: signal },
  { weight: 2, arbitrary: unsubscribe },
  { weight: 2, arbitrary: lose },
  { weight: 1, arbitrary: end },
  { weight: 4, arbitrary: wait },
] as const;

/** One that ends while there is much to be done. */
const leaving = fc.record({
  ...subscription,
  ack: fc.constantFrom("client", "client-individual", "client-individual"),
  hasCodec: fc.constantFrom(false, true, true),
  invalid: fc.constantFrom("nack", "fail", "policy", "policy"),
});

/**
 * All that may happen to several subscriptions; or subscriptions that are left or fail again and again, with handlers, codecs and
 * transactions under way; or one reader of many messages, which settles them in every way and order.
 */
const steps: fc.Arbitrary<(readonly [Step, isFast: boolean])[]> = fc.oneof(
  walkOf(fc.oneof(...every)),
  walkOf(
    fc.oneof(
      { weight: 4, arbitrary: leaving },
      { weight: 6, arbitrary: deliver },
      { weight: 4, arbitrary: next },
      { weight: 5, arbitrary: work },
      { weight: 5, arbitrary: settle },
      { weight: 2, arbitrary: begin },
      { weight: 1, arbitrary: finish },
      { weight: 4, arbitrary: unsubscribe },
      { weight: 1, arbitrary: fc.oneof(wait, lose, end) },
    ),
  ),
  ...[0, 3].map((transactions) =>
    fc
      .tuple(
        fc.record({
          ...subscription,
          ack: fc.constantFrom("client", "client", "client-individual"),
          hasHandler: fc.constant(false),
          hasCodec: fc.constant(false),
          most: fc.constant(100),
        }),
        walkOf(
          fc.oneof(
            { weight: 3, arbitrary: deliver },
            { weight: 5, arbitrary: next },
            { weight: 16, arbitrary: settle },
            { weight: transactions, arbitrary: begin },
            { weight: transactions, arbitrary: finish },
            { weight: 3, arbitrary: receipt },
            { weight: 2, arbitrary: signal },
            { weight: 1, arbitrary: fc.oneof(lose, unsubscribe, wait, subscribe, end) },
          ),
        ),
      )
      .map(([first, rest]) => [[first, false] as const, ...rest]),
  ),
);

function walkOf(step: fc.Arbitrary<Step>): fc.Arbitrary<(readonly [Step, isFast: boolean])[]> {
  return fc.array(fc.tuple(step, yes), { maxLength: 80, size: "max" });
}

/** After these the client may be found before all that they bring about has happened. */
const FAST = ["deliver", "next", "settle", "receipt", "signal", "work", "decode"];

const choose = <T>(all: readonly T[], by: number): T | undefined => all[by % Math.max(1, all.length)];

function act(world: DeliveryWorld, one: Step): void {
  const { model, client } = world;
  const given = world.given();
  switch (one.type) {
    case "subscribe": {
      if (client.state === "disconnecting" || model.live.length >= 4) return;
      const used = one.again === undefined ? undefined : choose(model.subs, one.again)?.terms.id;
      const whenSlow = one.ack === "auto" && one.dropsOldest ? "drop-oldest" : "fail";
      world.subscribe({ ...one, id: used ?? world.name("s"), destination: world.name("/queue/"), whenSlow });
      return;
    }
    case "deliver": {
      if (!model.isOpen) return;
      const ids = [...world.known].filter(([, { isLive }]) => isLive !== one.isStray).map(([id]) => id);
      const frames = one.plans.flatMap((each, index) => {
        const id = choose(ids, one.to + (one.spreads ? index : 0));
        if (id === undefined) return [];
        const released = [...model.messages.values()].filter(
          (message) => message.isReleased && message.sub.terms.id === id && message.session !== model.session,
        );
        return [world.message(id, each, one.again === undefined ? undefined : choose(released, one.again))];
      });
      world.deliver(frames, one.isJoined);
      return;
    }
    case "next": {
      const sub = choose(model.subs.filter(({ terms }) => !terms.hasHandler).slice(-4), one.of);
      if (sub !== undefined) world.next(sub);
      return;
    }
    case "work":
      world.finishWork(one.which % Math.max(1, world.working.length), one.fails);
      return;
    case "decode":
      world.finishDecoding(one.which % Math.max(1, world.decoding.length), one.fails);
      return;
    case "settle": {
      const message = given.at(-1 - one.ago);
      const last = world.transactions.length - 1;
      const at = one.in === undefined || last < 0 ? undefined : Math.max(0, last - one.in);
      if (message !== undefined) world.settle(one.command, message, one.asksReceipt, at);
      return;
    }
    case "begin":
      world.begin();
      return;
    case "finish":
      world.finishTransaction(Math.max(0, world.transactions.length - 1 - one.ago), one.commits, one.asksReceipt);
      return;
    case "receipt":
      world.answer(one.which % Math.max(1, world.unanswered.length));
      return;
    case "signal": {
      const message = given.at(-1 - one.ago);
      if (message !== undefined) world.signal(message);
      return;
    }
    case "unsubscribe": {
      const sub = choose(model.live, one.which);
      if (sub !== undefined) world.unsubscribe(sub);
      return;
    }
    case "lose":
      if (client.state !== "connected") return;
      world.givesUp = one.isLast;
      world.lose(one.inOrder);
      if (one.finishes) world.finishWork(0, false);
      return;
    case "reconnect":
      world.reconnect();
      return;
    case "disconnect":
      world.disconnect();
      return;
    case "wait":
      return;
  }
}

async function walk(
  version: Version,
  holds: boolean,
  all: readonly (readonly [Step, isFast: boolean])[],
): Promise<void> {
  const world = new DeliveryWorld(version, holds);
  await world.connect();
  for (const [one, isFast] of all) {
    if (world.client.state === "disconnected") {
      await world.rest();
      await world.connect();
    }
    act(world, one);
    if (one.type === "wait") await world.wait(one.ms);
    else if (!isFast || !FAST.includes(one.type)) await world.rest();
  }
  await world.rest();
  await world.calm();
}

test.each(VERSIONS)(
  "whatever happens in STOMP %s, each message is handed out, settled, released or dropped as the model says",
  async (version) => {
    await fc.assert(
      fc.asyncProperty(yes, steps, (holds, all) => walk(version, holds, all)),
      { numRuns: RUNS },
    );
  },
);
