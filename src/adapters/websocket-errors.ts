/** Why a WebSocket was not opened, or has ended, in words that tell what to do. */
import { ConnectError } from "../errors.js";

/** Make the error of a dial that failed for `reason`. */
export function openError(peer: string, reason: string, cause?: unknown): ConnectError {
  return new ConnectError("dial", `could not connect to ${peer}: ${reason}`, cause === undefined ? {} : { cause });
}

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
  const offered = protocols.length === 0 ? "none was offered" : `offered were ${protocols.join(", ")}`;
  return openError(
    peer,
    `the server chose the subprotocol ${chosen}, and ${offered}; is this a STOMP port? If so, add it to protocols`,
  );
}

/** What a close code means. RFC 6455, 7.4.1, and the registry that it founded. */
const MEANINGS: ReadonlyMap<number, string> = new Map([
  [1001, "the peer is going away"],
  [1002, "protocol error"],
  [1003, "unsupported data"],
  [1005, "no code given"],
  [1007, "invalid data"],
  [1008, "policy violation"],
  [1009, "a message was too large"],
  [1010, "an extension is missing"],
  [1011, "internal error of the peer"],
  [1012, "the peer restarts"],
  [1013, "the peer is overloaded, try again later"],
  [1014, "bad gateway"],
]);

/** Make the reason of an end, `undefined` for the orderly one. */
export function closeError(code: number, reason: string): Error | undefined {
  if (code === 1000) return undefined;
  // Platforms report these without a close frame, so they stand for the connection itself (0 is Deno's).
  if (code === 1006 || code === 0)
    return new Error(`the WebSocket broke off without a closing handshake (code ${code})`);
  const meaning = MEANINGS.get(code);
  const told = reason === "" ? "" : `: ${reason}`;
  return new Error(`the WebSocket was closed with code ${code}${meaning === undefined ? "" : ` (${meaning})`}${told}`);
}
