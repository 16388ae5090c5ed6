/** Does to proxies and a broker what a schedule says. */
import { setTimeout as pause } from "node:timers/promises";
import type { RunningBroker } from "../brokers/broker.js";
import type { ProxiedConnection } from "./proxied-connection.js";
import type { FaultProxy } from "./proxy.js";
import type { Random } from "./random.js";
import type { Blow, Incident, Schedule, Trouble } from "./schedule.js";
import { weatherOf } from "./schedule.js";

/** How often what has happened. */
export type Counts = Record<Trouble["type"] | Blow["type"], number>;

/** What is needed for it. */
export interface ChaosParts {
  readonly broker: RunningBroker;
  readonly proxies: readonly FaultProxy[];
}

/** Do what a schedule says. Resolves when all of it is over and undone, and the broker runs. */
export async function unleash({ incidents, blows }: Schedule, { broker, proxies }: ChaosParts): Promise<Counts> {
  const counts: Counts = { cut: 0, storm: 0, stall: 0, vanish: 0, throttle: 0, refuse: 0, kill: 0, hang: 0 };
  const begin = performance.now();
  const until = (at: number): Promise<void> => pause(Math.max(0, begin + at - performance.now()));
  const lasting: Promise<void>[] = [];
  await Promise.all([
    (async () => {
      for (const incident of incidents) {
        await until(incident.at);
        const happens = happen(incident, proxies);
        if (happens === undefined) continue; // there was no connection to harm
        counts[incident.trouble.type]++;
        lasting.push(happens);
      }
      await Promise.all(lasting);
    })(),
    (async () => {
      for (const { at, type, ms } of blows) {
        await until(at);
        await broker.signal(type === "kill" ? "SIGKILL" : "SIGSTOP");
        await pause(ms);
        await (type === "kill" ? broker.restart() : broker.signal("SIGCONT"));
        counts[type]++;
      }
    })(),
  ]);
  await Promise.all(proxies.map((proxy) => proxy.heal()));
  return counts;
}

/** Give a connection the weather that its number brings. */
export function expose(connection: ProxiedConnection, random: Random): void {
  const { pieces, delay, cut } = weatherOf(random, connection.number);
  const sizes = random.fork(connection.number).fork("sizes");
  for (const name of ["toBroker", "toClient"] as const) {
    const flow = connection[name];
    if (pieces !== undefined) flow.split(() => sizes.integer(1, pieces));
    flow.delay(delay);
    flow.cutAfter(cut[name], cut.kind);
  }
}

/** Let it happen. Resolves when it is over; gives nothing where there is nobody whom it could meet. */
function happen(
  { proxy: which, connection, trouble }: Incident,
  proxies: readonly FaultProxy[],
): Promise<void> | undefined {
  const proxy = proxies[Math.floor(which * proxies.length)];
  const met = proxy?.connections[Math.floor(connection * proxy.connections.length)];
  if (proxy === undefined || met === undefined) return undefined;
  switch (trouble.type) {
    case "cut":
      met.cut(trouble.kind);
      return Promise.resolve();
    case "storm":
      for (const one of proxy.connections) one.cut(trouble.kind);
      return Promise.resolve();
    case "vanish":
      met.vanish(trouble.side);
      return pause(trouble.ms).then(() => {
        met.reset();
      });
    case "stall": {
      const flows = [met.toBroker, met.toClient].filter(
        (flow) => trouble.ways === "both" || flow === met[trouble.ways],
      );
      for (const flow of flows) flow.stall();
      return pause(trouble.ms).then(() => {
        for (const flow of flows) flow.resume();
      });
    }
    case "throttle":
      met.toBroker.throttle(trouble.rate);
      met.toClient.throttle(trouble.rate);
      return pause(trouble.ms).then(() => {
        met.toBroker.throttle(Infinity);
        met.toClient.throttle(Infinity);
      });
    case "refuse":
      proxy.refuse();
      return pause(trouble.ms).then(() => proxy.accept());
  }
}
