/** One attempt to connect: dial, then CONNECT and CONNECTED, within a time and until a signal. */
import {
  ConnectError,
  type ConnectStage,
  ConnectionLostError,
  ProtocolError,
  ServerError,
  StompError,
} from "../../errors.js";
import { Deadlines } from "../../internal/deadlines.js";
import { onAbort } from "../../internal/on-abort.js";
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
  const attempt = new AbortController();
  let peer = target;
  let stage: ConnectStage = "prepare";
  const deadline = new Deadlines<"connect">(() => {
    attempt.abort(timedOut(stage, peer, timeout));
  });
  const unlisten = onAbort(signal, () => {
    attempt.abort(signal.reason);
  });
  deadline.set("connect", timeout);
  try {
    const connectHeaders = await unlessAborted(attempt.signal, headers);
    stage = "dial";
    const transport = await dialled(dial, attempt.signal, target);
    stage = "handshake";
    peer = transport.peer;
    const connection = connectionOver(transport);
    const info = await handshake(connection, connectHeaders, attempt.signal);
    return { connection, info };
  } finally {
    deadline.clear();
    unlisten();
  }
}

function timedOut(stage: ConnectStage, peer: string, timeout: number): ConnectError {
  return new ConnectError(stage, TIMED_OUT[stage](peer, timeout));
}

const TIMED_OUT: Readonly<Record<ConnectStage, (peer: string, timeout: number) => string>> = {
  prepare: (_peer, timeout) => `the functions for credentials and headers did not answer within ${timeout} ms`,
  dial: (peer, timeout) =>
    `no connection to ${peer} within ${timeout} ms; is it reachable from here, or does a firewall drop what is sent to it?`,
  handshake: (peer, timeout) =>
    `no CONNECTED from ${peer} within ${timeout} ms; does a STOMP broker listen there, or a server of another protocol?`,
};

/** Dial. A dial that ignores its signal is left alone when that aborts, and a transport that it brings later is dropped. */
async function dialled(dial: Dial, signal: AbortSignal, target: string): Promise<Transport> {
  try {
    const transport = await unlessAborted(signal, dial, (late) => {
      late.abort(new Error("the attempt to connect was given up"));
    });
    checkTransport(transport);
    return transport;
  } catch (error) {
    if (signal.aborted || error instanceof ConnectError) throw error;
    throw new ConnectError("dial", dialFailed(target, error), { cause: error });
  }
}

/** A dial may be a caller's own, in JavaScript. */
function checkTransport(transport: Partial<Transport> | undefined): void {
  if (typeof transport?.start !== "function") throw new TypeError("what the dial gave is no transport");
}

/** Do something until the signal aborts; then this rejects with the signal's reason, and a result that comes later goes to `late`. */
function unlessAborted<T>(
  signal: AbortSignal,
  act: (signal: AbortSignal) => Promise<T>,
  late?: (result: T) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) throw signal.reason;
    const unlisten = onAbort(signal, () => {
      reject(signal.reason);
    });
    Promise.resolve()
      .then(() => act(signal))
      .then((result) => {
        if (signal.aborted) late?.(result);
        else resolve(result);
      }, reject)
      .finally(unlisten);
  });
}

function dialFailed(target: string, error: unknown): string {
  return `could not connect to ${target}: ${error instanceof Error ? error.message : String(error)}`;
}

async function handshake(connection: Connection, headers: ConnectHeaders, signal: AbortSignal): Promise<SessionInfo> {
  const aborted = (): void => {
    const reason: unknown = signal.reason;
    connection.abort(
      reason instanceof StompError ? reason : new ConnectionLostError("connecting was aborted", "not-sent"),
    );
  };
  if (signal.aborted) {
    aborted(); // since the transport came
    throw signal.reason;
  }
  const unlisten = onAbort(signal, aborted);
  try {
    return await connection.connect(headers);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    connection.abort(error instanceof StompError ? error : new ConnectionLostError(String(error), "not-sent"));
    throw handshakeError(connection.peer, error);
  } finally {
    unlisten();
  }
}

function handshakeError(peer: string, error: unknown): unknown {
  if (error instanceof ServerError) {
    const details = error.details.split("\n", 1)[0]?.trim().slice(0, 200) ?? "";
    const said = details === "" || details === error.message ? error.message : `${error.message} (${details})`;
    return new ConnectError("handshake", `${peer} refused the connection: ${said}; check login, passcode and host`, {
      cause: error,
    });
  }
  if (error instanceof ProtocolError) {
    const hint =
      error.reason === "version-mismatch"
        ? "offer a version that it speaks"
        : "does a STOMP broker listen there, or is TLS wanted?";
    return new ConnectError("handshake", `no session with ${peer}: ${error.message}; ${hint}`, { cause: error });
  }
  if (error instanceof ConnectionLostError) {
    return new ConnectError(
      "handshake",
      `${peer} closed the connection before CONNECTED; does it expect TLS, another protocol, or other credentials?`,
      { cause: error.cause ?? error },
    );
  }
  return error; // wrong arguments: TypeError or RangeError
}
