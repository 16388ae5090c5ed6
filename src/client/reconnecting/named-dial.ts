/** What a client may connect to: dials with names, tried one after the other. */
import { ConnectError, type StompError } from "../../errors.js";
import type { Dial } from "../../transport.js";

/** A dial, and what error messages call it. */
export interface NamedDial {
  /** The address for people, without credentials. */
  readonly name: string;
  /** Opens a transport to it. */
  readonly dial: Dial;
}

/**
 * Check what a client is to connect to.
 *
 * @throws TypeError when there is none, or one is not a function.
 */
export function checkDials(route: Dial | readonly NamedDial[]): readonly NamedDial[] {
  const dials = typeof route === "function" ? [{ name: "the broker", dial: route }] : route;
  if (dials.length === 0) throw new TypeError("there is no target");
  for (const { dial } of dials) if (typeof dial !== "function") throw new TypeError("dial must be a function");
  return dials;
}

/** The dials in the order in which they are tried this time. */
export function inOrder(dials: readonly NamedDial[], order: "given" | "shuffled"): readonly NamedDial[] {
  return order === "shuffled" ? shuffled(dials) : dials;
}

/** The stages of an attempt, the last one first. */
const STAGES = ["handshake", "dial", "prepare"] as const;

/** The one error of a round in which each target failed. It names them all. */
export function allFailed(errors: readonly StompError[]): ConnectError {
  const message = `none of ${errors.length} targets gave a session: ${errors.map((error) => error.message).join("; ")}`;
  const stages = errors.map((error) => (error instanceof ConnectError ? error.stage : "dial"));
  const stage = STAGES.find((one) => stages.includes(one)) ?? "dial";
  return new ConnectError(stage, message, { cause: new AggregateError(errors) });
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item);
}
