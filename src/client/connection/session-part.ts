/** The parts that a client is made of, and the order in which they learn what happens to the session. */
import type { ServerError, StompError } from "../../errors.js";
import type { ServerFrame } from "../../protocol/index.js";
import type { Connection } from "./connection.js";

/** A part of a client. Each method is one thing that happens to the session. */
export interface SessionPart {
  /** A MESSAGE came. Returns whether it was for this part. */
  message?(frame: ServerFrame, connection: Connection): boolean;
  /** An ERROR came that names no receipt. Returns whether it was for this part. */
  serverError?(error: ServerError): boolean;
  /** There is a session. */
  established?(connection: Connection): void;
  /** The session has ended, and another one will be tried for. No `reason`: it was ended by `reconnect`. */
  interrupted?(reason: StompError | undefined): void;
  /** No first session came about, and none will be tried for. */
  gaveUp?(reason: StompError): void;
  /** `disconnect` was called: finish what is under way. Resolves when that is done. */
  drain?(): Promise<void>;
  /** DISCONNECT is about to be sent: nothing more can be sent in this session. */
  closing?(): void;
  /** The session has ended, and none will be tried for. No `reason`: it was ended by `disconnect`. */
  ended?(reason: StompError | undefined): void;
}

/** What the outbox waits for in each session: the subscriptions, which are made again first. */
export interface SessionStart {
  /** Whether what must be sent first in this session has been sent. */
  readonly isDone: boolean;
  /** Whether the session may still end because of what was sent first. */
  readonly isOnTrial: boolean;
  /** Call back whenever one of these may have changed. */
  onProgress(callback: () => void): void;
}

/**
 * The parts of a client in their order. What arrives and what begins goes forwards: the first part that wants a frame has it. Ends go
 * backwards: the outbox judges the end of a session before the subscriptions forget what was on trial.
 */
export class SessionParts {
  readonly #parts: readonly SessionPart[];
  readonly #takers: readonly Pick<Required<SessionPart>, "message">[];

  constructor(parts: readonly SessionPart[]) {
    this.#parts = parts;
    this.#takers = parts.filter(
      (part): part is SessionPart & Pick<Required<SessionPart>, "message"> => "message" in part,
    );
  }

  /** See {@link SessionPart.message}. */
  message(frame: ServerFrame, connection: Connection): void {
    for (const part of this.#takers) if (part.message(frame, connection)) return;
  }

  /** See {@link SessionPart.serverError}. Returns whether a part took it. */
  serverError(error: ServerError): boolean {
    return this.#parts.some((part) => part.serverError?.(error));
  }

  /** See {@link SessionPart.established}. */
  established(connection: Connection): void {
    for (const part of this.#parts) part.established?.(connection);
  }

  /** See {@link SessionPart.drain}: one after the other, the first one at once. */
  async drain(): Promise<void> {
    for (const part of this.#parts) if (part.drain !== undefined) await part.drain();
  }

  /** See {@link SessionPart.closing}. */
  closing(): void {
    for (const part of this.#parts) part.closing?.();
  }

  /** The session has ended, or none came about: see the methods of {@link SessionPart}. */
  unwind<E extends "interrupted" | "gaveUp" | "ended">(
    event: E,
    reason: Parameters<Required<SessionPart>[E]>[0],
  ): void {
    for (const part of [...this.#parts].reverse()) part[event]?.(reason as StompError); // only `gaveUp` always has one
  }
}
