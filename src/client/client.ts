/**
 * The client: the public face of its parts. Where things go:
 *
 *     MESSAGE   transport → connection/intake → connection → requests (a reply?) → subscribing/subscriptions
 *               → subscription → handling (decode, hand out) → your handler or loop → ack() → acknowledging → connection
 *     RECEIPT   transport → connection/intake → connection → receipts → the call that waits for it
 *     ERROR     as RECEIPT if it names one, otherwise to the first of the parts that it concerns, otherwise to onStatus
 *     SEND      send() → sending/send → connection.send → frame-writer → transport, and receipts wait
 *               at-least-once: sending/send → outbox → outbox-window → connection.send, again in each session
 *     the end   transport → connection → reconnecting/supervisor → each part → a new effort, or the end
 *
 * The parts learn what happens to the session by one interface, `connection/session-part`, in the order of the list below.
 * It has more than 300 lines because every call is documented here, each form of it with its types.
 */
import { InvalidStateError } from "../errors.js";
import { checkTimeout } from "../internal/duration.js";
import type { Body, ClientCommand, HeadersInit } from "../protocol/index.js";
import type { Dial } from "../transport.js";
import type { ClientContext } from "./connection/context.js";
import { Ids } from "./connection/environment.js";
import { Flow } from "./connection/flow.js";
import { checkDestination, wrongOptions } from "./connection/outgoing.js";
import { SessionParts } from "./connection/session-part.js";
import type { Codec } from "./messages/codec.js";
import type { Message } from "./messages/message.js";
import { type FrameListener, FrameListeners } from "./observing/frame-listeners.js";
import { Counters, type Metrics } from "./observing/metrics.js";
import type { SessionInfo } from "./observing/session-info.js";
import { StatusFeed } from "./observing/status-feed.js";
import { StatusListeners } from "./observing/status-listeners.js";
import type { Status, StatusListener } from "./observing/status.js";
import type { ClientOptions, DisconnectOptions, FlushOptions } from "./options/options.js";
import { resolveOptions } from "./options/resolved-options.js";
import { type NamedDial, checkDials } from "./reconnecting/named-dial.js";
import { type ClientState, Supervisor } from "./reconnecting/supervisor.js";
import { type RequestOptions, Requests, type TypedRequestOptions } from "./requests/requests.js";
import {
  type Responder,
  type RespondOptions,
  type TypedResponder,
  type TypedRespondOptions,
  respondWith,
} from "./requests/respond.js";
import { Outbox } from "./sending/outbox.js";
import type { UnsentMessages } from "./sending/parked-messages.js";
import { Sender } from "./sending/send.js";
import type { SendFrameOptions, SendOptions, TypedSendOptions, ValueOptions } from "./sending/send-options.js";
import type { MessageHandler, SubscribeOptions, TypedSubscribeOptions } from "./subscribing/subscribe-options.js";
import type { Subscription } from "./subscribing/subscription.js";
import { Subscriptions } from "./subscribing/subscriptions.js";
import type { Transaction } from "./transactions/transaction.js";
import { type BeginOptions, Transactions } from "./transactions/transactions.js";

const NOTHING = {};

/** A client that knows no adapters: `Client` adds the targets that URLs name. */
export class BaseClient implements AsyncDisposable {
  readonly #context: ClientContext;
  readonly #supervisor: Supervisor;
  readonly #transactions: Transactions;
  readonly #requests: Requests;
  readonly #subscriptions: Subscriptions;
  readonly #outbox: Outbox;
  readonly #sender: Sender;
  #disconnecting: Promise<void> | undefined;

  /**
   * @param route What to connect to: a dial, or several with their names.
   * @throws TypeError or RangeError for wrong options.
   * @internal
   */
  constructor(route: Dial | readonly NamedDial[], options: ClientOptions = {}) {
    const connection: ClientContext["connection"] = () => this.#supervisor.open;
    const context: ClientContext = {
      options: resolveOptions(options),
      ids: new Ids(),
      status: new StatusListeners(),
      frames: new FrameListeners(),
      counters: new Counters(),
      flow: new Flow(connection),
      connection,
      hasGivenUp: () => this.#supervisor.hasGivenUp,
      notConnected: (what, outcome) => this.#supervisor.notConnected(what, outcome),
    };
    this.#context = context;
    this.#transactions = new Transactions(context);
    this.#requests = new Requests(context);
    this.#subscriptions = new Subscriptions(context);
    this.#outbox = new Outbox(context, this.#subscriptions);
    this.#sender = new Sender(context, this.#outbox);
    const parts = new SessionParts([this.#transactions, this.#requests, this.#subscriptions, this.#outbox]);
    this.#supervisor = new Supervisor(context, checkDials(route), parts);
  }

  /** The state of the client. */
  get state(): ClientState {
    return this.#supervisor.state;
  }

  /** What was agreed on with the broker; `undefined` while there is no session. */
  get session(): SessionInfo | undefined {
    return this.#supervisor.session;
  }

  /** The messages that the outbox's store keeps although they are not sent any more. */
  get unsent(): UnsentMessages {
    return this.#outbox.parked;
  }

  /** Counters over all sessions of the client, and how much is pending now. */
  metrics(): Metrics {
    const connection = this.#context.connection();
    return {
      ...this.#context.counters.values(),
      receiptsPending: connection?.receiptsPending ?? 0,
      bytesBuffered: connection?.buffered ?? 0,
      subscriptions: this.#subscriptions.size,
      messagesUnread: this.#subscriptions.unread,
      outboxMessages: this.#outbox.size,
      requestsPending: this.#requests.size,
    };
  }

  /**
   * Read what happens from now on with `for await`. Leaving the loop ends it. At most the 1000 newest events that are not read are
   * kept.
   */
  status(): AsyncIterableIterator<Status, undefined, undefined> {
    return new StatusFeed(this.#context.status);
  }

  /** Call `listener` with what happens. The function it returns removes the listener. */
  onStatus(listener: StatusListener): () => void {
    return this.#context.status.add(listener);
  }

  /** Call `listener` with every frame in both directions, passcodes hidden. The function it returns removes the listener. */
  onFrame(listener: FrameListener): () => void {
    return this.#context.frames.add(listener);
  }

  /**
   * Connect. Resolves when the broker has sent CONNECTED, and the subscriptions made before have been sent. While the client is
   * connecting or reconnecting, the call joins the attempts that are under way; while it is connected, it resolves at once. When
   * `signal` aborts, the attempts end for everyone who waits for them.
   *
   * Rejects with ConnectError when there is no session, with `signal.reason`, and with InvalidStateError when `disconnect` is called
   * meanwhile.
   */
  connect(options: { readonly signal?: AbortSignal } = NOTHING): Promise<void> {
    return wrongOptions(options) ?? this.#supervisor.connect(options.signal);
  }

  /**
   * Start a new session now, for example to use new credentials. The client waits for pending receipts, ends the session, and
   * establishes another one in which it makes all subscriptions again. The broker delivers messages again that were not acknowledged.
   * Without a session this is `connect`; while the client tries for one, the call joins, and the next attempt starts at once.
   *
   * Rejects as `connect` does.
   */
  reconnect(): Promise<void> {
    return this.#supervisor.renew();
  }

  /**
   * Send a message. Resolves when it is handed to the transport, which does not mean that the broker has it; with `receipt`, when the
   * broker has confirmed it. While the transport has too much to write, the call waits. With `delivery: "at-least-once"` it always
   * resolves when the broker has confirmed the message, in this session or a later one.
   *
   * Rejects with TypeError or RangeError for wrong arguments, with InvalidStateError when there is no connection, and with
   * ConnectionLostError (`outcome: "not-sent"`) when the connection was lost: then nothing was sent. While it waits, it
   * rejects with ServerError, ReceiptTimeoutError, ConnectionLostError (`outcome: "unknown"`), or `signal.reason`.
   *
   * With `delivery: "at-least-once"` it does not reject when the connection is lost, but when the client disconnects or gives up
   * (ConnectionLostError; `outcome` says what is known), when the broker ends several sessions because of the message, when no
   * receipt comes after an ERROR that names nothing, with OutboxFullError, and with what the outbox's store rejects with.
   * `timeout` then has no default, and counts from the call on.
   */
  send<T>(destination: string, value: T, options: TypedSendOptions<T>): Promise<void>;
  send(destination: string, body?: Body, options?: SendOptions & { readonly codec?: undefined }): Promise<void>;
  send(destination: string, body?: unknown, options: ValueOptions<SendOptions> = NOTHING): Promise<void> {
    return wrongOptions(options) ?? this.#sender.sendValue(destination, body, options);
  }

  /**
   * Subscribe. Without a connection the subscription waits for one. When a connection is lost, the subscription is made again in the
   * next session. Resolves when the SUBSCRIBE is handed to the transport; with `receipt`, when the broker has confirmed it. A handler
   * gets messages that come earlier. With a codec, messages have a `value`.
   *
   * Rejects with TypeError or RangeError for wrong arguments, with InvalidStateError for an id that is in use (or, with a receipt,
   * when there is no connection), and as `send` does.
   */
  subscribe<T>(destination: string, options: TypedSubscribeOptions<T>): Promise<Subscription<T>>;
  subscribe<T>(
    destination: string,
    handler: MessageHandler<T>,
    options: TypedSubscribeOptions<T>,
  ): Promise<Subscription<T>>;
  subscribe(destination: string, options?: SubscribeOptions): Promise<Subscription>;
  subscribe(destination: string, handler: MessageHandler, options?: SubscribeOptions): Promise<Subscription>;
  async subscribe<T>(
    destination: string,
    first: MessageHandler<T> | SubscribeOptions = NOTHING,
    second: SubscribeOptions = NOTHING,
  ): Promise<Subscription<T>> {
    checkDestination(destination);
    if (this.state === "disconnecting") throw new InvalidStateError("the client is disconnecting");
    const [handler, options] = typeof first === "function" ? [first, second] : [undefined, first];
    return wrongOptions(options) ?? this.#subscriptions.subscribe(destination, handler, options);
  }

  /**
   * Begin a transaction. Resolves when BEGIN is handed to the transport; with `receipt`, when the broker has confirmed it.
   *
   * Rejects with TypeError or RangeError for wrong arguments, with InvalidStateError for the id of an open transaction, and as `send`
   * does.
   */
  begin(options: BeginOptions = NOTHING): Promise<Transaction> {
    return wrongOptions(options) ?? this.#transactions.begin(options);
  }

  /**
   * Do work in a transaction. When `work` returns or resolves, the transaction is committed with a receipt; when it throws or rejects,
   * the transaction is aborted. Resolves with the result of `work`, which may commit or abort the transaction itself.
   *
   * Rejects with the error of `work`, and as `begin` and {@link Transaction.commit} do.
   */
  transaction<R>(work: (transaction: Transaction) => R | Promise<R>, options: BeginOptions = NOTHING): Promise<R> {
    return wrongOptions(options) ?? this.#transactions.run(work, options);
  }

  /**
   * Send a request and wait for its reply: the message that comes back with the same `correlation-id`. Many requests may wait at the
   * same time. A request is sent at most once, whatever the client's `delivery` is.
   *
   * Rejects with ReplyTimeoutError, with `signal.reason`, with ConnectionLostError (`outcome: "unknown"`) when the session ends
   * before the reply comes, with ServerError when the broker refuses or ends the subscription for replies, and as `send` does. With a
   * codec the reply has a `value`; the call rejects with the codec's error when that cannot be made.
   */
  request<T, Sent>(destination: string, value: Sent, options: TypedRequestOptions<T, Sent>): Promise<Message<T>>;
  request(
    destination: string,
    body?: Body,
    options?: RequestOptions & { readonly codec?: undefined },
  ): Promise<Message>;
  request<T>(
    destination: string,
    body?: unknown,
    options: ValueOptions<RequestOptions, Codec<T, unknown>> = NOTHING,
  ): Promise<Message<T>> {
    return wrongOptions(options) ?? this.#requests.request(destination, body, options);
  }

  /**
   * Answer requests: the result of `responder` for a message is sent to the message's `reply-to`, with its `correlation-id`. A message
   * without `reply-to` is handled too. When the responder or the sending fails, status reports a `handler-error`, the message is
   * NACKed in an ack mode, and the requester gets no reply. With a codec the message has a `value`, and the responder returns one; what
   * is not a valid request is treated as the option `invalid` says.
   *
   * Rejects as `subscribe` does.
   */
  respond<T, Sent>(
    destination: string,
    responder: TypedResponder<T, Sent>,
    options: TypedRespondOptions<T, Sent>,
  ): Promise<Subscription<T>>;
  respond(
    destination: string,
    responder: Responder,
    options?: RespondOptions & { readonly codec?: undefined },
  ): Promise<Subscription>;
  async respond<T>(
    destination: string,
    responder: TypedResponder<T, unknown>,
    options: ValueOptions<RespondOptions, Codec<T, unknown>> = NOTHING,
  ): Promise<Subscription<T>> {
    await wrongOptions(options);
    const handler = respondWith(responder, options.codec, (...reply) => this.#sender.sendValue(...reply));
    return this.subscribe(destination, handler, options as TypedRespondOptions<T, unknown>); // `T` is `undefined` without a codec
  }

  /**
   * Send a frame as it is given, where no other method fits. With a `receipt` header, or the option, the call waits for the receipt.
   *
   * Rejects as `send` does, and with InvalidStateError for CONNECT, STOMP and DISCONNECT, which the client sends itself.
   */
  sendFrame(
    command: ClientCommand,
    headers: HeadersInit = NOTHING,
    body: Body = "",
    options: SendFrameOptions = NOTHING,
  ): Promise<void> {
    return wrongOptions(options) ?? this.#sender.sendFrame(command, headers, body, options);
  }

  /**
   * Wait until everything that was handed over before the call is written to the system, as it should be before `process.exit`. That
   * does not mean that the broker has it: for that, ask for a receipt. Messages that wait in the outbox were not handed over yet.
   *
   * Rejects with ConnectionLostError (`outcome: "unknown"`) when the session ends first, or was lost before and is not made again;
   * with InvalidStateError when there is no connection for another reason; with a StompError of the code `flush-timeout`, or with
   * `signal.reason`. It speaks of the current session only.
   */
  async flush(options: FlushOptions = NOTHING): Promise<void> {
    await wrongOptions(options);
    const connection = this.#context.connection();
    if (connection === undefined) throw this.#context.notConnected("flush", "unknown");
    await connection.flush(options);
  }

  /**
   * Disconnect: hand out no more messages, wait for running handlers and their acknowledgements, for the outbox and for pending
   * receipts, send DISCONNECT, wait for its receipt, close. The reader of an iteration counts like a handler: the client waits until it
   * has acknowledged the last message that it got (not in the mode `"auto"`), or asks for the next one, which ends the iteration.
   * Subscriptions and open transactions end; replies are not waited for. While the client is connecting or reconnecting, the attempts
   * end.
   *
   * Handlers can send, and begin and commit transactions, until they have finished. Do not await `disconnect` inside a handler: it
   * waits for the handler. The broker delivers again what is not acknowledged when the time is over. Resolves within the time-out and
   * the transport's bound on closing, with the outbox's store closed, unless that hangs. Rejects only with RangeError or TypeError for
   * wrong options.
   */
  disconnect(options: DisconnectOptions = NOTHING): Promise<void> {
    const wrong = wrongOptions(options);
    if (wrong !== undefined) return wrong;
    this.#disconnecting ??= this.#disconnect(options).finally(() => {
      this.#disconnecting = undefined;
    });
    return this.#disconnecting;
  }

  /** Disconnect. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect();
  }

  async #disconnect({ timeout, headers = NOTHING }: DisconnectOptions): Promise<void> {
    const { disconnectTimeout, outbox } = this.#context.options;
    const wait = timeout === undefined ? disconnectTimeout : checkTimeout("timeout", timeout);
    const end = performance.now() + wait;
    try {
      // Some time is left to the store.
      await this.#supervisor.end(headers, outbox.store === undefined ? wait : 0.9 * wait);
    } finally {
      await this.#outbox.close(end - performance.now());
    }
  }
}
