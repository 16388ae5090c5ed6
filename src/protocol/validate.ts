/** Which headers a frame must have, by version. */
import { ProtocolError } from "../errors.js";
import type { Command } from "./command.js";
import type { Version } from "./version.js";

type Required = Readonly<Partial<Record<Command, readonly string[]>>>;

const TRANSACTION = ["transaction"];

/**
 * STOMP 1.0; an UNSUBSCRIBE needs a destination or an id, which a list cannot say: see {@link missingHeader}. CONNECTED needs `session`,
 * which is not here: nobody uses it, and some brokers leave it out.
 */
const REQUIRED_10: Required = {
  SEND: ["destination"],
  SUBSCRIBE: ["destination"],
  ACK: ["message-id"],
  NACK: ["message-id"],
  BEGIN: TRANSACTION,
  COMMIT: TRANSACTION,
  ABORT: TRANSACTION,
  MESSAGE: ["message-id", "destination"],
  RECEIPT: ["receipt-id"],
};

/** STOMP 1.1, "Frames and Headers". */
const REQUIRED_11: Required = {
  ...REQUIRED_10,
  CONNECT: ["accept-version", "host"],
  STOMP: ["accept-version", "host"],
  SUBSCRIBE: ["destination", "id"],
  UNSUBSCRIBE: ["id"],
  ACK: ["message-id", "subscription"],
  NACK: ["message-id", "subscription"],
  CONNECTED: ["version"],
  MESSAGE: ["message-id", "destination", "subscription"],
};

/** STOMP 1.2, "Frames and Headers". Its `ack` of a MESSAGE depends on the subscription's mode, so it is not here. */
const REQUIRED_12: Required = { ...REQUIRED_11, ACK: ["id"], NACK: ["id"] };

const REQUIRED: Readonly<Record<Version, Required>> = {
  "1.0": REQUIRED_10,
  "1.1": REQUIRED_11,
  "1.2": REQUIRED_12,
};

/** The first header that a frame needs and does not have; `undefined` when it has all. `has` tells what it has. */
export function missingHeader(command: Command, version: Version, has: (name: string) => boolean): string | undefined {
  for (const name of REQUIRED[version][command] ?? []) if (!has(name)) return name;
  if (command === "UNSUBSCRIBE" && version === "1.0" && !has("id") && !has("destination")) return "destination";
  return undefined;
}

/**
 * Check that a frame of the peer has the headers it needs.
 *
 * @throws ProtocolError (`missing-header`) otherwise.
 */
export function requireHeaders(command: Command, version: Version, headers: ReadonlyMap<string, string>): void {
  const missing = missingHeader(command, version, (name) => headers.has(name));
  if (missing !== undefined) {
    throw new ProtocolError(
      "missing-header",
      `${command} frame has no ${missing} header, which STOMP ${version} requires`,
    );
  }
}
