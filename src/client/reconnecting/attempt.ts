/** One attempt to connect: dial, then CONNECT and CONNECTED, within a time and until a signal. */
import {
  ConnectError,
  type ConnectStage,
  ConnectionLostError,
  ProtocolError,
  ServerError,
  StompError,
} from "../../errors.js";
import { openError } from "../../internal/dial-error.js";
import { messageOf } from "../../internal/message-of.js";
import { onAbort } from "../../internal/on-abort.js";
import { unlessAborted, within } from "../../internal/within.js";
import type { Dial, Transport } from "../../transport.js";
import type { Connection } from "../connection/connection.js";
import type { SessionInfo } from "../observing/session-info.js";
import type { ConnectHeaders } from "../options/credentials.js";

/** What an attempt needs. */
export interface Attempt {
  readonly dial: Dial;
  /** What error messages call it. */
  readonly target: string;
  /** In ms. */
  readonly timeout: number;
  readonly signal: AbortSignal;
  /** Asks for the headers of CONNECT. */
  readonly headers: (signal: AbortSignal) => Promise<ConnectHeaders>;
  /** Makes the connection once there is a transport. */
  readonly connectionOver: (transport: Transport) => Connection;
}

/** A session that is established. */
export interface Session {
  readonly connection: Connection;
  readonly info: SessionInfo;
}

/**
 * Connect. Rejects with a ConnectError that tells what to do, or with the signal's reason; then nothing stays open.
 */
export async function connectOnce(given: Attempt): Promise<Session> {
  const { dial, target, timeout, signal, headers, connectionOver } = given;
  signal.throwIfAborted();
  let peer = target;
  let stage: ConnectStage = "prepare";
  const late = (): ConnectError => {
    const [what, hint] = TIMED_OUT[stage];
    return new ConnectError(stage, `${what} ${peer} within ${timeout} ms${hint}`);
  };
  return within({ timeout, signal }, late, async (until) => {
    const connectHeaders = await unlessAborted(until, headers);
    stage = "dial";
    const transport = await dialled(dial, until, target);
    stage = "handshake";
    peer = transport.peer;
    const connection = connectionOver(transport);
    const info = await handshake(connection, connectHeaders, until);
    return { connection, info };
  });
}

const IS_IT_STOMP = "is this a STOMP port, with TLS or without?";

/** By stage what did not come in time, and what to ask about that. */
const TIMED_OUT: Readonly<Record<ConnectStage, readonly [what: string, hint: string]>> = {
  prepare: ["no credentials or headers for", "; did their function not answer?"],
  dial: ["no connection to", "; is it reachable, or is there a firewall?"],
  handshake: ["no CONNECTED from", `; ${IS_IT_STOMP}`],
};

/** Dial. A dial that ignores its signal is left alone when that aborts, and a transport that it brings later is dropped. */
async function dialled(dial: Dial, signal: AbortSignal, target: string): Promise<Transport> {
  try {
    const transport = await unlessAborted(signal, dial, (late) => {
      late.abort(new Error("connecting was given up"));
    });
    // A dial may be a caller's own, in JavaScript.
    if (typeof (transport as Partial<Transport> | undefined)?.start === "function") return transport;
    throw new TypeError("the dial did not resolve to a Transport");
  } catch (error) {
    if (signal.aborted || error instanceof ConnectError) throw error;
    throw openError(target, messageOf(error), error);
  }
}

async function handshake(connection: Connection, headers: ConnectHeaders, signal: AbortSignal): Promise<SessionInfo> {
  const giveUp = (reason: unknown): void => {
    connection.abort(
      reason instanceof StompError ? reason : new ConnectionLostError("connecting was given up", "not-sent"),
    );
  };
  const unlisten = onAbort(signal, () => {
    giveUp(signal.reason);
  });
  try {
    signal.throwIfAborted(); // since the transport came
    return await connection.connect(headers);
  } catch (error) {
    giveUp(signal.aborted ? signal.reason : error);
    signal.throwIfAborted();
    throw handshakeError(connection.peer, error);
  } finally {
    unlisten();
  }
}

function handshakeError(peer: string, error: unknown): unknown {
  const failed = (message: string, cause = error): ConnectError => new ConnectError("handshake", message, { cause });
  if (error instanceof ServerError) {
    const { message, details } = error;
    const more = details.split("\n", 1)[0]?.trim().slice(0, 200) ?? "";
    const said = more === "" || more === message ? message : `${message} (${more})`;
    return failed(`${peer} refused the connection: ${said}; check login, passcode and host`);
  }
  if (error instanceof ProtocolError) {
    const hint = error.reason === "version-mismatch" ? "offer a version that it speaks" : IS_IT_STOMP;
    return failed(`no session with ${peer}: ${error.message}; ${hint}`);
  }
  if (error instanceof ConnectionLostError) {
    const message = `${peer} closed the connection before CONNECTED; are the credentials right, and ${IS_IT_STOMP}`;
    return failed(message, error.cause ?? error);
  }
  return error; // wrong arguments: TypeError or RangeError
}
