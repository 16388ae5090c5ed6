/** The states of a session, in one table for both sides: a client session and a server session cannot disagree. */
import type { Command, Role } from "./command.js";

/**
 * Where a session stands. `"idle"`: nothing was said. `"connecting"`: CONNECT was sent. `"connected"`: CONNECTED was sent.
 * `"disconnecting"`: DISCONNECT was sent, and the client says no more. `"refused"`: an ERROR answered CONNECT.
 */
export type Phase = "idle" | "connecting" | "connected" | "disconnecting" | "refused";

type Table = Readonly<Record<Phase, Readonly<Record<Role, Partial<Readonly<Record<Command, Phase>>>>>>>;

const SERVER_SAYS = { MESSAGE: "connected", RECEIPT: "connected", ERROR: "connected" } as const;

const TABLE: Table = {
  idle: {
    client: { CONNECT: "connecting", STOMP: "connecting" },
    // A server that gives up waiting for CONNECT may say so.
    server: { ERROR: "refused" },
  },
  connecting: {
    client: {},
    server: { CONNECTED: "connected", ERROR: "refused" },
  },
  connected: {
    client: {
      SEND: "connected",
      SUBSCRIBE: "connected",
      UNSUBSCRIBE: "connected",
      ACK: "connected",
      NACK: "connected",
      BEGIN: "connected",
      COMMIT: "connected",
      ABORT: "connected",
      // STOMP 1.2, "DISCONNECT": "Clients MUST NOT send any more frames after the DISCONNECT frame is sent."
      DISCONNECT: "disconnecting",
    },
    // Brokers go on after most ERROR frames, against the specification; the end of the transport is the end.
    server: SERVER_SAYS,
  },
  disconnecting: {
    client: {},
    server: { MESSAGE: "disconnecting", RECEIPT: "disconnecting", ERROR: "disconnecting" },
  },
  refused: { client: {}, server: {} },
};

/** The phase after `who` sent `command`; `undefined`: it is not allowed in `phase`. */
export function nextPhase(phase: Phase, who: Role, command: Command): Phase | undefined {
  return TABLE[phase][who][command];
}
