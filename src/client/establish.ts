/** One attempt to connect: dial, then CONNECT and CONNECTED, within a time and until a signal. */
import { ConnectError, ConnectionLostError, ProtocolError, ServerError, StompError } from "../errors.js";
import { Deadlines } from "../internal/deadlines.js";
import type { Dial, Transport } from "../transport.js";
import type { Connection, SessionInfo } from "./connection.js";

/** What an attempt needs. */
export interface Attempt {
  readonly dial: Dial;
  /** Whom it dials, for messages to people. */
  readonly target: string;
  /** In ms. */
  readonly timeout: number;
  readonly signal: AbortSignal;
  /** Makes the connection once there is a transport. */
  readonly connectionOver: (transport: Transport) => Connection;
}

/** An established connection. */
export interface Established {
  readonly connection: Connection;
  readonly info: SessionInfo;
}

/**
 * Connect. Rejects with a ConnectError that tells what to do, or with the signal's reason; then nothing stays open.
 */
export async function establish({ dial, target, timeout, signal, connectionOver }: Attempt): Promise<Established> {
  signal.throwIfAborted();
  const attempt = new AbortController();
  let peer = target;
  let stage: "dial" | "handshake" = "dial";
  const deadline = new Deadlines<"connect">(() => {
    attempt.abort(timedOut(stage, peer, timeout));
  });
  const aborted = (): void => {
    attempt.abort(signal.reason);
  };
  signal.addEventListener("abort", aborted, { once: true });
  deadline.set("connect", timeout);
  try {
    const transport = await dialled(dial, attempt.signal, target);
    stage = "handshake";
    peer = transport.peer;
    const connection = connectionOver(transport);
    const info = await handshake(connection, attempt.signal);
    return { connection, info };
  } finally {
    deadline.clear();
    signal.removeEventListener("abort", aborted);
  }
}

function timedOut(stage: "dial" | "handshake", peer: string, timeout: number): ConnectError {
  const message =
    stage === "dial"
      ? `no connection to ${peer} within ${timeout} ms; is it reachable from here, or does a firewall drop what is sent to it?`
      : `no CONNECTED from ${peer} within ${timeout} ms; does a STOMP broker listen there, or a server of another protocol?`;
  return new ConnectError(stage, message);
}

/** Dial; a dial that does not heed its signal is left alone when it is aborted, and what it brings later is dropped. */
function dialled(dial: Dial, signal: AbortSignal, target: string): Promise<Transport> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => {
      reject(signal.reason as Error); // whatever the caller aborted with, untouched
    };
    signal.addEventListener("abort", aborted, { once: true });
    Promise.resolve()
      .then(() => dial(signal))
      .then(
        (transport) => {
          signal.removeEventListener("abort", aborted);
          if (signal.aborted) transport.abort(new Error("the attempt to connect was given up"));
          else resolve(transport);
        },
        (error: unknown) => {
          signal.removeEventListener("abort", aborted);
          if (signal.aborted) return; // `aborted` has rejected
          reject(
            error instanceof ConnectError
              ? error
              : new ConnectError("dial", dialFailed(target, error), { cause: error }),
          );
        },
      );
  });
}

function dialFailed(target: string, error: unknown): string {
  return `could not connect to ${target}: ${error instanceof Error ? error.message : String(error)}`;
}

async function handshake(connection: Connection, signal: AbortSignal): Promise<SessionInfo> {
  const aborted = (): void => {
    const reason: unknown = signal.reason;
    connection.abort(
      reason instanceof StompError ? reason : new ConnectionLostError("connecting was aborted", "not-sent"),
    );
  };
  signal.addEventListener("abort", aborted, { once: true });
  try {
    return await connection.connect();
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    connection.abort(error instanceof StompError ? error : new ConnectionLostError(String(error), "not-sent"));
    throw handshakeError(connection.peer, error);
  } finally {
    signal.removeEventListener("abort", aborted);
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
