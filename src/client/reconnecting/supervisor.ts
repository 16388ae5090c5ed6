/** Gets a client its sessions: connects, notices a lost connection, and connects again until told to stop. */
import { onWake } from "#page";
import { ConnectError, ConnectionLostError, InvalidStateError, ServerError, StompError } from "../../errors.js";
import { LONGEST_DELAY } from "../../internal/duration.js";
import type { Dial, Transport } from "../../transport.js";
import type { Connection } from "../connection/connection.js";
import type { SessionInfo } from "../observing/session-info.js";
import type { ClientContext } from "../connection/context.js";
import { type Endpoint, allFailed, inOrder } from "./named-dial.js";
import { establish } from "./attempt.js";
import { loginHeaders } from "../options/credentials.js";

/**
 * Where a client stands. `"reconnecting"`: a session was lost, or is being ended by `reconnect`, and another one is tried for
 * or waited for.
 */
export type ClientState = "disconnected" | "connecting" | "connected" | "reconnecting" | "disconnecting";

/** What a supervisor needs of its client. */
export interface SupervisorHost extends ClientContext {
  readonly endpoints: readonly Endpoint[];
  /** Make a connection, which tells of its end by `ended`. */
  connectionOver(transport: Transport, ended: (reason: StompError | undefined) => void): Connection;
  /** There is a session. */
  established(connection: Connection, info: SessionInfo): void;
  /** The session has ended, and another one will be tried for. */
  interrupted(reason: StompError | undefined): void;
  /** There is no session, and none will be tried for. Without a `reason` that is as it was asked for. */
  ended(reason: StompError | undefined): void;
  /** No first session came about, and none will be tried for until `connect` is called again. */
  gaveUp(reason: StompError): void;
}

/** The attempts to get a session. */
interface Effort {
  readonly promise: Promise<void>;
  readonly abort: AbortController;
}

/** What there are attempts for. */
interface Occasion {
  /** Whether more attempts follow when the first one fails, if there is a policy. */
  readonly retries: boolean;
  /** What went wrong: then the policy says when the first attempt is made. Otherwise it is made at once. */
  readonly trouble?: StompError | undefined;
  /** Comes before the first attempt. */
  readonly before?: () => Promise<void>;
}

/** A session that has lasted so long, in ms, was a good one: what comes after its end is a new trouble. */
const STABLE = 5000;

/** Keeps a client connected. */
export class Supervisor {
  readonly #host: SupervisorHost;
  #state: ClientState = "disconnected";
  #connection: Connection | undefined;
  #info: SessionInfo | undefined;
  #lost: StompError | undefined;
  #hasTried = false;
  #hadSession = false;
  #effort: Effort | undefined;
  /** Whether the next attempt is to be made without a wait before it. */
  #isHurried = false;
  /** Ends the wait before the next attempt. */
  #wake: (() => void) | undefined;
  #attempt = 0;
  /** In how many rounds in a row CONNECT was refused. */
  #refusals = 0;
  #establishedAt = 0;

  constructor(host: SupervisorHost) {
    this.#host = host;
  }

  /** Where it stands. */
  get state(): ClientState {
    return this.#state;
  }

  /** What was agreed on with the broker, while there is a session. */
  get session(): SessionInfo | undefined {
    return this.#info;
  }

  /** The connection, when there is one that frames may be sent on. */
  get open(): Connection | undefined {
    return this.#connection?.isOpen === true ? this.#connection : undefined;
  }

  /** Connect, or join what is under way; see {@link DialClient.connect}. */
  connect(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error); // whatever the caller aborted with
    if (this.#state === "connected") return Promise.resolve();
    if (this.#state === "disconnecting") return Promise.reject(new InvalidStateError("the client is disconnecting"));
    const { promise, abort } = this.#effort ?? this.#connect();
    if (signal === undefined) return promise;
    const aborted = (): void => {
      abort.abort(signal.reason);
    };
    signal.addEventListener("abort", aborted, { once: true });
    return promise.finally(() => {
      signal.removeEventListener("abort", aborted);
    });
  }

  /** Get a fresh session; see {@link DialClient.reconnect}. `close` ends the one that there is. */
  renew(close: (connection: Connection) => Promise<void>): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined || this.#state !== "connected") {
      this.hurry();
      return this.connect();
    }
    // From now on `connect`, `disconnect` and a second `renew` meet attempts under way: there is no time in between.
    this.#state = "reconnecting";
    return this.#begin({ retries: true, before: () => close(connection) }).promise;
  }

  /** Do not wait any longer before the next attempt. */
  hurry(): void {
    this.#isHurried = true;
    this.#wake?.();
  }

  /** Whether there was a session or an attempt at one, and none will be tried for. */
  get hasGivenUp(): boolean {
    return this.#hasTried && this.#state === "disconnected";
  }

  /** End for good: give up trying, or end the session by `close`. Never rejects unless `close` does. */
  async end(close: (connection: Connection) => Promise<void>): Promise<void> {
    const effort = this.#effort;
    const connection = this.#connection;
    if (effort === undefined && connection === undefined) {
      this.#lost = undefined;
      this.#host.ended(undefined);
      return;
    }
    // Before anything is awaited or told: no session can come about any more, and the end of one brings no other.
    const isFirst = this.#state !== "disconnecting";
    this.#state = "disconnecting";
    effort?.abort.abort(new InvalidStateError("disconnect was called while connecting"));
    if (isFirst) this.#host.status.tell({ type: "disconnecting" });
    if (effort !== undefined)
      await effort.promise.catch(() => undefined); // whoever connects is told
    else if (connection !== undefined) await close(connection);
  }

  /** The error of a call that needs a connection, where there is none. */
  notConnected(what: string): StompError {
    const lost = this.#lost;
    if (lost !== undefined && (this.#state === "disconnected" || this.#state === "reconnecting")) {
      return new ConnectionLostError(`${what} was not sent: ${lost.message}`, "not-sent", { cause: lost });
    }
    return new InvalidStateError(`${what} needs a connection, the client is ${this.#state}`);
  }

  #connect(): Effort {
    // The state is set before anything is awaited: a second call joins.
    this.#state = "connecting";
    this.#attempt = 0;
    this.#refusals = 0;
    return this.#begin({ retries: this.#host.options.retryFirstConnect });
  }

  /** Try for a session. */
  #begin(occasion: Occasion): Effort {
    this.#hasTried = true;
    this.#isHurried = false;
    const abort = new AbortController();
    // Soon, not at once: whoever has just lost a connection, or calls `connect`, goes first.
    const promise = Promise.resolve().then(() => this.#run(occasion, abort.signal));
    promise.catch(() => undefined); // it is told by status
    this.#effort = { promise, abort };
    return this.#effort;
  }

  async #run({ retries, trouble, before }: Occasion, signal: AbortSignal): Promise<void> {
    let error = trouble;
    try {
      await before?.();
      for (;;) {
        if (error !== undefined) await this.#wait(error, signal);
        error = await this.#round(signal, error);
        if (error === undefined) return;
        if (!retries) throw error;
      }
    } catch (cause) {
      this.#giveUp(cause);
      throw cause;
    }
  }

  /** Wait as long as the policy says; throws `error` when it gives up. */
  async #wait(error: StompError, signal: AbortSignal): Promise<void> {
    const { options, status } = this.#host;
    signal.throwIfAborted();
    this.#attempt++;
    const isRefused = this.#refusals >= options.refusalLimit;
    const delay = isRefused || options.reconnect === false ? false : options.reconnect(this.#attempt, error);
    if (delay === false) throw error;
    if (!(delay >= 0))
      throw new TypeError(`a reconnect policy must give a number of ms or false, not ${String(delay)}`);
    status.tell({ type: "reconnecting", attempt: this.#attempt, delay, error });
    if (!this.#isHurried && !signal.aborted) await this.#sleep(delay, signal);
    this.#isHurried = false;
    signal.throwIfAborted();
  }

  /** Wait for so many ms, or until somebody is in a hurry, or gives up. */
  #sleep(delay: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        unlisten();
        signal.removeEventListener("abort", done);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, Math.min(delay, LONGEST_DELAY));
      // The network may be back, or the laptop awake: that is a better time than any.
      const unlisten = onWake(done);
      signal.addEventListener("abort", done, { once: true });
      this.#wake = done;
    });
  }

  /** Try each target once. Gives the error when there is no session after that. */
  async #round(signal: AbortSignal, lastError: StompError | undefined): Promise<StompError | undefined> {
    const { endpoints, options, status } = this.#host;
    const errors: StompError[] = [];
    for (const { name, dial } of inOrder(endpoints, options.targetOrder)) {
      signal.throwIfAborted();
      status.tell({ type: "connecting", target: name, attempt: this.#attempt });
      try {
        await this.#try(name, dial, signal, errors.at(-1) ?? lastError);
        return undefined;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof StompError)) throw error; // a wrong argument: it would be wrong for ever
        errors.push(error);
      }
    }
    // Of a target that is dead it is not known whether it would refuse too.
    this.#refusals = errors.some(isRefusal) ? this.#refusals + 1 : 0;
    return errors.length > 1 ? allFailed(errors) : errors[0];
  }

  async #try(name: string, dial: Dial, signal: AbortSignal, lastError: StompError | undefined): Promise<void> {
    const { options } = this.#host;
    const attempt = this.#attempt;
    let made: Connection | undefined;
    const { connection, info } = await establish({
      dial,
      target: name,
      timeout: options.connectTimeout,
      signal,
      login: (until) => loginHeaders(options, { attempt, signal: until, lastError }),
      connectionOver: (transport) => {
        made = this.#host.connectionOver(transport, (reason) => {
          if (made !== undefined && made === this.#connection) this.#ended(reason);
        });
        return made;
      },
    });
    if (signal.aborted) connection.abort(new ConnectionLostError("connecting was aborted", "not-sent"));
    signal.throwIfAborted();
    if (!connection.isOpen) throw endedAtOnce(connection);
    this.#established(connection, info);
  }

  #established(connection: Connection, info: SessionInfo): void {
    const { counters } = this.#host;
    this.#effort = undefined;
    this.#refusals = 0;
    this.#establishedAt = performance.now();
    this.#connection = connection;
    this.#info = info;
    this.#lost = undefined;
    this.#state = "connected";
    counters.connects++;
    if (this.#hadSession) counters.reconnects++;
    this.#hadSession = true;
    this.#host.established(connection, info);
    // It may have ended while it was written to, or be ended by who is shown the frames.
    if (this.state === "connected") this.#host.status.tell({ type: "connected", ...info });
  }

  /** The connection has ended. */
  #ended(reason: StompError | undefined): void {
    const { options, status } = this.#host;
    this.#connection = undefined;
    this.#info = undefined;
    if (performance.now() - this.#establishedAt >= STABLE) this.#attempt = 0;
    if (this.#effort?.abort.signal.aborted === true) return; // what is given up tells of the end
    this.#lost = reason;
    const isMeant = this.#state === "disconnecting";
    if (this.#effort === undefined && (isMeant || options.reconnect === false)) {
      this.#state = "disconnected";
      this.#host.ended(reason);
      status.tell({ type: "disconnected", reason, reconnects: false });
      return;
    }
    this.#state = "reconnecting";
    // First of all: whoever is told may connect or disconnect.
    if (this.#effort === undefined) this.#begin({ retries: true, trouble: reason });
    this.#host.interrupted(reason);
    if (this.state === "reconnecting") status.tell({ type: "disconnected", reason, reconnects: true });
  }

  #giveUp(cause: unknown): void {
    const isMeant = this.#state === "disconnecting";
    const isLoss = this.#state === "reconnecting";
    const reason = isMeant ? undefined : asError(cause);
    this.#effort = undefined;
    this.#state = "disconnected";
    if (isMeant || isLoss) {
      this.#lost = reason;
      this.#host.ended(reason);
    } else if (reason !== undefined) {
      this.#host.gaveUp(reason);
    }
    this.#host.status.tell({ type: "disconnected", reason, reconnects: false });
  }
}

function isRefusal(error: StompError): boolean {
  return error instanceof ConnectError && error.cause instanceof ServerError;
}

/** What a signal was aborted with, or a wrong argument, as status and subscriptions tell of it. */
function asError(cause: unknown): StompError {
  if (cause instanceof StompError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ConnectError("prepare", `connecting was given up: ${why}`, { cause });
}

function endedAtOnce(connection: Connection): ConnectError {
  const cause = connection.lostError("not-sent");
  return new ConnectError(
    "handshake",
    `the session with ${connection.peer} ended as soon as it began: ${cause.message}`,
    {
      cause,
    },
  );
}
