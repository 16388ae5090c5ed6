/** Clients that connect again every second. */
import type { BaseClient } from "../../src/client/client.js";
import type { ClientOptions } from "../../src/client/options/options.js";
import { connected } from "./connected.js";
import { type ScriptedBroker, settled } from "./scripted-broker.js";

export const PATIENT: ClientOptions = { heartBeat: false, reconnect: () => 1000 };

/** A client that is connected by a policy of one attempt a second. */
export function kept(options: ClientOptions = {}): Promise<{ broker: ScriptedBroker; client: BaseClient }> {
  return connected({}, { ...PATIENT, ...options });
}

/** Break the connection as a network does. */
export async function cut(broker: ScriptedBroker): Promise<void> {
  broker.transport.abort(new Error("cable cut"));
  await settled();
}
