/**
 * One session over one transport: the only place that holds both, and the heart-beat timer. It is never used again after its end.
 *
 *     new ──connect()──▶ connecting ──CONNECTED──▶ open ──close()──▶ draining ──all waited for──▶ closing ──▶ ended
 *      │                     │                      │                   │                            │         ▲
 *      └─────────────────────┴──── refused, lost, silent, abort() ──────┴────────────────────────────┴─────────┘
 *
 * While it drains callers may still send; while it closes only DISCONNECT leaves.
 */
import { ConnectionLostError, InvalidStateError, type Outcome, type StompError } from "../../errors.js";
import { type Deferred, deferred } from "../../internal/deferred.js";
import { Deadlines } from "../../internal/deadlines.js";
import { ClientSession, type HeadersInit, type ServerFrame, type Version, headerPairs } from "../../protocol/index.js";
import type { Transport } from "../../transport.js";
import type { SessionInfo } from "../observing/session-info.js";
import type { ConnectHeaders } from "../options/credentials.js";
import type { FlushOptions } from "../options/options.js";
import type { CloseOptions, ConnectionOwner } from "./connection-owner.js";
import type { Environment } from "./environment.js";
import { FrameWriter } from "./frame-writer.js";
import { type HeartBeatHost, HeartBeats } from "./heart-beats.js";
import { Intake, type IntakeHost } from "./intake.js";
import { type Outgoing, type ReceiptWait, checkReceiptOptions, outgoing } from "./outgoing.js";
import { Receipts } from "./receipts.js";
import { type SeenError, lostBecause, serverErrorOf } from "./server-error.js";

type State =
  | { readonly kind: "new" }
  | { readonly kind: "connecting"; readonly connected: Deferred<SessionInfo> }
  | { readonly kind: "open" }
  | { readonly kind: "draining"; readonly over: Deferred<void> }
  /** `farewell`: the id of the receipt of DISCONNECT, once that is sent. */
  | { readonly kind: "closing"; readonly over: Deferred<void>; readonly farewell: string | undefined }
  /** `isComplete`: the broker has answered DISCONNECT, so it has taken all that was sent before. */
  | { readonly kind: "ended"; readonly reason: StompError | undefined; readonly isComplete: boolean };

/** `send` waits while the transport has more bytes than this to write. */
const HIGH_WATER = 1_048_576;
/** What {@link Connection.send} returns when a frame is handed over and there is nothing to wait for. */
export const SENT: Promise<void> = Promise.resolve();
const NO_WAIT: ReceiptWait = {};

/** A session that is being established, then lives, then has ended. */
export class Connection implements IntakeHost, HeartBeatHost {
  readonly #transport: Transport;
  readonly #environment: Environment;
  readonly #owner: ConnectionOwner<Connection>;
  readonly #ended: (reason: StompError | undefined, connection: Connection) => void;
  readonly #session: ClientSession;
  readonly #writer: FrameWriter;
  readonly #intake: Intake;
  readonly #receipts = new Receipts(() => {
    this.#intake.holdOrRead();
  });
  #state: State = { kind: "new" };
  #heartBeats: HeartBeats | undefined;
  #server: string | undefined;
  #lastError: SeenError | undefined;

  /** `ended` is called once, when the connection has ended; without a `reason` it was closed in order by `close`. */
  constructor(
    transport: Transport,
    environment: Environment,
    owner: ConnectionOwner<Connection>,
    ended: (reason: StompError | undefined, connection: Connection) => void,
  ) {
    this.#transport = transport;
    this.#environment = environment;
    this.#owner = owner;
    this.#ended = ended;
    this.#session = new ClientSession(environment.options);
    this.#writer = new FrameWriter(transport, this.#session, environment);
    this.#intake = new Intake(transport, this.#session, environment, this);
  }

  /** The peer, for messages to people. */
  get peer(): string {
    return this.#transport.peer;
  }

  /** Whether callers may send frames. */
  get isOpen(): boolean {
    const { kind } = this.#state;
    if (kind === "closing" || kind === "ended") return false;
    return this.#transport.isClosing !== true && !this.#intake.isFinishing;
  }

  /** How many receipts are waited for. */
  get receiptsPending(): number {
    return this.#receipts.size;
  }

  /** How many bytes were handed to the transport and are not yet written. */
  get buffered(): number {
    return this.#transport.buffered;
  }

  /** Whether the transport has so much to write that callers should wait until it has drained. */
  get isCrowded(): boolean {
    return this.#transport.buffered > HIGH_WATER;
  }

  /** The broker's `server` header. */
  get server(): string | undefined {
    return this.#server;
  }

  /** The version agreed on. */
  get version(): Version {
    return this.#session.version ?? "1.0";
  }

  /** Send CONNECT. Resolves at CONNECTED; rejects with the ServerError, ProtocolError or end that came instead. */
  connect(headers: ConnectHeaders): Promise<SessionInfo> {
    const write = this.#writer.connect(headers); // it may throw: then nothing has begun
    const connected = deferred<SessionInfo>();
    this.#state = { kind: "connecting", connected };
    this.#transport.start({
      data: (chunk) => {
        this.#receive(chunk);
      },
      closed: (reason) => {
        this.#closed(reason);
      },
    });
    write();
    return connected.promise;
  }

  /**
   * Send a frame. Resolves when it is handed to the transport and the transport has not too much to write; with `receipt`
   * when the broker has confirmed it.
   *
   * @throws TypeError, RangeError, InvalidStateError or the signal's reason, before a byte leaves.
   */
  send(frame: Outgoing, wait: ReceiptWait = NO_WAIT): Promise<void> {
    checkReceiptOptions(wait);
    const { receipt } = wait;
    if (!receipt) {
      this.#write(frame);
      return this.isCrowded ? this.#unlessLost(this.drained()) : SENT;
    }
    const id = this.#environment.ids.next("r", receipt);
    if (this.#receipts.has(id)) {
      throw new InvalidStateError(`receipt id ${JSON.stringify(id)} is in use`);
    }
    frame.headers.push(["receipt", id]);
    const { timeout = this.#environment.options.receiptTimeout, signal, isOptional, waiter } = wait;
    // Before the frame is written: the answer may come at once.
    const answered = this.#receipts.wait(id, frame, { timeout, signal }, isOptional, waiter);
    try {
      this.#write(frame);
    } catch (error) {
      this.#receipts.forget(id);
      throw error;
    }
    return answered;
  }

  /** Resolves once all that was handed over before is written. Rejects as {@link BaseClient.flush} does. */
  flush(limits: FlushOptions): Promise<void> {
    return this.#unlessLost(this.#writer.flush(limits, () => this.#hasEnded()));
  }

  /** Resolves once the transport has not too much to write, or has ended. */
  drained(): Promise<void> {
    return this.#transport.drained();
  }

  /** A receipt will not come, or is not waited for any longer: whoever waits for it gets `reason`. */
  abandonReceipt(id: string, reason: unknown): void {
    this.#receipts.reject(id, reason);
  }

  /** Whether the peer is held back: then its silence is our doing. */
  get isHeld(): boolean {
    return this.#intake.isHeld;
  }

  /** Whether the peer may be held back now. A receipt that is awaited might never come. */
  get mayHold(): boolean {
    return this.#receipts.size === 0 && this.isOpen;
  }

  /** Ask for the peer to be held back, or not any more. It is not while a receipt is awaited, which might never come. */
  hold(wanted: boolean): void {
    this.#intake.hold(wanted);
  }

  /**
   * End in order: drain, wait for pending receipts, send DISCONNECT, wait for its receipt (over WebSocket the close counts as one),
   * close the transport. All within `timeout` ms and the transport's own bound. Rejects with TypeError when the version cannot express
   * `headers`, once the transport has closed without DISCONNECT.
   */
  async close({ headers, timeout, drains }: CloseOptions): Promise<void> {
    const state = this.#state;
    if (state.kind === "ended") return;
    if (state.kind === "draining" || state.kind === "closing") return state.over.promise;
    const over = deferred<void>();
    const late = deferred<void>();
    const deadline = new Deadlines<"close">(() => {
      late.resolve();
    });
    const unlessOver = (step: Promise<unknown>): Promise<unknown> => Promise.race([step, late.promise, over.promise]);
    this.#state = { kind: "draining", over };
    deadline.set("close", timeout);
    if (drains) await unlessOver(this.#owner.drain());
    this.#owner.closing();
    if (!this.#hasEnded()) this.#state = { kind: "closing", over, farewell: undefined };
    this.#intake.holdOrRead();
    await unlessOver(this.#receipts.whenComplete());
    try {
      if (!this.#hasEnded()) await unlessOver(this.#sayDisconnect(headers, over));
    } finally {
      deadline.clear();
      this.#heartBeats?.stop();
      await this.#transport.close();
      this.#end(undefined);
    }
  }

  /** End at once. What is pending rejects with `reason`. */
  abort(reason: StompError): void {
    this.#end(reason);
  }

  /** The error of a call that the end of this connection concerns. */
  lostError(outcome: Outcome): ConnectionLostError {
    const reason = this.#state.kind === "ended" ? this.#state.reason : undefined;
    const why = reason?.message ?? `connection to ${this.peer} closed`;
    return new ConnectionLostError(`not connected: ${why}`, outcome, { cause: reason });
  }

  #write(frame: Outgoing): void {
    this.#writer.write(frame);
    this.#heartBeats?.sent();
  }

  /** What the transport had not written when it ended is lost, unless the broker has confirmed that it came. */
  async #unlessLost(written: Promise<void>): Promise<void> {
    await written;
    if (this.#state.kind === "ended" ? !this.#state.isComplete : this.#transport.isClosing === true) {
      throw this.lostError("unknown");
    }
  }

  /** Send DISCONNECT. Resolves when it is answered; a connection that ends instead is no error. */
  #sayDisconnect(headers: HeadersInit, over: Deferred<void>): Promise<void> {
    const farewell = this.#environment.ids.next("r");
    const frame = outgoing("DISCONNECT", undefined, [...headerPairs(headers), ["receipt", farewell]]);
    this.#state = { kind: "closing", over, farewell };
    const wait = this.#receipts.wait(farewell, frame, { timeout: Infinity, signal: undefined });
    const answered = wait.catch(() => undefined);
    this.#write(frame);
    return answered;
  }

  #receive(chunk: Uint8Array | string): void {
    this.heard();
    this.#intake.receive(chunk);
  }

  /** Send a heart-beat. */
  beat(): void {
    this.#writer.beat();
  }

  /** The peer was heard, or could not be heard. */
  heard(): void {
    this.#heartBeats?.received();
  }

  /** A frame came. */
  dispatch(frame: ServerFrame): void {
    const { frames, counters } = this.#environment;
    frames.received(frame);
    switch (frame.command) {
      case "MESSAGE":
        counters.messagesReceived++;
        this.#owner.message(frame, this);
        break;
      case "RECEIPT":
        this.#receipts.resolve(frame.headers.get("receipt-id") ?? "", undefined);
        break;
      case "ERROR":
        counters.errorsReceived++;
        this.#serverError(frame);
        break;
      case "CONNECTED":
        this.#established(frame);
        break;
    }
  }

  #established(frame: ServerFrame): void {
    const state = this.#state;
    if (state.kind !== "connecting") return;
    const { heartBeat } = this.#session;
    this.#state = { kind: "open" };
    this.#heartBeats = new HeartBeats(heartBeat, this.#environment, this);
    this.#server = frame.headers.get("server");
    const session = frame.headers.get("session");
    state.connected.resolve({ version: this.version, server: this.#server, session, heartBeat });
  }

  #serverError(frame: ServerFrame): void {
    // All is said. Spring's relay still reports that its own connection has ended.
    if (this.#isAnswered()) return;
    const error = serverErrorOf(frame);
    if (this.#session.phase === "refused") {
      this.#end(error);
      return;
    }
    if (error.receiptId !== undefined && this.#receipts.reject(error.receiptId, error)) return;
    this.#lastError = { error, at: performance.now() };
    if (!this.#owner.serverError(error)) this.#environment.status.tellOrWarn({ type: "server-error", error });
  }

  /** The transport has ended. */
  #closed(transportReason: Error | undefined): void {
    this.#intake.finish();
    if (this.#state.kind === "ended") return;
    if (this.#state.kind === "closing" && transportReason === undefined) this.#end(undefined);
    else this.#end(lostBecause(this.peer, transportReason, this.#lastError, this.#session));
  }

  #end(reason: StompError | undefined): void {
    const before = this.#state;
    if (before.kind === "ended") return;
    this.#state = { kind: "ended", reason, isComplete: this.#isAnswered() };
    this.#intake.stop();
    this.#heartBeats?.stop();
    const lost = reason ?? new ConnectionLostError(`connection to ${this.peer} closed`, "unknown");
    this.#receipts.lose(lost);
    if (before.kind === "connecting") before.connected.reject(lost);
    if (reason !== undefined) this.#transport.abort(reason);
    this.#ended(before.kind === "closing" ? undefined : reason, this);
    if (before.kind === "draining" || before.kind === "closing") before.over.resolve();
  }

  /** Whether DISCONNECT is answered. */
  #isAnswered(): boolean {
    const state = this.#state;
    return state.kind === "closing" && state.farewell !== undefined && !this.#receipts.has(state.farewell);
  }

  #hasEnded(): boolean {
    return this.#state.kind === "ended";
  }
}
