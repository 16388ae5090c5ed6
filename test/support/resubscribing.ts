/** Clients that subscribe again after a lost connection, and what their broker was sent. */
import { vi } from "vitest";
import type { BaseClient } from "../../src/client/client.js";
import type { ClientOptions } from "../../src/client/options/options.js";
import { connected } from "./connected.js";
import type { ScriptOptions, ScriptedBroker } from "./scripted-broker.js";

export interface Pair {
  readonly broker: ScriptedBroker;
  readonly client: BaseClient;
}

/** A client that is connected, and connects again after 100 ms. */
export function kept(script: ScriptOptions = {}, options: ClientOptions = {}): Promise<Pair> {
  return connected(script, { reconnect: () => 100, ...options });
}

/** Let the network break, and the client connect again. */
export async function drop(broker: ScriptedBroker): Promise<void> {
  broker.transport.abort(new Error("cable cut"));
  await vi.advanceTimersByTimeAsync(100);
}

/** What was sent in each session: commands, with the id of a subscription. */
export function sessions(broker: ScriptedBroker): string[][] {
  const all: string[][] = [];
  for (const { command, headers } of broker.received) {
    if (command === "CONNECT") all.push([]);
    const id = headers.get("id");
    all.at(-1)?.push(id === undefined ? command : `${command} ${id}`);
  }
  return all;
}

/** The ids that a broker has SUBSCRIBEs of in the last session, and no UNSUBSCRIBE. */
export function live(broker: ScriptedBroker): string[] {
  const ids: string[] = [];
  for (const { command, headers } of broker.received) {
    const id = headers.get("id") ?? "";
    if (command === "CONNECT") ids.length = 0;
    if (command === "SUBSCRIBE") ids.push(id);
    if (command === "UNSUBSCRIBE") ids.splice(ids.indexOf(id), 1);
  }
  return ids;
}
