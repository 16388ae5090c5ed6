/** Why a connection could not be opened, in words that tell what to do. */
import { ConnectError } from "../errors.js";

/** What was dialled. */
export interface Dialled {
  /** The address without credentials and query: `stomp://127.0.0.1:61613`. */
  readonly peer: string;
  /** What is expected at that port, for the question whether it is the right one: `"STOMP"`, `"WebSocket"`. */
  readonly service: string;
}

/** What to do about a platform's error, by its stable code; `undefined`: nothing is known. `service` is that of {@link Dialled}. */
export type DialAdvice = (code: string, message: string, service: string) => string | undefined;

/** Make the error that a dial rejects with. `cause` is the platform's error. */
export function dialError(dialled: Dialled, cause: unknown, advise?: DialAdvice): ConnectError {
  const code = codeOf(cause);
  const message = messageOf(cause, code);
  const reason = (code !== undefined && advise?.(code, message, dialled.service)) || message;
  return openError(dialled.peer, reason, cause);
}

/** Make the error of a dial that failed for `reason`. */
export function openError(peer: string, reason: string, cause?: unknown): ConnectError {
  return new ConnectError("dial", `could not connect to ${peer}: ${reason}`, { cause });
}

/** Read the stable code of a platform's error: `ECONNREFUSED`. */
function codeOf(error: unknown): string | undefined {
  const { code } = Object(error) as { readonly code?: unknown }; // of an object only whether it is there
  return typeof code === "string" ? code : undefined;
}

function messageOf(error: unknown, code: string | undefined): string {
  const message = error instanceof Error && error.message !== "" ? error.message : "the platform gives no reason";
  return code === undefined || message.includes(code) ? message : `${message} (${code})`;
}
