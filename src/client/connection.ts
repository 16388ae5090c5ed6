/** One session over one transport: the only place that holds both, and the heart-beat timer. It is never used again after its end. */
import {
  ConnectionLostError,
  InvalidStateError,
  type Outcome,
  ProtocolError,
  ServerError,
  type StompError,
} from "../errors.js";
import { Deadlines } from "../internal/deadlines.js";
import { type Deferred, deferred } from "../internal/deferred.js";
import {
  type Body,
  type ClientCommand,
  ClientSession,
  HEART_BEAT,
  type HeadersInit,
  type ServerFrame,
  type Version,
  headerPairs,
  utf8Text,
} from "../protocol/index.js";
import type { Transport } from "../transport.js";
import type { FrameListeners } from "./frame-tap.js";
import { type HeartBeatHost, HeartBeats } from "./heart-beats.js";
import type { ResolvedOptions } from "./options.js";
import { Receipts } from "./receipts.js";

/** What a connection tells its owner. */
export interface ConnectionOwner {
  /** A MESSAGE came. */
  message(frame: ServerFrame): void;
  /** An ERROR came that concerns no receipt. */
  serverError(error: ServerError): void;
  /** The connection has ended; `reason` is absent when it was closed in order by `close`. Called once. */
  ended(reason: StompError | undefined): void;
}

/** What a connection and its broker have agreed on. */
export interface SessionInfo {
  /** The version of the protocol. */
  readonly version: Version;
  /** The broker's `server` header, as in `RabbitMQ/3.10.8`. */
  readonly server: string | undefined;
  /** The broker's name for the session. */
  readonly session: string | undefined;
  /** The heart-beats agreed on, in ms; 0: none. */
  readonly heartBeat: { readonly outgoing: number; readonly incoming: number };
}

/** How long a receipt is waited for, and what else ends the wait. */
export interface ReceiptWait {
  readonly id: string;
  readonly what: string;
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** A body of octets of this size or more is written after its head to a stream, without being copied. */
const LARGE_BODY = 16_384;
/** `send` holds back while the transport has more than this to write. */
const HIGH_WATER = 1_048_576;
const DONE: Promise<void> = Promise.resolve();

/** A session that is being established, then lives, then has ended. */
export class Connection {
  readonly #transport: Transport;
  readonly #options: ResolvedOptions;
  readonly #owner: ConnectionOwner;
  readonly #tap: FrameListeners;
  readonly #session: ClientSession;
  readonly #connected: Deferred<SessionInfo> = deferred();
  readonly #receipts = new Receipts(() => {
    this.#holdOrRead();
  });
  #heartBeats: HeartBeats | undefined;
  #state: "open" | "closing" | "ended" = "open";
  #reason: StompError | undefined;
  #lastError: ServerError | undefined;
  #whenEnded: Deferred<void> = deferred();
  #wantsHold = false;
  #held = false;
  #transportEnded = false;

  constructor(transport: Transport, options: ResolvedOptions, owner: ConnectionOwner, tap: FrameListeners) {
    this.#transport = transport;
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

  /** The version agreed on. */
  get version(): Version {
    return this.#session.version ?? "1.0";
  }

  /** Say CONNECT. Resolves at CONNECTED; rejects with the ServerError, ProtocolError or end that came instead. */
  connect(): Promise<SessionInfo> {
    const { login, passcode, host, headers } = this.#options;
    const given = [["host", host], ["login", login], ["passcode", passcode], ...headerPairs(headers)] as const;
    const pairs = this.#session.connectHeaders(given);
    const frame = this.#session.connect(given);
    this.#transport.start({
      data: (chunk) => {
        this.#receive(chunk);
      },
      closed: (reason) => {
        this.#closed(reason);
      },
    });
    this.#tap.sent("CONNECT", pairs, "");
    this.#transport.send(frame);
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
    if (receipt !== undefined) return this.#receipts.wait(receipt.id, receipt.what, receipt.timeout, receipt.signal);
    if (this.#transport.buffered <= HIGH_WATER) return DONE;
    return this.#transport.drained().then(() => {
      if (this.#state === "ended" && this.#reason !== undefined) throw this.lostError("unknown");
    });
  }

  /** Ask for the peer to be held back, or not any more. It is not while a receipt is awaited: that might never come. */
  hold(wanted: boolean): void {
    this.#wantsHold = wanted;
    this.#holdOrRead();
  }

  /**
   * End in order: wait for pending receipts, say DISCONNECT, wait for its receipt (over WebSocket its close counts as one),
   * close the transport. All within `timeout` ms and the transport's own bound. Never rejects.
   */
  async close(receiptId: string, headers: HeadersInit, timeout: number): Promise<void> {
    if (this.#state !== "open") return this.#whenEnded.promise;
    this.#state = "closing";
    this.#holdOrRead();
    const wait = deferred<void>();
    const deadline = new Deadlines<"close">(() => {
      wait.resolve();
    });
    deadline.set("close", timeout);
    await Promise.race([this.#receipts.whenEmpty(), wait.promise, this.#whenEnded.promise]);
    if (!this.#hasEnded()) {
      const receipt = this.#receipts.wait(receiptId, "DISCONNECT", Infinity, undefined).catch(() => undefined);
      this.#write("DISCONNECT", [...headerPairs(headers), ["receipt", receiptId]], "", true);
      await Promise.race([receipt, wait.promise, this.#whenEnded.promise]);
    }
    deadline.clear();
    this.#heartBeats?.stop();
    await this.#transport.close();
    this.#end(undefined);
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
    const transport = this.#transport;
    if (typeof body !== "string") this.#writeBytes(command, headers, body, contentLength);
    else transport.send(this.#session.encode(command, headers, body, contentLength));
    this.#tap.sent(command, headers, body);
    this.#heartBeats?.sent();
  }

  #writeBytes(
    command: ClientCommand,
    headers: HeadersInit,
    body: Uint8Array | ArrayBuffer,
    contentLength: boolean,
  ): void {
    const transport = this.#transport;
    const bytes = body instanceof Uint8Array ? body : new Uint8Array(body);
    if (transport.kind === "messages") {
      // ActiveMQ takes text messages only: binary ones are for what is no text.
      transport.send(this.#session.encode(command, headers, utf8Text(bytes) ?? bytes, contentLength));
    } else if (bytes.length >= LARGE_BODY && contentLength) {
      transport.send(this.#session.encodeHead(command, headers, bytes.length));
      transport.send(bytes);
      transport.send("\0");
    } else {
      transport.send(this.#session.encode(command, headers, bytes, contentLength));
    }
  }

  #receive(chunk: Uint8Array | string): void {
    if (this.#state === "ended") return;
    this.#heartBeats?.received();
    this.#session.push(chunk);
    this.#deliver();
  }

  /** Deliver what has arrived, one frame at a time, until the owner asks to be spared. */
  #deliver(): void {
    try {
      while (!this.#held && !this.#hasEnded()) {
        const frame = this.#session.next();
        if (frame === undefined) return;
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
        this.#owner.message(frame);
        break;
      case "RECEIPT":
        this.#receipts.settle(frame.headers.get("receipt-id") ?? "");
        break;
      case "ERROR":
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
    const session = frame.headers.get("session");
    this.#connected.resolve({ version: this.version, server, session, heartBeat });
  }

  #heartBeatHost(): HeartBeatHost {
    return {
      peer: this.peer,
      isHeld: () => this.#held,
      beat: () => {
        this.#transport.send(HEART_BEAT);
      },
      silent: (error) => {
        this.#end(error);
      },
    };
  }

  #serverError(frame: ServerFrame): void {
    const error = serverErrorOf(frame);
    if (this.#session.phase === "refused") {
      this.#end(error);
      return;
    }
    if (error.receiptId !== undefined && this.#receipts.refuse(error.receiptId, error)) return;
    this.#lastError = error;
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
    let cause: unknown = this.#lastError ?? transportReason;
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

const MOST_DETAILS = 4096;

function serverErrorOf(frame: ServerFrame): ServerError {
  const details = frame.text().slice(0, MOST_DETAILS);
  const message =
    frame.headers.get("message") ?? (details.split("\n", 1)[0] || "the broker sent an ERROR without a message");
  return new ServerError(message, details, frame.headers);
}
