/** Attempts to connect, one after the other, until there is a session or they are given up. */
import { onWake } from "#page";
import { ConnectError, ConnectionLostError, ServerError, StompError } from "../../errors.js";
import { LONGEST_DELAY } from "../../internal/duration.js";
import { onAbort } from "../../internal/on-abort.js";
import type { Dial, Transport } from "../../transport.js";
import type { Connection } from "../connection/connection.js";
import type { Environment } from "../connection/environment.js";
import { connectHeaders } from "../options/credentials.js";
import { type Session, connectOnce } from "./attempt.js";
import { type NamedDial, allFailed, inOrder } from "./named-dial.js";

/** What an effort needs of its supervisor. */
export interface EffortHost {
  readonly environment: Environment;
  readonly dials: readonly NamedDial[];
  readonly tries: Tries;
  connectionOver(transport: Transport): Connection;
  /** There is a session: the effort is over. */
  established(session: Session): void;
  /** There will be no session: the effort is over. */
  gaveUp(cause: unknown): void;
}

/** What is counted from one effort to the next. */
export interface Tries {
  /** The number of the current attempt, as a policy counts them. */
  attempt: number;
  /** In how many rounds in a row CONNECT was refused. */
  refusals: number;
}

/** What an effort is made for. */
export interface Occasion {
  /** Whether more attempts follow when the first one fails, if there is a policy. */
  readonly retries: boolean;
  /** What went wrong: then the policy says when the first attempt starts. Otherwise it starts at once. */
  readonly trouble?: StompError | undefined;
  /** Comes before the first attempt. */
  readonly before?: () => Promise<void>;
}

/** Tries each target once in a round, and waits between the rounds as long as the policy says. */
export class Effort {
  /** Resolves when there is a session; rejects with what ended the effort. */
  readonly promise: Promise<void>;
  readonly #host: EffortHost;
  readonly #abort = new AbortController();
  /** Whether the next attempt starts without a wait before it. */
  #isHurried = false;
  /** Ends the wait before the next attempt. */
  #wake: (() => void) | undefined;

  constructor(host: EffortHost, occasion: Occasion) {
    this.#host = host;
    // Soon, not at once: whoever has just lost a connection, or calls `connect`, goes first.
    this.promise = Promise.resolve().then(() => this.#run(occasion));
    this.promise.catch(() => undefined); // status reports it
  }

  /** Whether it is being given up. */
  get isAborted(): boolean {
    return this.#abort.signal.aborted;
  }

  /** Give it up. */
  abort(reason: unknown): void {
    this.#abort.abort(reason);
  }

  /** Do not wait any longer before the next attempt. */
  hurry(): void {
    this.#isHurried = true;
    this.#wake?.();
  }

  async #run({ retries, trouble, before }: Occasion): Promise<void> {
    const { signal } = this.#abort;
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
      this.#host.gaveUp(cause);
      throw cause;
    }
  }

  /** Wait as long as the policy says; throws `error` when it gives up. */
  async #wait(error: StompError, signal: AbortSignal): Promise<void> {
    const { environment, tries } = this.#host;
    const { reconnect, refusalLimit } = environment.options;
    signal.throwIfAborted();
    tries.attempt++;
    const isRefused = tries.refusals >= refusalLimit;
    const delay = isRefused || reconnect === false ? false : reconnect(tries.attempt, error);
    if (delay === false) throw error;
    if (!(delay >= 0)) throw new TypeError(`reconnect must return a number of ms or false, not ${String(delay)}`);
    environment.status.tell({ type: "reconnecting", attempt: tries.attempt, delay, error });
    if (!this.#isHurried && !signal.aborted) await this.#sleep(delay, signal);
    this.#isHurried = false;
    signal.throwIfAborted();
  }

  /** Wait for this many ms, or until there is a reason to hurry or to give up. */
  #sleep(delay: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        unlisten();
        ignoreAbort();
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, Math.min(delay, LONGEST_DELAY));
      // The network may be back, or the laptop awake: that is a better time than any.
      const unlisten = onWake(done);
      const ignoreAbort = onAbort(signal, done);
      this.#wake = done;
    });
  }

  /** Try each target once. Returns the error when there is no session after that. */
  async #round(signal: AbortSignal, lastError: StompError | undefined): Promise<StompError | undefined> {
    const { dials, environment, tries } = this.#host;
    const { options, status } = environment;
    const errors: StompError[] = [];
    for (const { name, dial } of inOrder(dials, options.targetOrder)) {
      signal.throwIfAborted();
      status.tell({ type: "connecting", target: name, attempt: tries.attempt });
      try {
        await this.#try(name, dial, signal, errors.at(-1) ?? lastError);
        return undefined;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof StompError)) throw error; // a wrong argument: trying again does not help
        errors.push(error);
      }
    }
    // A target that is dead might refuse too: nobody knows.
    tries.refusals = errors.some(isRefusal) ? tries.refusals + 1 : 0;
    return errors.length > 1 ? allFailed(errors) : errors[0];
  }

  async #try(target: string, dial: Dial, signal: AbortSignal, lastError: StompError | undefined): Promise<void> {
    const { options } = this.#host.environment;
    const { attempt } = this.#host.tries;
    const session = await connectOnce({
      dial,
      target,
      timeout: options.connectTimeout,
      signal,
      headers: (until) => connectHeaders(options, { attempt, signal: until, lastError }),
      connectionOver: (transport) => this.#host.connectionOver(transport),
    });
    const { connection } = session;
    if (signal.aborted) connection.abort(new ConnectionLostError("connecting was given up", "not-sent"));
    signal.throwIfAborted();
    if (!connection.isOpen) throw endedAtOnce(connection);
    this.#host.established(session);
  }
}

function isRefusal(error: StompError): boolean {
  return error instanceof ConnectError && error.cause instanceof ServerError;
}

function endedAtOnce(connection: Connection): ConnectError {
  const cause = connection.lostError("not-sent");
  const message = `the session with ${connection.peer} ended at once: ${cause.message}`;
  return new ConnectError("handshake", message, { cause });
}
