/** The server's side of a session, without I/O. */
import { InvalidStateError, ProtocolError } from "../errors.js";
import { type ClientCommand, type ServerCommand, isCommandOf } from "./command.js";
import { FrameDecoder } from "./decoder.js";
import { FrameEncoder } from "./encoder.js";
import type { Body, Frame } from "./frame.js";
import { quote } from "./head.js";
import { type HeadersInit, type HeaderValue, hasHeader, headerPairs } from "./headers.js";
import { type HeartBeat, NO_HEART_BEAT, heartBeatHeader, negotiateHeartBeat, parseHeartBeat } from "./heart-beat.js";
import type { Limits } from "./limits.js";
import { type Phase, nextPhase } from "./state.js";
import { missingHeader, requireHeaders } from "./validate.js";
import { VERSIONS, type Version, acceptVersionOf, negotiateVersion, orderVersions } from "./version.js";

/** How a {@link ServerSession} behaves. */
export interface ServerSessionOptions {
  /** @default all: 1.2, 1.1, 1.0 */
  readonly versions?: readonly Version[];
  /** What we can send and what we want to get, in ms. @default no heart-beats */
  readonly heartBeat?: HeartBeat;
  /** See {@link DecoderOptions.strict}. @default false */
  readonly strict?: boolean;
  /** What the client may send. */
  readonly limits?: Partial<Limits>;
}

/** A frame that a client sent. */
export type ClientFrame = Frame<ClientCommand>;

/**
 * A server's session over one connection. The client's CONNECT comes out of `next` like any frame; it is answered by
 * {@link ServerSession.connected}, or refused by encoding an ERROR.
 */
export class ServerSession {
  readonly #versions: readonly Version[];
  readonly #offered: HeartBeat;
  readonly #strict: boolean;
  readonly #encoder = new FrameEncoder();
  readonly #decoder: FrameDecoder;
  #phase: Phase = "idle";
  #chosen: Version | undefined;
  #heartBeat: HeartBeat = NO_HEART_BEAT;

  constructor(options: ServerSessionOptions = {}) {
    this.#versions = orderVersions(options.versions ?? VERSIONS);
    this.#offered = options.heartBeat ?? NO_HEART_BEAT;
    this.#strict = options.strict === true;
    this.#decoder = new FrameDecoder({ strict: this.#strict, limits: options.limits ?? {} });
  }

  /** Where the session stands. */
  get phase(): Phase {
    return this.#phase;
  }

  /** The version agreed on; `undefined` before {@link ServerSession.connected}. */
  get version(): Version | undefined {
    return this.#encoder.version;
  }

  /** The heart-beats agreed on, from our side; none before {@link ServerSession.connected}. */
  get heartBeat(): HeartBeat {
    return this.#encoder.version === undefined ? NO_HEART_BEAT : this.#heartBeat;
  }

  /** How many EOLs outside frames were received. */
  get eols(): number {
    return this.#decoder.eols;
  }

  /** Take what the client sent; see {@link FrameDecoder.push}. */
  push(chunk: Uint8Array | string): void {
    this.#decoder.push(chunk);
  }

  /**
   * Decode the client's next frame; `undefined` when more must arrive first.
   *
   * @throws ProtocolError when the client breaks the protocol: its octets are no frame, the frame is not allowed now,
   * or misses a header; or (`version-mismatch`) when CONNECT accepts no version of ours. An ERROR may still be encoded then.
   */
  next(): ClientFrame | undefined {
    const frame = this.#decoder.next();
    if (frame === undefined) return undefined;
    if (!isClientFrame(frame)) {
      throw new ProtocolError("unknown-command", `the client sent ${frame.command}, a frame of servers`);
    }
    const phase = nextPhase(this.#phase, "client", frame.command);
    if (phase === undefined) {
      throw new ProtocolError("unexpected-frame", `${frame.command} frame is not allowed while ${this.#phase}`);
    }
    this.#phase = phase;
    if (frame.command === "CONNECT" || frame.command === "STOMP") this.#connecting(frame);
    else if (this.version !== undefined) {
      if (frame.command === "NACK" && this.version === "1.0") {
        throw new ProtocolError("unexpected-frame", "NACK frame is not allowed in STOMP 1.0");
      }
      requireHeaders(frame.command, this.version, frame.headers);
    }
    return frame;
  }

  /**
   * Say CONNECTED. `version` and `heart-beat` are added.
   *
   * @throws InvalidStateError unless a CONNECT was received just before; TypeError for headers that CONNECTED cannot express.
   */
  connected(headers: HeadersInit = {}): string {
    const phase = this.#allow("CONNECTED");
    const version = this.#chosen ?? "1.0";
    const all: [string, HeaderValue | undefined][] = [["version", version]];
    // STOMP 1.0 has no heart-beats.
    if (version !== "1.0") all.push(["heart-beat", heartBeatHeader(this.#offered)]);
    for (const pair of headerPairs(headers)) all.push([...pair]);
    const frame = this.#encoder.encode("CONNECTED", all);
    this.#phase = phase;
    this.#encoder.use(version);
    this.#decoder.version = version;
    return typeof frame === "string" ? frame : "";
  }

  /**
   * Encode a frame to be sent now. `contentLength: false` leaves that header out.
   *
   * @throws InvalidStateError when the frame is not allowed in this phase; TypeError for a missing header, or what the
   * version cannot express.
   */
  encode(
    command: Exclude<ServerCommand, "CONNECTED">,
    headers: HeadersInit,
    body: Body = "",
    contentLength = true,
  ): string | Uint8Array {
    const phase = this.#allow(command);
    const missing = missingHeader(command, this.version ?? "1.0", (name) => hasHeader(headers, name));
    if (missing !== undefined) throw new TypeError(`${command} needs the header "${missing}"`);
    const frame = this.#encoder.encode(command, headers, body, contentLength);
    this.#phase = phase;
    return frame;
  }

  /**
   * Say that the client has ended the stream, once `next` has no more.
   *
   * @throws ProtocolError (`truncated`) inside a frame.
   */
  end(): void {
    this.#decoder.end();
  }

  #connecting(frame: ClientFrame): void {
    const accepted = frame.headers.get("accept-version");
    const version = negotiateVersion(accepted, this.#versions);
    if (version === undefined) {
      const shown = quote(accepted ?? "1.0").slice(1, -1);
      throw new ProtocolError(
        "version-mismatch",
        `no common version: the client accepts ${shown}, supported are ${acceptVersionOf(this.#versions)}`,
      );
    }
    // Of the headers that 1.1 and later require, many clients leave out `host`.
    if (this.#strict) requireHeaders(frame.command, version, frame.headers);
    this.#chosen = version;
    this.#heartBeat =
      version === "1.0"
        ? NO_HEART_BEAT
        : negotiateHeartBeat(this.#offered, parseHeartBeat(frame.headers.get("heart-beat")));
  }

  #allow(command: ServerCommand): Phase {
    const phase = nextPhase(this.#phase, "server", command);
    if (phase === undefined) throw new InvalidStateError(`${command} is not allowed while ${this.#phase}`);
    return phase;
  }
}

function isClientFrame(frame: Frame): frame is ClientFrame {
  return isCommandOf(frame.command, "client");
}
