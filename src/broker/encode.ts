/** Encoding for a client whose version may know less than that of who sent the headers. */
import { FrameEncoder, type HeaderValue, type ServerCommand, type ServerSession } from "../protocol/index.js";

/** Headers of a frame. */
export type Pairs = readonly (readonly [name: string, value: HeaderValue | undefined])[];

/**
 * Encode a frame. Headers that the client's version cannot express are left out: a line feed cannot be said in 1.0, nor
 * a carriage return before 1.2. `undefined`: then one is missing that the frame needs.
 *
 * @throws InvalidStateError when the frame is not allowed in this phase.
 */
export function encodeFor(
  session: ServerSession,
  command: Exclude<ServerCommand, "CONNECTED">,
  headers: Pairs,
  body: string | Uint8Array,
  contentLength = true,
): string | Uint8Array | undefined {
  try {
    return session.encode(command, headers, body, contentLength);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  const version = session.version;
  const encoder = new FrameEncoder(version === undefined ? {} : { version });
  const expressible = headers.filter(([name, value]) => {
    try {
      return value === undefined || encoder.encodeHead("RECEIPT", [[name, value]], 0) !== "";
    } catch {
      return false;
    }
  });
  try {
    return session.encode(command, expressible, body, contentLength);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return undefined;
  }
}
