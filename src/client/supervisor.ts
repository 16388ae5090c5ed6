/** Gets a client its sessions: connects, notices a lost connection, and connects again until told to stop. */
import { ConnectError, ConnectionLostError, InvalidStateError, ServerError, StompError } from "../errors.js";
import type { Dial, Transport } from "../transport.js";
import type { Connection } from "./connection.js";
import type { SessionInfo } from "./session-info.js";
import type { ClientContext } from "./context.js";
import { establish } from "./establish.js";
import { loginHeaders } from "./login.js";

/** Somewhere to connect to. */
export interface Endpoint {
  /** Names it in messages to people; without credentials. */
  readonly name: string;
  readonly dial: Dial;
}

/** Where a client stands. `"reconnecting"`: a session was lost, and another one is being tried for or waited for. */
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
}

/** The attempts to get a session. */
interface Effort {
  readonly promise: Promise<void>;
  readonly abort: AbortController;
  /** Ends the wait before the next attempt. */
  hurry: () => void;
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
  #attempt = 0;
  /** How many refusals of CONNECT came in a row. */
  #refusals = 0;
  #establishedAt = 0;
  /** Whether the end of the connection is meant to bring a new one. */
  #isRenewing = false;
  /** How often it was told to end. */
  #ends = 0;

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
    if (this.#state === "connected") return Promise.resolve();
    if (this.#effort === undefined && this.#state === "disconnecting") {
      return Promise.reject(new InvalidStateError("the client is disconnecting"));
    }
    if (this.#effort === undefined) {
      // The state is set before anything is awaited: a second call joins.
      this.#state = "connecting";
      this.#attempt = 0;
      this.#refusals = 0;
      this.#begin(undefined, false);
    }
    const { promise, abort } = this.#effort ?? noEffort();
    if (signal === undefined) return promise;
    if (signal.aborted) abort.abort(signal.reason);
    const aborted = (): void => {
      abort.abort(signal.reason);
    };
    signal.addEventListener("abort", aborted, { once: true });
    return promise.finally(() => {
      signal.removeEventListener("abort", aborted);
    });
  }

  /** Get a fresh session; see {@link DialClient.reconnect}. `close` ends the one that there is. */
  async renew(close: (connection: Connection) => Promise<void>): Promise<void> {
    const connection = this.#connection; // perhaps it is being ended already, to the same purpose
    if (connection !== undefined && this.#state === "connected") {
      const ends = this.#ends;
      this.#isRenewing = true;
      await close(connection);
      if (this.#ends !== ends) throw new InvalidStateError("disconnect was called while reconnecting");
    }
    this.hurry();
    return this.connect();
  }

  /** Do not wait any longer before the next attempt. */
  hurry(): void {
    this.#effort?.hurry();
  }

  /** Whether there was a session or an attempt at one, and none will be tried for. */
  get hasGivenUp(): boolean {
    return this.#hasTried && this.#state === "disconnected";
  }

  /** End for good: give up trying, or end the session by `close`. Never rejects unless `close` does. */
  async end(close: (connection: Connection) => Promise<void>): Promise<void> {
    this.#ends++;
    const effort = this.#effort;
    if (effort !== undefined) {
      effort.abort.abort(new InvalidStateError("disconnect was called while connecting"));
      await effort.promise.catch(() => undefined); // whoever connects is told
    }
    const connection = this.#connection;
    if (connection === undefined) {
      this.#lost = undefined;
      this.#host.ended(undefined);
      return;
    }
    this.#isRenewing = false;
    this.#state = "disconnecting";
    this.#host.status.tell({ type: "disconnecting" });
    await close(connection);
  }

  /** The error of a call that needs a connection, where there is none. */
  notConnected(what: string): StompError {
    const lost = this.#lost;
    if (lost !== undefined && (this.#state === "disconnected" || this.#state === "reconnecting")) {
      return new ConnectionLostError(`${what} was not sent: ${lost.message}`, "not-sent", { cause: lost });
    }
    const state = this.#state === "connected" ? "reconnecting" : this.#state; // there is one, but it is being ended
    return new InvalidStateError(`${what} needs a connection, the client is ${state}`);
  }

  /** Try for a session. `trouble`: what made it necessary; then the policy decides when the first attempt is made, unless it is `atOnce`. */
  #begin(trouble: StompError | undefined, atOnce: boolean): void {
    this.#hasTried = true;
    const abort = new AbortController();
    const effort: Effort = {
      abort,
      hurry: () => undefined,
      // Soon, not at once: whoever has just lost a connection, or calls `connect`, goes first.
      promise: Promise.resolve().then(() => this.#run(effort, trouble, atOnce)),
    };
    effort.promise.catch(() => undefined); // it is told by status
    this.#effort = effort;
  }

  async #run(effort: Effort, trouble: StompError | undefined, atOnce: boolean): Promise<void> {
    const { signal } = effort.abort;
    const { reconnect, retryFirstConnect } = this.#host.options;
    const retries = reconnect !== false && (trouble !== undefined || retryFirstConnect || this.#isRenewing);
    let error = atOnce ? undefined : trouble;
    this.#isRenewing = false;
    try {
      for (;;) {
        if (error !== undefined) await this.#wait(effort, error);
        error = await this.#round(signal, error ?? trouble);
        if (error === undefined) return;
        if (!retries) throw error;
      }
    } catch (reason) {
      this.#giveUp(reason);
      throw reason;
    }
  }

  /** Wait as long as the policy says; throws `error` when it gives up. */
  async #wait(effort: Effort, error: StompError): Promise<void> {
    const { options, endpoints, status } = this.#host;
    const { signal } = effort.abort;
    signal.throwIfAborted();
    this.#attempt++;
    const isRefused = this.#refusals >= options.refusalLimit * endpoints.length;
    const delay = isRefused || options.reconnect === false ? false : options.reconnect(this.#attempt, error);
    if (delay === false) throw error;
    if (!(delay >= 0))
      throw new TypeError(`a reconnect policy must give a number of ms or false, not ${String(delay)}`);
    status.tell({ type: "reconnecting", attempt: this.#attempt, delay, error });
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, Math.min(delay, LONGEST_DELAY));
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      }
      signal.addEventListener("abort", done, { once: true });
      effort.hurry = done;
    });
    effort.hurry = () => undefined;
    signal.throwIfAborted();
  }

  /** Try each target once. Gives the error when there is no session after that. */
  async #round(signal: AbortSignal, lastError: StompError | undefined): Promise<StompError | undefined> {
    const { endpoints, options, status } = this.#host;
    const errors: StompError[] = [];
    for (const { name, dial } of options.targetOrder === "shuffled" ? shuffled(endpoints) : endpoints) {
      signal.throwIfAborted();
      status.tell({ type: "connecting", target: name, attempt: this.#attempt });
      try {
        await this.#try(name, dial, signal, errors.at(-1) ?? lastError);
        return undefined;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof StompError)) throw error; // a wrong argument: it would be wrong for ever
        this.#refusals = error instanceof ConnectError && error.cause instanceof ServerError ? this.#refusals + 1 : 0;
        errors.push(error);
      }
    }
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
    if (!connection.isOpen) throw connection.lostError("not-sent");
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
    this.#host.status.tell({ type: "connected", ...info });
  }

  /** The connection has ended. */
  #ended(reason: StompError | undefined): void {
    const { options, status } = this.#host;
    const isMeant = this.#state === "disconnecting";
    this.#connection = undefined;
    this.#info = undefined;
    if (performance.now() - this.#establishedAt >= STABLE) this.#attempt = 0;
    const lost = reason ?? new ConnectionLostError("the session was ended to begin a new one", "not-sent");
    if (isMeant || (options.reconnect === false && !this.#isRenewing)) {
      this.#isRenewing = false;
      this.#lost = reason;
      this.#state = "disconnected";
      this.#host.ended(reason);
      status.tell({ type: "disconnected", reason, reconnects: false });
      return;
    }
    this.#lost = lost;
    this.#state = "reconnecting";
    this.#host.interrupted(reason);
    this.#begin(lost, this.#isRenewing);
    status.tell({ type: "disconnected", reason, reconnects: true });
  }

  #giveUp(cause: unknown): void {
    const reason = cause instanceof StompError ? cause : undefined;
    const isLoss = this.#state === "reconnecting";
    this.#effort = undefined;
    // `disconnect` gives up too, and then there is nothing to tell of.
    const isMeant = cause instanceof InvalidStateError;
    if (isLoss) this.#lost = isMeant ? undefined : (reason ?? this.#lost);
    if (this.#state !== "disconnecting") this.#state = "disconnected";
    if (isLoss) this.#host.ended(isMeant ? undefined : (reason ?? asError(cause)));
    this.#host.status.tell({ type: "disconnected", reason, reconnects: false });
  }
}

/** The longest delay that timers take, in ms. */
const LONGEST_DELAY = 2_147_483_647;

function noEffort(): never {
  throw new InvalidStateError("there is no attempt to connect");
}

function asError(cause: unknown): StompError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ConnectError("prepare", `reconnecting was given up: ${why}`, { cause });
}

function allFailed(errors: readonly StompError[]): ConnectError {
  const message = `none of ${errors.length} targets gave a session: ${errors.map((error) => error.message).join("; ")}`;
  const stage = errors.some((error) => error instanceof ConnectError && error.stage === "handshake")
    ? "handshake"
    : "dial";
  return new ConnectError(stage, message, { cause: new AggregateError(errors, "each target failed") });
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item);
}
