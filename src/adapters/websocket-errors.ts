/** Why a WebSocket was not opened, or has ended, in words that tell what to do. */
import type { ConnectError } from "../errors.js";
import { openError } from "../internal/dial-error.js";

/** What a handshake asks for, and whom. */
interface Offer {
  readonly peer: string;
  readonly protocols: readonly string[];
}

/**
 * Check the subprotocol that the server chose; `""` is none. Where none was chosen though some were offered, it depends on the
 * platform: most refuse it themselves.
 */
export function subprotocolError({ peer, protocols }: Offer, chosen: string): ConnectError | undefined {
  if (chosen === "" || protocols.includes(chosen)) return undefined;
  const offered = protocols.join(", ") || "none";
  return openError(
    peer,
    `the server chose the subprotocol ${chosen}, offered: ${offered}; if that is STOMP, add it to protocols`,
  );
}

/** What a close code means. RFC 6455, 7.4.1, and the registry that it founded. */
const MEANINGS: Readonly<Record<number, string>> = {
  1001: "going away",
  1002: "protocol error",
  1003: "unsupported data",
  1005: "no code given",
  1007: "invalid data",
  1008: "policy violation",
  1009: "message too large",
  1011: "internal error",
  1012: "restart",
  1013: "overloaded, try again later",
};

/** Make the reason of an end, `undefined` for the orderly one. */
export function closeError(code: number, reason: string): Error | undefined {
  if (code === 1000) return undefined;
  // Platforms report these without a close frame, so they stand for the connection itself (0 is Deno's).
  if (code === 1006 || code === 0) return new Error(`the WebSocket broke off (code ${code})`);
  const meaning = MEANINGS[code];
  return new Error(
    `the WebSocket was closed with code ${code}${meaning ? ` (${meaning})` : ""}${reason && `: ${reason}`}`,
  );
}
