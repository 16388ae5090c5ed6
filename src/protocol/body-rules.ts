/** What a body may be: how long, and of which frames. */
import { LimitError, ProtocolError } from "../errors.js";
import { type Command, mayHaveBody } from "./command.js";
import type { FrameHeaders } from "./headers.js";
import type { Limits } from "./limits.js";

/**
 * The announced length of the body; `undefined`: it ends at the first NUL.
 *
 * @throws ProtocolError (`bad-content-length`) when the header is not a number of bytes.
 */
export function contentLengthOf(headers: FrameHeaders): number | undefined {
  const text = headers.get("content-length");
  if (text === undefined) return undefined;
  // STOMP 1.2, "Header content-length": "an octet count". Digits only: no sign, no padding, no exponent.
  if (!/^[0-9]+$/.test(text)) {
    throw new ProtocolError(
      "bad-content-length",
      `content-length ${JSON.stringify(text.slice(0, 40))} is not a number of bytes`,
    );
  }
  return Number(text);
}

/**
 * Check a length that is announced, before anything is spent on it.
 *
 * @throws LimitError when it is beyond the limit; ProtocolError when the frame has no body.
 */
export function checkCountedBody(command: Command, length: number, { bodyBytes }: Limits): void {
  if (length > bodyBytes) {
    throw new LimitError(`frame body is ${length} bytes, limit is ${bodyBytes}`, length, bodyBytes);
  }
  if (length > 0) checkMayHaveBody(command);
}

/** @throws LimitError when a body without a count, of which `length` octets have come, is beyond the limit. */
export function checkUncountedBody(length: number, { bodyBytes }: Limits): void {
  if (length > bodyBytes) {
    throw new LimitError(`frame body is more than ${bodyBytes} bytes, limit is ${bodyBytes}`, length, bodyBytes);
  }
}

/** @throws ProtocolError (`unexpected-body`) for a command whose frames have no body. */
export function checkMayHaveBody(command: Command): void {
  if (!mayHaveBody(command)) throw new ProtocolError("unexpected-body", `${command} frame has a body`);
}

/** STOMP 1.2, "STOMP Frames": the body is followed by the NUL octet. */
export function missingNul(): ProtocolError {
  return new ProtocolError("missing-nul", "the body is longer than its content-length");
}
