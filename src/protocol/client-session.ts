/** The client's side of a session, without I/O: what it may say, what it hears, and what both agreed on. */
import { InvalidStateError, ProtocolError } from "../errors.js";
import { type ClientCommand, type ServerCommand, isCommandOf } from "./command.js";
import { brokerKindOf } from "./broker-kinds.js";
import { FrameDecoder } from "./decoder.js";
import { FrameEncoder } from "./encoder.js";
import type { Body, Frame } from "./frame.js";
import { type HeadersInit, type HeaderValue, hasHeader, pairsWithout } from "./headers.js";
import { type HeartBeat, NO_HEART_BEAT, heartBeatHeader, negotiateHeartBeat, parseHeartBeat } from "./heart-beat.js";
import type { Limits } from "./limits.js";
import { type Phase, nextPhase } from "./state.js";
import { missingHeader, requireHeaders } from "./validate.js";
import { VERSIONS, type Version, acceptVersionOf, isVersion, orderVersions } from "./version.js";

/** How a {@link ClientSession} behaves. */
export interface ClientSessionOptions {
  /** @default all: 1.2, 1.1, 1.0 */
  readonly versions?: readonly Version[];
  /** What we can send and what we want to get, in ms. @default no heart-beats */
  readonly heartBeat?: HeartBeat;
  /** See {@link DecoderOptions.strict}; a strict session makes no exception for known brokers either. @default false */
  readonly strict?: boolean;
  /** See {@link EncoderOptions.escapeConnect}. @default false */
  readonly escapeConnect?: boolean;
  /** What the server may send. */
  readonly limits?: Partial<Limits>;
}

/** A frame that a server sent. */
export type ServerFrame = Frame<ServerCommand>;

/**
 * A client's session over one connection. Bytes go in by `push`, frames come out by `next`; what is to be sent is
 * returned by `connect` and `encode`, for the caller to send in that order.
 */
export class ClientSession {
  readonly #versions: readonly Version[];
  readonly #wanted: HeartBeat;
  readonly #strict: boolean;
  readonly #encoder: FrameEncoder;
  readonly #decoder: FrameDecoder;
  #phase: Phase = "idle";
  #heartBeat: HeartBeat = NO_HEART_BEAT;
  #checkedShape: object | undefined;

  constructor(options: ClientSessionOptions = {}) {
    this.#versions = orderVersions(options.versions ?? VERSIONS);
    this.#wanted = options.heartBeat ?? NO_HEART_BEAT;
    this.#strict = options.strict === true;
    this.#encoder = new FrameEncoder({ escapeConnect: options.escapeConnect === true });
    this.#decoder = new FrameDecoder({ strict: this.#strict, limits: options.limits ?? {} });
  }

  /** Where the session stands. */
  get phase(): Phase {
    return this.#phase;
  }

  /** The version agreed on; `undefined` before CONNECTED. */
  get version(): Version | undefined {
    return this.#encoder.version;
  }

  /** The heart-beats agreed on; none before CONNECTED. */
  get heartBeat(): HeartBeat {
    return this.#heartBeat;
  }

  /** How many EOLs outside frames were received. */
  get eols(): number {
    return this.#decoder.eols;
  }

  /**
   * Say CONNECT. `accept-version` and `heart-beat` are added; `host` is the caller's (1.1 and later require it), as are `login` and
   * `passcode`, which are undefined or absent where there are none.
   *
   * @throws InvalidStateError when it was said before; TypeError for headers that CONNECT cannot express, or without `host`.
   */
  connect(headers: HeadersInit, command: "CONNECT" | "STOMP" = "CONNECT"): string {
    const phase = this.#allow(command);
    const all = this.connectHeaders(headers);
    const newest = this.#versions[0] ?? "1.2";
    requireArgument(command, newest, all);
    const frame = this.#encoder.encode(command, all);
    this.#phase = phase;
    return typeof frame === "string" ? frame : "";
  }

  /**
   * All headers of the CONNECT that {@link ClientSession.connect} says.
   *
   * @throws TypeError for `accept-version` or `heart-beat` among the caller's.
   */
  connectHeaders(headers: HeadersInit): (readonly [name: string, value: HeaderValue | undefined])[] {
    const all: (readonly [string, HeaderValue | undefined])[] = [["accept-version", acceptVersionOf(this.#versions)]];
    if (this.#wanted.outgoing > 0 || this.#wanted.incoming > 0) all.push(["heart-beat", heartBeatHeader(this.#wanted)]);
    return [...all, ...pairsWithout(["accept-version", "heart-beat"], headers, "CONNECT")];
  }

  /**
   * Encode a frame to be sent now. `contentLength: false` leaves that header out.
   *
   * @throws InvalidStateError when the frame is not allowed in this phase, or (NACK) in this version.
   * @throws TypeError for a command that is none, a missing header, or what the version cannot express.
   */
  encode(command: ClientCommand, headers: HeadersInit, body: Body = "", contentLength = true): string | Uint8Array {
    const phase = this.#check(command, headers);
    const frame = this.#encoder.encode(command, headers, body, contentLength);
    this.#phase = phase;
    return frame;
  }

  /**
   * Encode a frame up to its body: `length` octets and a NUL are to be sent right after it.
   *
   * @throws as {@link ClientSession.encode} does.
   */
  encodeHead(command: ClientCommand, headers: HeadersInit, length: number, contentLength = true): string {
    const phase = this.#check(command, headers);
    const head = this.#encoder.encodeHead(command, headers, length, contentLength);
    this.#phase = phase;
    return head;
  }

  /** Take what the server sent; see {@link FrameDecoder.push}. */
  push(chunk: Uint8Array | string): void {
    this.#decoder.push(chunk);
  }

  /**
   * Decode the server's next frame; `undefined` when more must arrive first.
   *
   * @throws ProtocolError when the server breaks the protocol: its octets are no frame, the frame is not allowed now,
   * or misses a header, or names a version that was not offered.
   */
  next(): ServerFrame | undefined {
    const frame = this.#decoder.next();
    if (frame === undefined) return undefined;
    if (!isServerFrame(frame)) {
      throw new ProtocolError("unknown-command", `the server sent ${frame.command}, a frame of clients`);
    }
    const phase = nextPhase(this.#phase, "server", frame.command);
    if (phase === undefined) {
      throw new ProtocolError("unexpected-frame", `${frame.command} frame is not allowed while ${this.#phase}`);
    }
    if (frame.command === "CONNECTED") this.#connected(frame);
    else this.#checkHeaders(frame);
    this.#phase = phase;
    return frame;
  }

  /**
   * Say that the server has ended the stream, once `next` has no more.
   *
   * @throws ProtocolError (`truncated`) inside a frame.
   */
  end(): void {
    this.#decoder.end();
  }

  /** Most frames have the same names as the one before: they are looked for once. */
  #checkHeaders({ command, headers }: ServerFrame): void {
    const { version } = this;
    if (version === undefined || (headers.shape !== undefined && headers.shape === this.#checkedShape)) return;
    requireHeaders(command, version, headers);
    this.#checkedShape = headers.shape;
  }

  #connected(frame: ServerFrame): void {
    // STOMP 1.2, "Protocol Negotiation": no version header means 1.0.
    const version = frame.headers.get("version") ?? "1.0";
    if (!isVersion(version) || !this.#versions.includes(version)) {
      const offered = acceptVersionOf(this.#versions);
      throw new ProtocolError(
        "version-mismatch",
        `the server chose version ${JSON.stringify(version.slice(0, 40))}, offered were ${offered}`,
      );
    }
    this.#heartBeat = negotiateHeartBeat(this.#wanted, parseHeartBeat(frame.headers.get("heart-beat")));
    const { reading, writing } = (!this.#strict && brokerKindOf(frame.headers.get("server")).escapes[version]) || {};
    this.#encoder.use(version, writing);
    this.#decoder.version = version;
    this.#decoder.tolerate(reading);
  }

  #check(command: ClientCommand, headers: HeadersInit): Phase {
    if (!isCommandOf(command, "client")) throw new TypeError(`${JSON.stringify(command)} is not a command of a client`);
    const phase = this.#allow(command);
    const version = this.version ?? "1.0";
    // STOMP 1.1 brought NACK.
    if (command === "NACK" && version === "1.0")
      throw new InvalidStateError("NACK needs STOMP 1.1, the session is of 1.0");
    requireArgument(command, version, headers);
    return phase;
  }

  #allow(command: ClientCommand): Phase {
    const phase = nextPhase(this.#phase, "client", command);
    if (phase === undefined) throw new InvalidStateError(`${command} is not allowed while ${this.#phase}`);
    return phase;
  }
}

function isServerFrame(frame: Frame): frame is ServerFrame {
  return isCommandOf(frame.command, "server");
}

function requireArgument(command: ClientCommand, version: Version, headers: HeadersInit): void {
  const missing = missingHeader(command, version, (name) => hasHeader(headers, name));
  if (missing !== undefined) throw new TypeError(`${command} needs the header "${missing}" in STOMP ${version}`);
}
