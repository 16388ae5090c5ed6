import type { BaseClient } from "../../src/client/client.js";
import type { Status } from "../../src/client/observing/status.js";

/** All that a client tells from now on. */
export function statusesOf(client: BaseClient): Status[] {
  const told: Status[] = [];
  client.onStatus((status) => told.push(status));
  return told;
}
