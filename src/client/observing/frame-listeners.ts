/** Listeners that are shown every frame in both directions, without passcodes. */
import {
  type Body,
  type ClientCommand,
  type Frame,
  type HeadersInit,
  type HeaderValue,
  type ServerFrame,
  frameOf,
  headerPairs,
} from "../../protocol/index.js";
import { Listeners } from "./listeners.js";

/**
 * A frame that was sent or received, for a listener. A `passcode` is hidden in it, and in CONNECT every header that is named
 * like a secret: token, password, secret, authorization, credential, api-key.
 */
export interface FrameEvent {
  /** `"out"`: sent by us. `"in"`: received. */
  readonly direction: "in" | "out";
  /** The frame; what it holds must not be changed. */
  readonly frame: Frame;
}

/** Is shown frames. What it throws is not caught where it is called: it is reported as an unhandled rejection. */
export type FrameListener = (event: FrameEvent) => void;

const HIDDEN = "******";
const SECRET = /pass(code|word|phrase)|secret|token|authorization|credential|api-?key/i;

/** The frame listeners of a client. Without any, nothing is spent on them. */
export class FrameListeners extends Listeners<FrameEvent> {
  /** A frame was sent. */
  sent(command: ClientCommand, headers: HeadersInit, body: Body): void {
    if (!this.areThere) return;
    const shown: [string, HeaderValue | undefined][] = [];
    for (const [name, value] of headerPairs(headers)) {
      shown.push([name, value !== undefined && isSecret(command, name) ? HIDDEN : value]);
    }
    // A copy: a listener may look at it later.
    const copy = typeof body === "string" ? body : new Uint8Array(body).slice();
    this.call({ direction: "out", frame: frameOf(command, shown, copy) });
  }

  /** A frame was received. */
  received(frame: ServerFrame): void {
    if (this.areThere) this.call({ direction: "in", frame });
  }
}

function isSecret(command: ClientCommand, name: string): boolean {
  return name === "passcode" || ((command === "CONNECT" || command === "STOMP") && SECRET.test(name));
}
