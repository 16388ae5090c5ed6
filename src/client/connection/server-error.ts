/** ERROR frames as errors. */
import { ServerError } from "../../errors.js";
import type { ServerFrame } from "../../protocol/index.js";

const MOST_DETAILS = 4096;

/** The error that an ERROR frame is. */
export function serverErrorOf(frame: ServerFrame): ServerError {
  const details = frame.text().slice(0, MOST_DETAILS);
  const message =
    frame.headers.get("message") ?? (details.split("\n", 1)[0] || "the broker sent an ERROR without a message");
  return new ServerError(message, details, frame.headers);
}
