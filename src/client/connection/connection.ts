/** One session over one transport: the only place that holds both, and the heart-beat timer. It is never used again after its end. */
import {
  ConnectionLostError,
  InvalidStateError,
  type Outcome,
  ProtocolError,
  type ServerError,
  type StompError,
} from "../../errors.js";
import { Deadlines } from "../../internal/deadlines.js";
import { type Deferred, deferred } from "../../internal/deferred.js";
import {
  type Body,
  type ClientCommand,
  ClientSession,
  type HeadersInit,
  type ServerFrame,
  type Version,
  headerPairs,
} from "../../protocol/index.js";
import type { Transport } from "../../transport.js";
import type { Counters } from "../observing/metrics.js";
import type { FrameListeners } from "../observing/frame-listeners.js";
import { FrameWriter } from "./frame-writer.js";
import { type HeartBeatHost, HeartBeats } from "./heart-beats.js";
import type { LoginHeaders } from "../options/credentials.js";
import type { ResolvedOptions } from "../options/resolved-options.js";
import { serverErrorOf } from "./server-error.js";
import type { ConnectionOwner } from "./session-part.js";
import type { SessionInfo } from "../observing/session-info.js";
import { Receipts, type ReceiptWait } from "./receipts.js";

/** An end so many ms after an ERROR is its consequence. */
const SAME_TROUBLE = 5000;
/** `send` holds back while the transport has more than this to write. */
const HIGH_WATER = 1_048_576;
const DONE: Promise<void> = Promise.resolve();

/** A session that is being established, then lives, then has ended. */
export class Connection {
  readonly #transport: Transport;
  readonly #options: ResolvedOptions;
  readonly #owner: ConnectionOwner;
  readonly #tap: FrameListeners;
  readonly #counters: Counters;
  readonly #session: ClientSession;
  readonly #writer: FrameWriter;
  readonly #connected: Deferred<SessionInfo> = deferred();
  readonly #receipts = new Receipts(() => {
    this.#holdOrRead();
  });
  #heartBeats: HeartBeats | undefined;
  #server: string | undefined;
  #state: "open" | "closing" | "ended" = "open";
  #isClosing = false;
  /** The id of the receipt of DISCONNECT, once that is sent. */
  #farewell: string | undefined;
  #reason: StompError | undefined;
  #lastError: { readonly error: ServerError; readonly at: number } | undefined;
  #whenEnded: Deferred<void> = deferred();
  #wantsHold = false;
  #held = false;
  #transportEnded = false;

  constructor(
    transport: Transport,
    options: ResolvedOptions,
    owner: ConnectionOwner,
    tap: FrameListeners,
    counters: Counters,
  ) {
    this.#transport = transport;
    this.#counters = counters;
    this.#options = options;
    this.#owner = owner;
    this.#tap = tap;
    this.#session = new ClientSession({
      versions: options.versions,
      heartBeat: options.heartBeat,
      strict: options.strict,
      escapeConnect: options.escapeConnect,
      limits: options.limits,
    });
    this.#writer = new FrameWriter(transport, this.#session, tap, counters);
    this.#connected.promise.catch(() => undefined); // whoever waits has it from `connect`
  }

  /** The peer, for messages to people. */
  get peer(): string {
    return this.#transport.peer;
  }

  /** Whether frames may be sent. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Receipts that are waited for. */
  get receiptsPending(): number {
    return this.#receipts.size;
  }

  /** Octets handed to the transport and not yet written. */
  get buffered(): number {
    return this.#transport.buffered;
  }

  /** Whether the transport has so much to write that whoever sends should wait until it has drained. */
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

  /** Say CONNECT. Resolves at CONNECTED; rejects with the ServerError, ProtocolError or end that came instead. */
  connect(given: LoginHeaders): Promise<SessionInfo> {
    const write = this.#writer.connect(given);
    this.#transport.start({
      data: (chunk) => {
        this.#receive(chunk);
      },
      closed: (reason) => {
        this.#closed(reason);
      },
    });
    write();
    return this.#connected.promise;
  }

  /**
   * Send a frame. Resolves when it is handed to the transport and the transport has not too much to write; with `receipt`
   * when the broker has confirmed it.
   *
   * @throws TypeError, RangeError or InvalidStateError before a byte leaves.
   */
  send(
    command: ClientCommand,
    headers: HeadersInit,
    body: Body,
    contentLength: boolean,
    receipt?: ReceiptWait,
  ): Promise<void> {
    if (receipt !== undefined && this.#receipts.has(receipt.id)) {
      throw new InvalidStateError(
        `receipt ${JSON.stringify(receipt.id)} is being waited for: its id cannot be used again yet`,
      );
    }
    this.#write(command, headers, body, contentLength);
    if (receipt !== undefined) return this.#receipts.wait(receipt);
    if (!this.isCrowded) return DONE;
    return this.drained().then(() => {
      if (this.#state === "ended" && this.#reason !== undefined) throw this.lostError("unknown");
    });
  }

  /** Resolves once the transport has not too much to write, or has ended. */
  drained(): Promise<void> {
    return this.#transport.drained();
  }

  /** A receipt will not come, or is not waited for any longer: whoever waits for it is given `reason`. */
  abandonReceipt(id: string, reason: unknown): void {
    this.#receipts.refuse(id, reason);
  }

  /** Ask for the peer to be held back, or not any more. It is not while a receipt is awaited: that might never come. */
  hold(wanted: boolean): void {
    this.#wantsHold = wanted;
    this.#holdOrRead();
  }

  /**
   * End in order: wait for what is `before` it, one after the other, and for pending receipts, say DISCONNECT, wait for its
   * receipt (over WebSocket its close counts as one), close the transport. All within `timeout` ms and the transport's own
   * bound. Rejects with TypeError when the version cannot express `headers`, once it has closed without DISCONNECT.
   */
  async close(
    receiptId: string,
    headers: HeadersInit,
    timeout: number,
    before: readonly (() => Promise<void> | void)[] = [],
  ): Promise<void> {
    if (this.#isClosing || this.#state === "ended") return this.#whenEnded.promise;
    this.#isClosing = true;
    const wait = deferred<void>();
    const deadline = new Deadlines<"close">(() => {
      wait.resolve();
    });
    deadline.set("close", timeout);
    const unlessOver = (step: Promise<unknown> | void): Promise<unknown> =>
      Promise.race([step, wait.promise, this.#whenEnded.promise]);
    for (const step of before) await unlessOver(step());
    if (!this.#hasEnded()) this.#state = "closing";
    this.#holdOrRead();
    await unlessOver(this.#receipts.whenComplete());
    try {
      if (!this.#hasEnded()) {
        const awaited = { id: receiptId, what: "DISCONNECT", timeout: Infinity, signal: undefined };
        this.#farewell = receiptId;
        const receipt = this.#receipts.wait(awaited).catch(() => undefined);
        this.#write("DISCONNECT", [...headerPairs(headers), ["receipt", receiptId]], "", true);
        await unlessOver(receipt);
      }
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
    const reason = this.#reason;
    const why = reason === undefined ? "it was closed" : reason.message;
    return new ConnectionLostError(`not connected: ${why}`, outcome, reason === undefined ? {} : { cause: reason });
  }

  #write(command: ClientCommand, headers: HeadersInit, body: Body, contentLength: boolean): void {
    this.#writer.write(command, headers, body, contentLength);
    this.#heartBeats?.sent();
  }

  #receive(chunk: Uint8Array | string): void {
    if (this.#state === "ended") return;
    this.#heartBeats?.received();
    this.#counters.bytesReceived += chunk.length;
    const before = this.#session.eols;
    this.#session.push(chunk);
    this.#deliver();
    const beats = this.#session.eols - before;
    if (beats > 0 && isBeats(chunk)) {
      this.#counters.heartBeatsReceived += beats;
      this.#owner.heartBeat();
    }
  }

  /** Deliver what has arrived, one frame at a time, until the owner asks to be spared. */
  #deliver(): void {
    try {
      while (!this.#held && !this.#hasEnded()) {
        const frame = this.#session.next();
        if (frame === undefined) return;
        this.#counters.framesReceived++;
        this.#tap.received(frame);
        this.#dispatch(frame);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#end(error);
    }
  }

  #dispatch(frame: ServerFrame): void {
    switch (frame.command) {
      case "MESSAGE":
        this.#counters.messagesReceived++;
        this.#owner.message(frame);
        break;
      case "RECEIPT":
        this.#receipts.settle(frame.headers.get("receipt-id") ?? "");
        break;
      case "ERROR":
        this.#counters.errorsReceived++;
        this.#serverError(frame);
        break;
      case "CONNECTED":
        this.#established(frame);
        break;
    }
  }

  #established(frame: ServerFrame): void {
    const { heartBeat } = this.#session;
    this.#heartBeats = new HeartBeats(heartBeat, this.#options.heartBeatTolerance, this.#heartBeatHost());
    const server = frame.headers.get("server");
    this.#server = server;
    const session = frame.headers.get("session");
    this.#connected.resolve({ version: this.version, server, session, heartBeat });
  }

  #heartBeatHost(): HeartBeatHost {
    return {
      peer: this.peer,
      isHeld: () => this.#held,
      beat: () => {
        this.#writer.beat();
      },
      silent: (error) => {
        this.#counters.heartBeatsMissed++;
        this.#owner.silent(error.silence);
        this.#end(error);
      },
    };
  }

  #serverError(frame: ServerFrame): void {
    // DISCONNECT is answered, and all is said. Spring's relay goes on to tell that its own connection has ended.
    if (this.#farewell !== undefined && !this.#receipts.has(this.#farewell)) return;
    const error = serverErrorOf(frame);
    if (this.#session.phase === "refused") {
      this.#end(error);
      return;
    }
    if (error.receiptId !== undefined && this.#receipts.refuse(error.receiptId, error)) return;
    this.#lastError = { error, at: performance.now() };
    this.#owner.serverError(error);
  }

  /** The transport has ended. */
  #closed(transportReason: Error | undefined): void {
    this.#transportEnded = true;
    this.#held = false; // what has arrived is delivered before the end
    this.#deliver();
    if (this.#hasEnded()) return;
    if (this.#state === "closing") {
      this.#end(undefined);
      return;
    }
    const said = this.#lastError;
    // An ERROR of long ago has nothing to do with the end.
    let cause: unknown =
      said !== undefined && performance.now() - said.at < SAME_TROUBLE ? said.error : transportReason;
    try {
      this.#session.end();
    } catch (error) {
      cause ??= error;
    }
    const why = cause instanceof Error ? cause.message : "the peer closed the connection";
    this.#end(
      new ConnectionLostError(
        `connection to ${this.peer} lost: ${why}`,
        "unknown",
        cause === undefined ? {} : { cause },
      ),
    );
  }

  #end(reason: StompError | undefined): void {
    if (this.#state === "ended") return;
    const closing = this.#state === "closing";
    this.#state = "ended";
    this.#reason = reason;
    this.#heartBeats?.stop();
    const lost = reason ?? new ConnectionLostError(`connection to ${this.peer} closed`, "unknown");
    this.#receipts.lose(lost, "unknown");
    this.#connected.reject(lost);
    if (reason !== undefined) this.#transport.abort(reason);
    this.#owner.ended(closing ? undefined : reason);
    this.#whenEnded.resolve();
  }

  #hasEnded(): boolean {
    return this.#state === "ended";
  }

  #holdOrRead(): void {
    if (this.#transportEnded || this.#transport.pause === undefined) return;
    const hold = this.#wantsHold && this.#receipts.size === 0 && this.#state === "open";
    if (hold === this.#held) return;
    this.#held = hold;
    if (hold) {
      this.#transport.pause();
      return;
    }
    this.#heartBeats?.received(); // we did not listen: the peer was not silent
    this.#transport.resume?.();
    // Not at once: whoever has made room is in the midst of taking a message.
    queueMicrotask(() => {
      this.#deliver();
    });
  }
}

/** Whether there is nothing in a chunk but EOLs: RabbitMQ writes one after each frame, which is no heart-beat. */
function isBeats(chunk: Uint8Array | string): boolean {
  for (let i = 0; i < chunk.length; i++) {
    const unit = typeof chunk === "string" ? chunk.charCodeAt(i) : chunk[i];
    if (unit !== 0x0a && unit !== 0x0d) return false;
  }
  return true;
}
