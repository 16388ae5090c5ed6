/** The client: it connects, sends and subscribes over the connection it has, and tells what happens. */
import { ConnectionLostError, InvalidStateError, StompError } from "../errors.js";
import { checkTimeout } from "../internal/duration.js";
import { type Body, type ClientCommand, type HeadersInit, headerPairs, isCommandOf } from "../protocol/index.js";
import type { Dial } from "../transport.js";
import { checkBody, checkDestination } from "./arguments.js";
import { Connection, type ConnectionOwner, type SessionInfo } from "./connection.js";
import { establish } from "./establish.js";
import { type FrameListener, FrameListeners } from "./frame-tap.js";
import { type ClientOptions, type ResolvedOptions, resolveOptions } from "./options.js";
import { Ids, type Pairs, type ReceiptOptions, addHeaders, receiptWait } from "./request.js";
import { type StatusListener, StatusListeners } from "./status.js";
import { Subscriber } from "./subscriber.js";
import type { MessageHandler, SubscribeOptions, Subscription } from "./subscription.js";

/** Options of {@link Client.send}. */
export interface SendOptions extends ReceiptOptions {
  /** More headers of SEND: `content-type`, and whatever the broker knows. */
  readonly headers?: HeadersInit;
  /**
   * Write `content-length`.
   * @default ClientOptions.contentLength
   */
  readonly contentLength?: boolean;
}

/** Options of {@link Client.sendFrame}. */
export interface SendFrameOptions extends ReceiptOptions {
  /**
   * Write `content-length`.
   * @default ClientOptions.contentLength
   */
  readonly contentLength?: boolean;
}

/** Options of {@link Client.disconnect}. */
export interface DisconnectOptions {
  /**
   * How long pending receipts and the receipt of DISCONNECT are waited for, in ms.
   * @default ClientOptions.disconnectTimeout
   */
  readonly timeout?: number;
  /** More headers of DISCONNECT. */
  readonly headers?: HeadersInit;
}

/** Where a client stands. */
export type ClientState = "disconnected" | "connecting" | "connected" | "disconnecting";

const NOTHING = {};

/** A STOMP client over a dial: what {@link Client} of the package's entry is built on. */
export class DialClient implements AsyncDisposable {
  readonly #dial: Dial;
  readonly #target: string;
  readonly #options: ResolvedOptions;
  readonly #ids = new Ids();
  readonly #statusListeners = new StatusListeners();
  readonly #frameListeners = new FrameListeners();
  readonly #subscriber: Subscriber;

  #state: ClientState = "disconnected";
  #connection: Connection | undefined;
  #connecting: { readonly promise: Promise<void>; readonly abort: AbortController } | undefined;
  #disconnecting: Promise<void> | undefined;
  #info: SessionInfo | undefined;
  #lost: StompError | undefined;

  /**
   * `target` names what `dial` dials, for messages to people.
   *
   * @throws TypeError or RangeError for wrong options.
   */
  constructor(dial: Dial, options: ClientOptions = {}, target = "the broker") {
    if (typeof dial !== "function") throw new TypeError("a dial must be a function");
    this.#dial = dial;
    this.#target = target;
    this.#options = resolveOptions(options);
    this.#subscriber = new Subscriber({
      options: this.#options,
      ids: this.#ids,
      status: this.#statusListeners,
      connection: () => this.#open(),
      notConnected: (what) => this.#notConnected(what),
    });
  }

  /** Where it stands. */
  get state(): ClientState {
    return this.#state;
  }

  /** What was agreed on with the broker; `undefined` while there is no session. */
  get session(): SessionInfo | undefined {
    return this.#info;
  }

  /** How many messages came for a subscription that was not there (any more), and were dropped. */
  get droppedMessages(): number {
    return this.#subscriber.dropped;
  }

  /** Be told what happens, until what is returned is called. */
  onStatus(listener: StatusListener): () => void {
    return this.#statusListeners.add(listener);
  }

  /** Be shown every frame in both directions, passcodes hidden, until what is returned is called. */
  onFrame(listener: FrameListener): () => void {
    return this.#frameListeners.add(listener);
  }

  /**
   * Connect. Resolves once the broker has said CONNECTED, and subscriptions made before have been sent. While connecting
   * or connected it joins what is there.
   *
   * Rejects with ConnectError when no session came about, with `signal.reason`, or with InvalidStateError when `disconnect`
   * is called meanwhile.
   */
  connect({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    if (this.#state === "connected") return Promise.resolve();
    if (this.#connecting === undefined) {
      if (this.#state === "disconnecting") return Promise.reject(new InvalidStateError("the client is disconnecting"));
      const abort = new AbortController();
      // The state is set before anything is awaited: a second call joins.
      this.#state = "connecting";
      this.#connecting = { promise: this.#connect(abort.signal), abort };
    }
    const { promise, abort } = this.#connecting;
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

  /**
   * Send a message. Resolves when it is handed to the transport (which does not yet mean that the broker has it); with
   * `receipt` when the broker has confirmed it. While the transport has much to write, it waits.
   *
   * Rejects with TypeError or RangeError for wrong arguments, InvalidStateError when there is no connection and
   * ConnectionLostError (`outcome: "not-sent"`) when it was lost: then nothing was sent. Waiting for the receipt it
   * rejects with ServerError, ReceiptTimeoutError, ConnectionLostError (`outcome: "unknown"`), or `signal.reason`.
   */
  send(destination: string, body: Body = "", options: SendOptions = NOTHING): Promise<void> {
    try {
      checkDestination(destination);
      checkBody(body);
      const pairs: Pairs = [["destination", destination]];
      addHeaders(pairs, options.headers, "SEND", ["destination", "receipt"]);
      return this.#request("SEND", pairs, body, options, destination, options.contentLength);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Subscribe. Without a connection the subscription waits for one. Resolves when the SUBSCRIBE is handed over, with
   * `receipt` when the broker has confirmed it; the subscription is there at once when messages come earlier.
   *
   * Rejects with TypeError or RangeError for wrong arguments, InvalidStateError for an id that is in use (or, for a
   * receipt, without a connection), and as `send` does.
   */
  subscribe(destination: string, options?: SubscribeOptions): Promise<Subscription>;
  subscribe(destination: string, handler: MessageHandler, options?: SubscribeOptions): Promise<Subscription>;
  async subscribe(
    destination: string,
    first: MessageHandler | SubscribeOptions = {},
    second: SubscribeOptions = {},
  ): Promise<Subscription> {
    checkDestination(destination);
    if (this.#state === "disconnecting") throw new InvalidStateError("the client is disconnecting");
    if (typeof first === "function") return this.#subscriber.subscribe(destination, first, second);
    return this.#subscriber.subscribe(destination, undefined, first);
  }

  /**
   * Send a frame as it is given, for what has no method of its own. A `receipt` header, or the option, is waited for.
   *
   * Rejects as `send` does; with InvalidStateError for CONNECT, STOMP and DISCONNECT, which are the client's.
   */
  sendFrame(
    command: ClientCommand,
    headers: HeadersInit = {},
    body: Body = "",
    options: SendFrameOptions = {},
  ): Promise<void> {
    try {
      if (!isCommandOf(command, "client")) throw new TypeError(`${JSON.stringify(command)} is no command of a client`);
      if (command === "CONNECT" || command === "STOMP" || command === "DISCONNECT") {
        throw new InvalidStateError(`${command} is sent by the client itself`);
      }
      checkBody(body);
      const pairs = [...headerPairs(headers)];
      const given = pairs.find(([name, value]) => name === "receipt" && value !== undefined)?.[1];
      const receipt = given === undefined ? options.receipt : String(given);
      const others = pairs.filter(([name]) => name !== "receipt");
      const { contentLength } = options;
      return this.#request(
        command,
        others,
        body,
        receipt === undefined ? options : { ...options, receipt },
        "",
        contentLength,
      );
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Disconnect: wait for pending receipts, say DISCONNECT, wait for its receipt, close. Subscriptions end. While
   * connecting, that is given up. Resolves within
   * the time-out and the transport's bound on closing; rejects only with RangeError or TypeError for wrong options.
   */
  disconnect(options: DisconnectOptions = {}): Promise<void> {
    if (this.#disconnecting === undefined) {
      this.#disconnecting = this.#disconnect(options).finally(() => {
        this.#disconnecting = undefined;
      });
    }
    return this.#disconnecting;
  }

  /** Disconnect. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect();
  }

  async #connect(signal: AbortSignal): Promise<void> {
    await Promise.resolve(); // so that `#connecting` is set, and a listener may call anything
    this.#statusListeners.tell({ type: "connecting" });
    let connection: Connection | undefined;
    try {
      const { info } = await establish({
        dial: this.#dial,
        target: this.#target,
        timeout: this.#options.connectTimeout,
        signal,
        connectionOver: (transport) => {
          connection = new Connection(
            transport,
            this.#options,
            this.#ownerOf(() => connection),
            this.#frameListeners,
          );
          return connection;
        },
      });
      this.#established(connection, info);
    } catch (error) {
      this.#connecting = undefined;
      if (this.#state === "connecting") this.#state = "disconnected";
      this.#statusListeners.tell({ type: "disconnected", reason: error instanceof StompError ? error : undefined });
      throw error;
    }
  }

  #established(connection: Connection | undefined, info: SessionInfo): void {
    this.#connecting = undefined;
    if (connection?.isOpen !== true) {
      throw connection?.lostError("not-sent") ?? new InvalidStateError("there is no connection");
    }
    this.#connection = connection;
    this.#info = info;
    this.#lost = undefined;
    this.#state = "connected";
    this.#subscriber.established(connection);
    this.#statusListeners.tell({ type: "connected", ...info });
  }

  #ownerOf(connection: () => Connection | undefined): ConnectionOwner {
    return {
      message: (frame) => {
        this.#subscriber.deliver(frame);
      },
      serverError: (error) => {
        if (!this.#subscriber.serverError(error)) this.#statusListeners.tell({ type: "server-error", error });
      },
      ended: (reason) => {
        if (connection() === this.#connection) this.#ended(reason);
      },
    };
  }

  #ended(reason: StompError | undefined): void {
    this.#connection = undefined;
    this.#info = undefined;
    this.#lost = reason;
    this.#state = "disconnected";
    this.#subscriber.ended(reason);
    this.#statusListeners.tell({ type: "disconnected", reason });
  }

  async #disconnect({ timeout, headers = {} }: DisconnectOptions): Promise<void> {
    const wait = timeout === undefined ? this.#options.disconnectTimeout : checkTimeout("timeout", timeout);
    if (this.#connecting !== undefined) {
      this.#connecting.abort.abort(new InvalidStateError("disconnect was called while connecting"));
      await this.#connecting.promise.catch(() => undefined); // whoever connects is told
    }
    const connection = this.#connection;
    if (connection === undefined) {
      this.#subscriber.ended(undefined);
      this.#lost = undefined;
      return;
    }
    this.#state = "disconnecting";
    this.#statusListeners.tell({ type: "disconnecting" });
    await connection.close(this.#ids.next("receipt"), headers, wait);
  }

  #request(
    command: ClientCommand,
    pairs: Pairs,
    body: Body,
    options: ReceiptOptions,
    about: string,
    contentLength: boolean | undefined,
  ): Promise<void> {
    const what = about === "" ? command : `${command} to ${about}`;
    const wait = receiptWait(options, what, this.#options.receiptTimeout, this.#ids);
    const connection = this.#open();
    if (connection === undefined) throw this.#notConnected(command);
    if (wait !== undefined) pairs.push(["receipt", wait.id]);
    return connection.send(command, pairs, body, contentLength ?? this.#options.contentLength, wait);
  }

  #open(): Connection | undefined {
    return this.#connection?.isOpen === true ? this.#connection : undefined;
  }

  #notConnected(what: string): StompError {
    if (this.#lost !== undefined && this.#state === "disconnected") {
      return new ConnectionLostError(`${what} was not sent: ${this.#lost.message}`, "not-sent", { cause: this.#lost });
    }
    return new InvalidStateError(`${what} needs a connection, the client is ${this.#state}`);
  }
}
