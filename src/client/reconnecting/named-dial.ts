/** Whom a client may connect to: several of them, tried one after the other. */
import { ConnectError, type StompError } from "../../errors.js";
import type { Dial } from "../../transport.js";

/** Somewhere to connect to. */
export interface Endpoint {
  /** Names it in messages to people; without credentials. */
  readonly name: string;
  /** Opens a transport to it. */
  readonly dial: Dial;
}

/** The endpoints in the order in which they are tried this time. */
export function inOrder(endpoints: readonly Endpoint[], order: "given" | "shuffled"): readonly Endpoint[] {
  return order === "shuffled" ? shuffled(endpoints) : endpoints;
}

/** From the one that comes furthest. */
const STAGES = ["handshake", "dial", "prepare"] as const;

/** The one error of a round in which each target failed. It names them all. */
export function allFailed(errors: readonly StompError[]): ConnectError {
  const message = `none of ${errors.length} targets gave a session: ${errors.map((error) => error.message).join("; ")}`;
  const stages = errors.map((error) => (error instanceof ConnectError ? error.stage : "dial"));
  const stage = STAGES.find((one) => stages.includes(one)) ?? "dial";
  return new ConnectError(stage, message, { cause: new AggregateError(errors, "each target failed") });
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item);
}
