/** Starts every broker, once for all the tests that are run against all of them. */
import process from "node:process";
import type { TestProject } from "vitest/node";
import type { BrokerAddress, BrokerKind, RunningBroker } from "./broker.js";
import { KINDS, type KindId } from "./kinds.js";

declare module "vitest" {
  interface ProvidedContext {
    /** Where each broker is, or why it is not. */
    brokers: Readonly<Record<KindId, BrokerAddress | string>>;
  }
}

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const kinds: [string, BrokerKind][] = Object.entries(KINDS);
  const running: RunningBroker[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(running.map((broker) => broker.stop()));
  };
  try {
    // What is installed is installed one by one: package managers hold locks.
    const missing = new Map<string, string>();
    for (const [id, kind] of kinds) {
      const problem = await kind.ensure();
      if (problem === undefined) continue;
      if (process.env["CI"] === "true") throw new Error(`no ${kind.name}: ${problem}`);
      console.warn(`\nNO ${kind.name.toUpperCase()}, its tests are skipped: ${problem}\n`);
      missing.set(id, problem);
    }
    const started = await Promise.allSettled(
      kinds.map(async ([id, kind]) => {
        const problem = missing.get(id);
        if (problem !== undefined) return [id, problem] as const;
        const broker = await kind.start();
        running.push(broker);
        return [id, broker.address] as const;
      }),
    );
    for (const one of started) if (one.status === "rejected") throw one.reason;
    const places = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    project.provide("brokers", Object.fromEntries(places) as Record<KindId, BrokerAddress | string>);
    return stop;
  } catch (error) {
    await stop();
    throw error;
  }
}
