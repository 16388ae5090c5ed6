/** ERROR frames as errors, and as reasons of an end. */
import { ConnectionLostError, ServerError } from "../../errors.js";
import type { ClientSession, ServerFrame } from "../../protocol/index.js";

const MOST_DETAILS = 4096;
/** An ERROR that came at most this long before the end, in ms, is taken for its cause. */
const SAME_TROUBLE = 5000;

/** An ERROR that named nothing. */
export interface SeenError {
  readonly error: ServerError;
  /** When it came, in ms of `performance.now()`. */
  readonly at: number;
}

/** The error that an ERROR frame is. */
export function serverErrorOf(frame: ServerFrame): ServerError {
  const details = frame.text().slice(0, MOST_DETAILS);
  const message = frame.headers.get("message") ?? (details.split("\n", 1)[0] || "ERROR without a message");
  return new ServerError(message, details, frame.headers);
}

/** Why a session was lost whose transport has ended: an ERROR shortly before, the transport's reason, or the frame that was cut off. */
export function lostBecause(
  peer: string,
  transportReason: Error | undefined,
  said: SeenError | undefined,
  session: ClientSession,
): ConnectionLostError {
  let cause: unknown = said !== undefined && performance.now() - said.at < SAME_TROUBLE ? said.error : transportReason;
  try {
    session.end();
  } catch (error) {
    cause ??= error;
  }
  const why = cause instanceof Error ? cause.message : "the peer closed the connection";
  return new ConnectionLostError(`connection to ${peer} lost: ${why}`, "unknown", { cause });
}
