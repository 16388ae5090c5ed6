/** The states of a session, in one place for both sides: a client session and a server session cannot disagree. */
import { type Command, type Role, isCommandOf } from "./command.js";

/**
 * Where a session stands. `"idle"`: nothing was said. `"connecting"`: CONNECT was sent. `"connected"`: CONNECTED was sent.
 * `"disconnecting"`: DISCONNECT was sent, and the client says no more. `"refused"`: an ERROR answered CONNECT.
 */
export type Phase = "idle" | "connecting" | "connected" | "disconnecting" | "refused";

/** The phase after `who` sent `command`; `undefined`: it is not allowed in `phase`. */
export function nextPhase(phase: Phase, who: Role, command: Command): Phase | undefined {
  if (!isCommandOf(command, who)) return undefined;
  return who === "client" ? afterClient(phase, command) : afterServer(phase, command);
}

function afterClient(phase: Phase, command: Command): Phase | undefined {
  const isConnect = command === "CONNECT" || command === "STOMP";
  if (phase === "idle" && isConnect) return "connecting";
  if (phase !== "connected" || isConnect) return undefined;
  // STOMP 1.2, "DISCONNECT": "Clients MUST NOT send any more frames after the DISCONNECT frame is sent."
  return command === "DISCONNECT" ? "disconnecting" : phase;
}

function afterServer(phase: Phase, command: Command): Phase | undefined {
  if (command === "CONNECTED") return phase === "connecting" ? "connected" : undefined;
  // Brokers go on after most ERROR frames, against the specification; the end of the transport is the end.
  if (phase === "connected" || phase === "disconnecting") return phase;
  // A server that gives up waiting for CONNECT may say so.
  return command === "ERROR" && phase !== "refused" ? "refused" : undefined;
}
