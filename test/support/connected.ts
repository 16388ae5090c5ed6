import { BaseClient } from "../../src/client/client.js";
import type { ClientOptions } from "../../src/client/options/options.js";
import { type ScriptOptions, ScriptedBroker } from "./scripted-broker.js";

/** A client that is connected to a scripted broker; without heart-beats unless the options say otherwise. */
export async function connected(
  script: ScriptOptions = {},
  options: ClientOptions = {},
): Promise<{ broker: ScriptedBroker; client: BaseClient }> {
  const broker = new ScriptedBroker(script);
  const client = new BaseClient(broker.dial, { heartBeat: false, reconnect: false, ...options });
  await client.connect();
  return { broker, client };
}

/** What a promise rejects with; the text "resolved" if it does not. */
export function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "resolved",
    (reason: unknown) => reason,
  );
}
