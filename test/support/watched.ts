/** What a random walk sees of a client: what its promises come to, what it sends, and when its transport ends. */
import type { Deferred } from "../../src/internal/deferred.js";
import type { Frame } from "../../src/protocol/index.js";
import type { Dial } from "../../src/transport.js";
import type { ScriptedBroker } from "./scripted-broker.js";

/** The frames that are compared. */
export const COMPARED = ["ACK", "NACK", "SUBSCRIBE", "UNSUBSCRIBE", "BEGIN", "COMMIT", "ABORT", "DISCONNECT"];

/** A promise of the client's, and what the model says about it. */
export interface Call {
  readonly what: string;
  /** Absent: whatever it comes to, it must be settled in the end. */
  readonly end: (() => string | undefined) | undefined;
  got: string | undefined;
}

export function watched(what: string, promise: Promise<unknown>, end: Call["end"]): Call {
  const call: Call = { what, end, got: undefined };
  promise.then(
    (value) => {
      call.got = typeof value === "object" && value !== null ? "object" : String(value);
    },
    (error: unknown) => {
      call.got = what.startsWith("next") ? "an error" : nameOf(error);
    },
  );
  return call;
}

/** Call `settled` when a promise is settled, just before those who wait for it from now on. */
export function later(promise: Promise<unknown>, settled: (fails: boolean) => void): void {
  promise.then(
    () => {
      settled(false);
    },
    () => {
      settled(true);
    },
  );
}

/** A handler or a codec that takes its time comes to its end. */
export function finish<T>(
  one: { readonly message: { readonly key: string }; readonly end: Deferred<T> } | undefined,
  value: T,
  fails: boolean,
): void {
  if (fails) one?.end.reject(new Error(one.message.key));
  else one?.end.resolve(value);
}

export function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.constructor === Error ? error.message : error.name; // those of the walk tell themselves apart
}

export function textOf({ command, headers }: Frame): string {
  return [command, ...[...headers].map(([name, value]) => `${name}:${value}`)].join(" ");
}

/** Dial a broker, by a transport that can hold it back or not. `ended` is called before the client learns of the end. */
export function watchedDial(broker: ScriptedBroker, holds: boolean, ended: () => void): Dial {
  return async (signal) => {
    const transport = await broker.dial(signal);
    const start = transport.start.bind(transport);
    transport.start = (sink) => {
      start({
        data: (chunk) => {
          sink.data(chunk);
        },
        closed: (reason) => {
          ended();
          sink.closed(reason);
        },
      });
    };
    return holds ? transport : Object.assign(transport, { pause: undefined, resume: undefined });
  };
}
