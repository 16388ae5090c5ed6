/** The client: the public face of its parts. */
import { InvalidStateError } from "../errors.js";
import { checkTimeout } from "../internal/duration.js";
import { type Body, type ClientCommand, type HeadersInit, headerPairs, isCommandOf } from "../protocol/index.js";
import type { Dial, Transport } from "../transport.js";
import { checkBody, checkDestination } from "./connection/arguments.js";
import { Connection } from "./connection/connection.js";
import type { ClientContext } from "./connection/context.js";
import { Counters, type Metrics } from "./observing/metrics.js";
import type { Endpoint } from "./reconnecting/named-dial.js";
import { type FrameListener, FrameListeners } from "./observing/frame-listeners.js";
import type { Message } from "./messages/message.js";
import type { ClientOptions } from "./options/options.js";
import { Outbox } from "./sending/outbox.js";
import { Ids } from "./connection/outgoing.js";
import { type RequestOptions, Requester } from "./requests/requests.js";
import { type ResolvedOptions, resolveOptions } from "./options/resolved-options.js";
import { type Responder, type RespondOptions, respondWith } from "./requests/respond.js";
import { Sender } from "./sending/send.js";
import type { ConnectionOwner } from "./connection/session-part.js";
import type { SessionInfo } from "./observing/session-info.js";
import type { SendOptions, TypedSendOptions } from "./sending/send-options.js";
import { type Status, StatusFeed, type StatusListener, StatusListeners } from "./observing/status.js";
import type { MessageHandler, SubscribeOptions, TypedSubscribeOptions } from "./subscribing/subscribe-options.js";
import { Subscriber } from "./subscribing/subscriptions.js";
import type { Subscription } from "./subscribing/subscription.js";
import { type ClientState, Supervisor } from "./reconnecting/supervisor.js";
import type { Transaction } from "./transactions/transaction.js";
import { type BeginOptions, Transactions } from "./transactions/transactions.js";
import type { ReceiptOptions } from "./messages/receipt-options.js";

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
   * How long running handlers, pending receipts and the receipt of DISCONNECT are waited for, in ms.
   * @default ClientOptions.disconnectTimeout
   */
  readonly timeout?: number;
  /** More headers of DISCONNECT. */
  readonly headers?: HeadersInit;
}

const NOTHING = {};

/** A STOMP client over dials: what {@link Client} of the package's entry is built on. */
export class DialClient implements AsyncDisposable {
  readonly #options: ResolvedOptions;
  readonly #context: ClientContext;
  readonly #frameListeners = new FrameListeners();
  readonly #supervisor: Supervisor;
  readonly #subscriber: Subscriber;
  readonly #sender: Sender;
  readonly #outbox: Outbox;
  readonly #requester: Requester;
  readonly #transactions: Transactions;
  #disconnecting: Promise<void> | undefined;

  /**
   * @param route Where to connect to: a dial, or several with their names.
   * @throws TypeError or RangeError for wrong options.
   */
  constructor(route: Dial | readonly Endpoint[], options: ClientOptions = {}) {
    this.#options = resolveOptions(options);
    const context: ClientContext = {
      options: this.#options,
      ids: new Ids(),
      status: new StatusListeners(),
      counters: new Counters(),
      connection: () => this.#supervisor.open,
      notConnected: (what) => this.#supervisor.notConnected(what),
    };
    this.#context = context;
    this.#supervisor = new Supervisor({
      ...context,
      endpoints: endpointsOf(route),
      connectionOver: (transport, ended) => this.#connectionOver(transport, ended),
      established: (connection) => {
        this.#subscriber.established(connection);
        this.#outbox.established(connection);
      },
      interrupted: (reason) => {
        this.#outbox.interrupted(reason); // before the subscriber forgets what was on trial
        this.#subscriber.interrupted(reason);
        this.#requester.interrupted(reason);
        this.#transactions.interrupted();
      },
      ended: (reason) => {
        this.#subscriber.ended(reason);
        this.#outbox.ended(reason);
        this.#requester.interrupted(reason);
        this.#transactions.interrupted();
      },
      gaveUp: (reason) => {
        this.#outbox.ended(reason);
      },
    });
    this.#subscriber = new Subscriber({
      ...context,
      unclaimed: (frame) => this.#requester.deliver(frame),
      awaitsReply: () => this.#requester.size > 0,
      resubscribed: () => {
        this.#outbox.resubscribed();
      },
    });
    this.#outbox = new Outbox(context, {
      isResubscribing: () => this.#subscriber.isResubscribing,
      isHeld: () => this.#subscriber.isHolding,
    });
    this.#sender = new Sender(context, this.#outbox, () => this.#supervisor.hasGivenUp);
    this.#requester = new Requester(context, () => {
      this.#subscriber.holdOrRead();
    });
    this.#transactions = new Transactions(context);
  }

  /** Where it stands. */
  get state(): ClientState {
    return this.#supervisor.state;
  }

  /** What was agreed on with the broker; `undefined` while there is no session. */
  get session(): SessionInfo | undefined {
    return this.#supervisor.session;
  }

  /** What it has counted so far, in all its sessions, and how much is waiting now. */
  metrics(): Metrics {
    const connection = this.#context.connection();
    return {
      ...this.#context.counters.values(),
      receiptsPending: connection?.receiptsPending ?? 0,
      bytesBuffered: connection?.buffered ?? 0,
      subscriptions: this.#subscriber.size,
      messagesUnread: this.#subscriber.unread,
      outboxMessages: this.#outbox.size,
      requestsPending: this.#requester.size,
    };
  }

  /**
   * What happens from now on, to be read with `for await`; leaving the loop ends it. Of what is not read the newest 1000
   * are kept.
   */
  status(): AsyncIterableIterator<Status, undefined, undefined> {
    return new StatusFeed(this.#context.status);
  }

  /** Be told what happens, until what is returned is called. */
  onStatus(listener: StatusListener): () => void {
    return this.#context.status.add(listener);
  }

  /** Be shown every frame in both directions, passcodes hidden, until what is returned is called. */
  onFrame(listener: FrameListener): () => void {
    return this.#frameListeners.add(listener);
  }

  /**
   * Connect. Resolves once the broker has said CONNECTED, and subscriptions made before have been sent. While connecting
   * or reconnecting it joins what is under way; while connected there is nothing to do. `signal` ends the attempts, for all
   * who wait for them.
   *
   * Rejects with ConnectError when no session came about, with `signal.reason`, or with InvalidStateError when `disconnect`
   * is called meanwhile.
   */
  connect({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return this.#supervisor.connect(signal);
  }

  /**
   * Get a fresh session now: with new credentials, for one. Pending receipts are waited for, the session is ended, and
   * another one established, in which all subscriptions are made again; messages that were not acknowledged are delivered
   * again. Without a session it is `connect`; while one is tried for, it joins, and the next attempt is made at once.
   *
   * Rejects as `connect` does, when all attempts were given up or `disconnect` is called meanwhile.
   */
  reconnect(): Promise<void> {
    return this.#supervisor.renew((connection) =>
      this.#close(connection, NOTHING, this.#options.disconnectTimeout, []),
    );
  }

  /**
   * Send a message. Resolves when it is handed to the transport (which does not yet mean that the broker has it); with
   * `receipt` when the broker has confirmed it. While the transport has much to write, it waits. With
   * `delivery: "at-least-once"` it always resolves when the broker has confirmed it, in whatever session that is.
   *
   * Rejects with TypeError or RangeError for wrong arguments, InvalidStateError when there is no connection and
   * ConnectionLostError (`outcome: "not-sent"`) when it was lost: then nothing was sent. Waiting for the receipt it
   * rejects with ServerError, ReceiptTimeoutError, ConnectionLostError (`outcome: "unknown"`), or `signal.reason`.
   *
   * With `delivery: "at-least-once"` a lost connection is no reason to reject: it does when the client disconnects or gives up
   * (ConnectionLostError; `outcome` tells what is known), when the broker ends several sessions over the message, when no
   * receipt comes after an ERROR that names nothing, with OutboxFullError, and with what the outbox's store rejects with.
   * `timeout` then has no default, and counts from the call on.
   */
  send<T>(destination: string, value: T, options: TypedSendOptions<T>): Promise<void>;
  send(destination: string, body?: Body, options?: SendOptions & { readonly codec?: undefined }): Promise<void>;
  send(
    destination: string,
    body: unknown = "",
    options: SendOptions | TypedSendOptions<unknown> = NOTHING,
  ): Promise<void> {
    if ("codec" in options && options.codec !== undefined) return this.#sender.sendValue(destination, body, options);
    return this.#sender.send(destination, body as Body, options); // checked there
  }

  /**
   * Subscribe. Without a connection the subscription waits for one, and it lives on in the next session when one is lost.
   * Resolves when the SUBSCRIBE is handed over, with `receipt` when the broker has confirmed it; the subscription is there
   * at once when messages come earlier. With a codec its messages have a `value`.
   *
   * Rejects with TypeError or RangeError for wrong arguments, InvalidStateError for an id that is in use (or, for a
   * receipt, without a connection), and as `send` does.
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
    if (typeof first === "function") return this.#subscriber.subscribe(destination, first, second);
    return this.#subscriber.subscribe<T>(destination, undefined, first);
  }

  /**
   * Begin a transaction. Resolves when BEGIN is handed over, with `receipt` when the broker has confirmed it.
   *
   * Rejects with TypeError or RangeError for wrong arguments, InvalidStateError for an id that an open transaction has, and
   * as `send` does.
   */
  begin(options: BeginOptions = NOTHING): Promise<Transaction> {
    return this.#transactions.begin(options);
  }

  /**
   * Do something in a transaction: it is committed, and the commit confirmed, when `work` returns or resolves, and aborted
   * when that fails. Resolves with what `work` gives. `work` may commit or abort it itself.
   *
   * Rejects with what `work` fails with, and as `begin` and {@link Transaction.commit} do.
   */
  transaction<R>(work: (transaction: Transaction) => R | Promise<R>, options: BeginOptions = NOTHING): Promise<R> {
    return this.#transactions.run(work, options);
  }

  /**
   * Send a request and wait for the reply to it: the message that comes back with its `correlation-id`. Many may wait at the
   * same time. It is sent at most once, whatever the client's `delivery` is.
   *
   * Rejects with ReplyTimeoutError, with `signal.reason`, with ConnectionLostError (`outcome: "unknown"`) when the session ends
   * before the reply has come, with ServerError when the broker ends the subscription to replies, and as `send` does.
   */
  request(destination: string, body: Body = "", options: RequestOptions = NOTHING): Promise<Message> {
    return this.#requester.request(destination, body, options);
  }

  /**
   * Answer requests: what `responder` gives for a message is sent to its `reply-to`, with its `correlation-id`; a message that
   * has no `reply-to` is handled all the same. When the responder or the sending fails, that is told by status as
   * `handler-error`, the message is refused where it is to be acknowledged, and whoever asked is told nothing.
   *
   * Rejects as `subscribe` does.
   */
  respond(destination: string, responder: Responder, options: RespondOptions = NOTHING): Promise<Subscription> {
    const handler = respondWith(responder, (replyTo, body, headers) => this.#sender.send(replyTo, body, { headers }));
    return this.subscribe(destination, handler, options);
  }

  /**
   * Send a frame as it is given, for what has no method of its own. A `receipt` header, or the option, is waited for.
   *
   * Rejects as `send` does; with InvalidStateError for CONNECT, STOMP and DISCONNECT, which are the client's.
   */
  sendFrame(
    command: ClientCommand,
    headers: HeadersInit = NOTHING,
    body: Body = "",
    options: SendFrameOptions = NOTHING,
  ): Promise<void> {
    try {
      if (!isCommandOf(command, "client")) throw new TypeError(`${JSON.stringify(command)} is no command of a client`);
      if (command === "CONNECT" || command === "STOMP" || command === "DISCONNECT") {
        throw new InvalidStateError(`${command} is sent by the client itself`);
      }
      checkBody(body);
      const pairs = [...headerPairs(headers)];
      const given = pairs.find(([name, value]) => name === "receipt" && value !== undefined)?.[1];
      const others = pairs.filter(([name]) => name !== "receipt");
      const all = given === undefined ? options : { ...options, receipt: String(given) };
      return this.#sender.frame(command, others, body, all, command, options.contentLength);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Disconnect: hand out no more messages, wait for running handlers and their acknowledgements, for the outbox and for pending
   * receipts, say DISCONNECT, wait for its receipt, close. A reader of an iteration is waited for like a handler: until it has
   * acknowledged the last message that it got (in the mode `"auto"` not at all), or asks for the next one, which ends the
   * iteration. Subscriptions end, open transactions too; replies are not waited for. While connecting or reconnecting, that
   * is given up.
   *
   * Handlers can send, and begin and commit transactions, until they have finished. Do not wait for `disconnect` inside a
   * handler: it waits for the handler. What is not acknowledged when the time is over, the broker delivers again. Resolves
   * within the time-out and the transport's bound on closing, and when the outbox's store, if there is one, is closed; rejects only with RangeError or TypeError for wrong options.
   */
  disconnect(options: DisconnectOptions = NOTHING): Promise<void> {
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

  async #disconnect({ timeout, headers = NOTHING }: DisconnectOptions): Promise<void> {
    const wait = timeout === undefined ? this.#options.disconnectTimeout : checkTimeout("timeout", timeout);
    const before = [() => this.#subscriber.drain(), () => this.#outbox.whenEmpty()];
    await this.#supervisor.end((connection) => this.#close(connection, headers, wait, before));
    await this.#outbox.close();
  }

  #close(
    connection: Connection,
    headers: HeadersInit,
    timeout: number,
    before: readonly (() => Promise<void>)[],
  ): Promise<void> {
    // Receipts of a transaction that can no more be committed would be waited for in vain.
    const abandon = (): void => {
      this.#transactions.abandon();
    };
    return connection.close(this.#context.ids.next("receipt"), headers, timeout, [...before, abandon]);
  }

  #connectionOver(transport: Transport, ended: ConnectionOwner["ended"]): Connection {
    const { status, counters } = this.#context;
    const owner: ConnectionOwner = {
      message: (frame) => {
        this.#subscriber.deliver(frame, connection);
      },
      serverError: (error) => {
        if (this.#requester.serverError(error) || this.#subscriber.serverError(error)) return;
        this.#outbox.serverError(error);
        status.tell({ type: "server-error", error });
      },
      heartBeat: () => {
        status.tell({ type: "heart-beat" });
      },
      silent: (silence) => {
        status.tell({ type: "heart-beat-missed", silence });
      },
      ended,
    };
    const connection = new Connection(transport, this.#options, owner, this.#frameListeners, counters);
    return connection;
  }
}

function endpointsOf(route: Dial | readonly Endpoint[]): readonly Endpoint[] {
  const endpoints = typeof route === "function" ? [{ name: "the broker", dial: route }] : route;
  if (endpoints.length === 0) throw new TypeError("there must be a target to connect to");
  for (const { dial } of endpoints) if (typeof dial !== "function") throw new TypeError("a dial must be a function");
  return endpoints;
}
