/**
 * Keeps a client connected: connects, notices a lost connection, and connects again until told to stop.
 *
 *                      ┌─────────── given up ────────────┐
 *                      ▼                                 │
 *     ┌──▶ disconnected ──connect()──▶ connecting ───────┤
 *     │                                    │             │
 *     │                                CONNECTED         │
 *     │                                    ▼             │
 *     │      lost, reconnect: false ── connected ◀───────┼── CONNECTED ───────────┐
 *     │◀───────────┘                       │             │                        │
 *     │                                    └─ lost, or reconnect() ──▶ reconnecting ┘
 *     │                                                  │
 *     └──────────── disconnecting ◀── disconnect() from any state
 *
 * `connecting` and `reconnecting` have an effort under way. `reconnecting` and `disconnecting` may still have a session that is being
 * ended.
 */
import { ConnectError, ConnectionLostError, InvalidStateError, type Outcome, StompError } from "../../errors.js";
import { messageOf } from "../../internal/message-of.js";
import { onAbort } from "../../internal/on-abort.js";
import type { HeadersInit } from "../../protocol/index.js";
import type { Transport } from "../../transport.js";
import { Connection } from "../connection/connection.js";
import type { Environment } from "../connection/environment.js";
import type { SessionParts } from "../connection/session-part.js";
import type { SessionInfo } from "../observing/session-info.js";
import type { Session } from "./attempt.js";
import { Effort, type EffortHost, type Occasion, type Tries } from "./effort.js";
import type { NamedDial } from "./named-dial.js";

/**
 * The state of a client. `"reconnecting"`: a session was lost, or is being ended by `reconnect`, and the client tries for another one
 * or waits before it tries.
 */
export type ClientState = "disconnected" | "connecting" | "connected" | "reconnecting" | "disconnecting";

// All have the same fields in the same order, so that reading the session of a state is fast.
type State =
  | { readonly kind: "disconnected"; readonly effort: undefined; readonly session: undefined }
  | { readonly kind: "connecting"; readonly effort: Effort; readonly session: undefined }
  | { readonly kind: "connected"; readonly effort: undefined; readonly session: Session }
  | { readonly kind: "reconnecting"; readonly effort: Effort; readonly session: Session | undefined }
  | { readonly kind: "disconnecting"; readonly effort: Effort | undefined; readonly session: Session | undefined };

const DISCONNECTED: State = { kind: "disconnected", effort: undefined, session: undefined };

/** A session that has lasted this long, in ms, was a good one: what comes after its end is a new trouble. */
const STABLE = 5000;

/** Keeps a client connected. */
export class Supervisor implements EffortHost {
  readonly environment: Environment;
  readonly dials: readonly NamedDial[];
  readonly #parts: SessionParts;
  readonly tries: Tries = { attempt: 0, refusals: 0 };
  #state: State = DISCONNECTED;
  /** Why the last session ended, until there is another one. */
  #lost: StompError | undefined;
  #hasTried = false;
  #hadSession = false;
  /** When the last session began, in ms of `performance.now()`. */
  #since = 0;

  constructor(environment: Environment, dials: readonly NamedDial[], parts: SessionParts) {
    this.environment = environment;
    this.dials = dials;
    this.#parts = parts;
  }

  /** The state of the client. */
  get state(): ClientState {
    return this.#state.kind;
  }

  /** What was agreed on with the broker, while there is a session. */
  get session(): SessionInfo | undefined {
    return this.#state.session?.info;
  }

  /** The connection, while there is one that frames may be sent on. */
  get open(): Connection | undefined {
    const connection = this.#state.session?.connection;
    return connection?.isOpen === true ? connection : undefined;
  }

  /** Whether there was a session or an attempt at one, and none will be tried for. */
  get hasGivenUp(): boolean {
    return this.#hasTried && this.#state.kind === "disconnected";
  }

  /** Connect, or join what is under way; see {@link BaseClient.connect}. */
  async connect(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { kind } = this.#state;
    if (kind === "connected") return;
    if (kind === "disconnecting") throw new InvalidStateError("the client is disconnecting");
    const effort = this.#state.effort ?? this.#connect();
    const unlisten = signal && onAbort(signal, () => effort.abort(signal.reason));
    try {
      await effort.promise;
    } finally {
      unlisten?.();
    }
  }

  /** Start a new session; see {@link BaseClient.reconnect}. */
  renew(): Promise<void> {
    const { kind, session } = this.#state;
    if (kind !== "connected") {
      this.#state.effort?.hurry();
      return this.connect();
    }
    const timeout = this.environment.options.disconnectTimeout;
    const before = (): Promise<void> => session.connection.close({ headers: {}, timeout, drains: false });
    // From now on `connect`, `disconnect` and a second `renew` meet an effort under way: there is no time in between.
    const effort = this.#begin({ retries: true, before });
    this.#state = { kind: "reconnecting", effort, session };
    return effort.promise;
  }

  /** End for good: give up trying, or drain and end the session. Rejects with TypeError for headers that DISCONNECT cannot have. */
  async end(headers: HeadersInit, timeout: number): Promise<void> {
    const { kind, effort, session } = this.#state;
    if (effort === undefined && session === undefined) {
      this.#lost = undefined;
      this.#parts.unwind("ended", undefined);
      return;
    }
    // Before anything is awaited or reported: no session can come about any more, and the end of one brings no other.
    this.#state = { kind: "disconnecting", effort, session };
    effort?.abort(new InvalidStateError("the client is disconnecting"));
    if (kind !== "disconnecting") this.environment.status.tell({ type: "disconnecting" });
    if (effort !== undefined) {
      await effort.promise.catch(() => undefined); // the callers of `connect` have it
      return;
    }
    await session?.connection.close({ headers, timeout, drains: true });
  }

  /** The error of a call that needs a connection, where there is none. */
  notConnected(what: string, outcome: Outcome = "not-sent"): StompError {
    const { kind, session } = this.#state;
    // The other side may be closing what is still a session here.
    const lost = kind === "connected" ? session.connection.lostError(outcome) : this.#lost;
    if (lost !== undefined && kind !== "connecting" && kind !== "disconnecting") {
      const how = outcome === "not-sent" ? "was not sent" : "failed";
      return new ConnectionLostError(`${what} ${how}: ${lost.message}`, outcome, { cause: lost });
    }
    return new InvalidStateError(`${what} needs a connection, the client is ${kind}`);
  }

  #connect(): Effort {
    this.tries.attempt = 0;
    this.tries.refusals = 0;
    const effort = this.#begin({ retries: this.environment.options.retryFirstConnect });
    // The state is set before anything is awaited: a second call joins.
    this.#state = { kind: "connecting", effort, session: undefined };
    return effort;
  }

  #begin(occasion: Occasion): Effort {
    this.#hasTried = true;
    return new Effort(this, occasion);
  }

  /** A transport is open. */
  connectionOver(transport: Transport): Connection {
    return new Connection(transport, this.environment, this.#parts, (reason, connection) => {
      if (connection === this.#state.session?.connection) this.#ended(reason);
    });
  }

  /** There is a session. */
  established(session: Session): void {
    const { counters, status } = this.environment;
    this.tries.refusals = 0;
    this.#since = performance.now();
    this.#lost = undefined;
    this.#state = { kind: "connected", effort: undefined, session };
    counters.connects++;
    if (this.#hadSession) counters.reconnects++;
    this.#hadSession = true;
    this.#parts.established(session.connection);
    // It may have ended while it was written to, or a frame listener may have ended it.
    if (this.state === "connected") status.tell({ type: "connected", ...session.info });
  }

  /** The session has ended. */
  #ended(reason: StompError | undefined): void {
    const { options, status } = this.environment;
    const { kind, effort } = this.#state;
    if (performance.now() - this.#since >= STABLE) this.tries.attempt = 0;
    if (effort?.isAborted === true) {
      this.#state = { ...this.#state, session: undefined } as State; // only states with an effort get here
      return; // the aborted effort reports the end
    }
    this.#lost = reason;
    if (effort === undefined && (kind === "disconnecting" || options.reconnect === false)) {
      this.#state = DISCONNECTED;
      this.#parts.unwind("ended", reason);
      status.tell({ type: "disconnected", reason, reconnects: false });
      return;
    }
    // First of all: a listener may connect or disconnect.
    const next = effort ?? this.#begin({ retries: true, trouble: reason });
    this.#state = { kind: "reconnecting", effort: next, session: undefined };
    this.#parts.unwind("interrupted", reason);
    if (this.state === "reconnecting") status.tell({ type: "disconnected", reason, reconnects: true });
  }

  /** There will be no session. */
  gaveUp(cause: unknown): void {
    const { kind } = this.#state;
    const reason = kind === "disconnecting" ? undefined : asError(cause);
    this.#state = DISCONNECTED;
    if (kind === "disconnecting" || kind === "reconnecting") {
      this.#lost = reason;
      this.#parts.unwind("ended", reason);
    } else if (reason !== undefined) {
      this.#parts.unwind("gaveUp", reason);
    }
    this.environment.status.tell({ type: "disconnected", reason, reconnects: false });
  }
}

/** What a signal was aborted with, or a wrong argument, as status and subscriptions report it. */
function asError(cause: unknown): StompError {
  if (cause instanceof StompError) return cause;
  return new ConnectError("prepare", `connecting was given up: ${messageOf(cause)}`, { cause });
}
