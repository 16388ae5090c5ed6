/** Clients that are to go on whatever happens. */
import { Client, ConnectionLostError, type Status, type Version, exponentialBackoff } from "../../src/index.js";
import type { Random } from "./random.js";

/** The credentials of the user who may do all. */
export const GUEST = { login: "guest", passcode: "guest" } as const;

/** Make a client that sends at least once and never gives up. What it tells and must not is added to `complaints`. */
export function lasting(
  targets: string | readonly string[],
  version: Version,
  random: Random,
  complaints: string[],
): Client {
  const client = new Client(targets, {
    ...GUEST,
    versions: [version],
    delivery: "at-least-once",
    reconnect: exponentialBackoff({ initial: 50, max: 1000, random: () => random.next() }),
    retryFirstConnect: true,
    refusalLimit: Infinity, // a RabbitMQ that starts refuses good credentials for a moment
    connectTimeout: 5000,
    heartBeat: { outgoing: 1000, incoming: 1000 },
  });
  client.onStatus((status) => {
    const complaint = complaintOf(status);
    if (complaint !== undefined) complaints.push(`${String(targets)} ${version}: ${complaint}`);
  });
  return client;
}

/** What must not be told of a client that is to go on whatever happens; `undefined` for what may be. */
function complaintOf(status: Status): string | undefined {
  switch (status.type) {
    case "handler-error": {
      const { error } = status;
      // Its session has ended while it was worked on: it is delivered again.
      return error instanceof ConnectionLostError ? undefined : String(error);
    }
    case "disconnected":
      return status.reconnects || status.reason === undefined ? undefined : `gave up: ${String(status.reason)}`;
    case "subscription-refused":
    case "subscription-failed":
    case "unsent-message":
    case "invalid-message":
    case "store-error":
      return `${status.type}: ${String(status.error)}`;
    case "slow-consumer":
      return status.type;
    default:
      return undefined;
  }
}
