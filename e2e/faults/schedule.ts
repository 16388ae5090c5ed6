/** What goes wrong when: all of it follows from a seed. */
import type { CutKind } from "./flow.js";
import type { Side } from "./proxied-connection.js";
import type { Random } from "./random.js";

/** What a network does. All that lasts is over after `ms`. */
export type Trouble =
  /** One connection ends. */
  | { readonly type: "cut"; readonly kind: CutKind }
  /** All connections end. */
  | { readonly type: "storm"; readonly kind: CutKind }
  /** One connection is silent both ways, or one way. */
  | { readonly type: "stall"; readonly ways: "both" | "toBroker" | "toClient"; readonly ms: number }
  /**
   * An end of one connection is gone, and the other is not told: not before it is back, and answers by a RST. Without
   * heart-beats, which STOMP 1.0 has on RabbitMQ only, a client would never notice otherwise.
   */
  | { readonly type: "vanish"; readonly side: Side; readonly ms: number }
  /** One connection is slow. */
  | { readonly type: "throttle"; readonly rate: number; readonly ms: number }
  /** Nobody can connect. */
  | { readonly type: "refuse"; readonly ms: number };

/** A trouble, when it begins (in ms from the beginning), and whom it meets: which of the proxies, and which of its connections, both from 0 to below 1. */
export interface Incident {
  readonly at: number;
  readonly proxy: number;
  readonly connection: number;
  readonly trouble: Trouble;
}

/** What happens to the broker: it is killed and started again after `ms`, or hangs for so long. The next waits for its end. */
export interface Blow {
  readonly at: number;
  readonly type: "kill" | "hang";
  readonly ms: number;
}

/** What a connection is like from its first octet on. */
export interface Weather {
  /** The largest of the pieces that it is split into; their sizes are chance. `undefined`: it is not split. */
  readonly pieces: number | undefined;
  /** How long its octets take, in ms. */
  readonly delay: number;
  /** After how many octets of the one and the other direction it ends. */
  readonly cut: { readonly toBroker: number; readonly toClient: number; readonly kind: CutKind };
}

/** A run of so many ms. */
export interface Schedule {
  readonly incidents: readonly Incident[];
  readonly blows: readonly Blow[];
}

/** Plan a run of so many ms: the same for the same chance. */
export function scheduleOf(random: Random, length: number): Schedule {
  return { incidents: incidentsOf(random.fork("incidents"), length), blows: blowsOf(random.fork("blows"), length) };
}

/** What a connection is like, by its number. */
export function weatherOf(random: Random, number: number): Weather {
  const own = random.fork(number);
  const isCut = own.chance(0.1);
  const place = (): number => (own.chance(0.5) ? own.integer(0, 600) : own.integer(600, 400_000));
  return {
    pieces: own.chance(0.5) ? own.pick([1, 2, 7, 100, 1500, 20_000]) : undefined,
    delay: own.chance(0.3) ? own.integer(1, 30) : 0,
    cut: {
      toBroker: isCut ? place() : Infinity,
      toClient: isCut ? place() : Infinity,
      kind: own.pick(["reset", "reset", "fin"]),
    },
  };
}

function incidentsOf(random: Random, length: number): Incident[] {
  const incidents: Incident[] = [];
  for (let at = 1000; at < length; at += random.integer(50, 1000)) {
    incidents.push({ at, proxy: random.next(), connection: random.next(), trouble: troubleOf(random) });
  }
  return incidents;
}

function troubleOf(random: Random): Trouble {
  const kind = random.pick<CutKind>(["fin", "reset", "reset"]);
  const ms = random.integer(100, 5000);
  const all = [
    { type: "cut", kind },
    { type: "cut", kind },
    { type: "cut", kind },
    { type: "stall", ways: random.pick(["both", "toBroker", "toClient"]), ms },
    { type: "stall", ways: random.pick(["both", "toBroker", "toClient"]), ms },
    { type: "vanish", side: random.pick(["client", "broker"]), ms: random.integer(3000, 8000) },
    { type: "vanish", side: random.pick(["client", "broker"]), ms: random.integer(3000, 8000) },
    { type: "throttle", rate: random.integer(300, 30_000), ms },
    { type: "throttle", rate: random.integer(300, 30_000), ms },
    random.chance(0.5) ? { type: "storm", kind } : { type: "refuse", ms: random.integer(100, 2000) },
  ] as const satisfies Trouble[];
  return random.pick(all);
}

function blowsOf(random: Random, length: number): Blow[] {
  const blows: Blow[] = [];
  // The last one long enough before the end for the run to go on after it.
  for (let at = random.integer(8000, 14_000); at < length - 12_000; at += random.integer(20_000, 30_000)) {
    const type = blows.length % 3 === 1 ? "hang" : "kill";
    blows.push({ at, type, ms: random.integer(0, type === "kill" ? 2000 : 5000) });
  }
  return blows;
}
