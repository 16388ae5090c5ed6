/** A client, a scripted broker and a model that is shown all that they do. */
import { vi } from "vitest";
import { BaseClient } from "../../src/client/client.js";
import type { FrameEvent } from "../../src/client/observing/frame-listeners.js";
import type { Status } from "../../src/client/observing/status.js";
import type { Message } from "../../src/client/messages/message.js";
import type { Subscription } from "../../src/client/subscribing/subscription.js";
import type { Transaction } from "../../src/client/transactions/transaction.js";
import { type Deferred, deferred } from "../../src/internal/deferred.js";
import type { Frame, Version } from "../../src/protocol/index.js";
import { DeliveryModel } from "./delivery-model.js";
import {
  type Expected,
  type ModelMessage,
  type ModelReceipt,
  type ModelSubscription,
  type ModelTerms,
  type ModelTransaction,
  type Plan,
  RECEIPT_TIMEOUT,
} from "./delivery-facts.js";
import { joined } from "./frames.js";
import { ScriptedBroker, settled } from "./scripted-broker.js";
import { type Call, COMPARED, finish, later, nameOf, textOf, watched, watchedDial } from "./watched.js";

const DRAIN_TIMEOUT = 60; // of `unsubscribe` and `disconnect`, in ms

export class DeliveryWorld {
  readonly model: DeliveryModel;
  readonly client: BaseClient;
  readonly broker: ScriptedBroker;
  readonly transactions: { readonly real: Transaction; readonly model: ModelTransaction }[] = [];
  readonly working: {
    readonly message: ModelMessage;
    readonly end: Deferred<undefined>;
  }[] = [];
  readonly decoding: { readonly message: ModelMessage; readonly end: Deferred<string> }[] = [];
  /** The receipts of ACKs and NACKs that the broker has not sent. */
  unanswered: string[] = [];
  /** What the broker has of this session. */
  known = new Map<string, { readonly destination: string; isLive: boolean }>();
  /** Whether the client gives up when its session ends. */
  givesUp = false;
  #calls: Call[] = [];
  readonly #plans = new Map<string, Plan>();
  /** A transaction that does nothing: it shows whether frames may be sent. */
  #sentinel: Transaction | undefined;
  /** Whether the broker has ended the connection, which the client may not know yet. */
  #isDying = false;
  /** Frames that are sent within a call of ours. */
  #within: string[] | undefined;
  readonly #sent: string[][] = [];
  readonly #came: string[][] = [];
  #told: string[] = [];
  #names = 0;

  constructor(version: Version, holds: boolean) {
    this.model = new DeliveryModel(version, DRAIN_TIMEOUT);
    this.broker = new ScriptedBroker({
      session: { versions: [version] },
      receipts: false,
      onFrame: (frame) => {
        this.#came_(frame);
      },
    });
    this.client = new BaseClient(
      watchedDial(this.broker, holds, () => {
        this.model.cut();
      }),
      {
        heartBeat: false,
        reconnect: () => (this.givesUp ? false : 100),
        receiptTimeout: RECEIPT_TIMEOUT,
        disconnectTimeout: DRAIN_TIMEOUT,
      },
    );
    this.client.onFrame((event) => {
      this.#frame(event);
    });
    this.client.onStatus((status) => {
      this.#status(status);
    });
  }

  name(kind: string): string {
    return `${kind}${++this.#names}`;
  }

  /** The messages that the program has. */
  given(): ModelMessage[] {
    return [...this.model.messages.values()].filter(({ real }) => real !== undefined);
  }

  async connect(): Promise<void> {
    this.givesUp = false;
    await this.client.connect();
    await settled();
  }

  /** The client has closed its session for sending: the model may not know that yet. */
  #sync(): void {
    if (this.#sentinel?.isOpen === false) this.model.closes();
  }

  subscribe(terms: ModelTerms): void {
    const { id, destination, hasHandler, hasCodec, ack, concurrency, invalid, whenSlow, most, prefetch } = terms;
    const model = this.model.subscribe(terms);
    const options = {
      id,
      ack,
      concurrency,
      whenSlow,
      prefetch,
      buffer: { messages: most },
      invalid:
        invalid === "policy" ? (message: Message<unknown>) => this.#work(this.#known(message), "policy") : invalid,
    } as const;
    const codec = { decode: (message: Message<unknown>) => this.#decode(this.#known(message)) };
    const handler = (message: Message<unknown>): unknown => this.#work(this.#known(message), "handler");
    const given = hasCodec ? { ...options, codec } : options;
    // The overloads do not know that a codec may be there or not.
    const subscribe = this.client.subscribe.bind(this.client) as (...args: unknown[]) => Promise<Subscription<unknown>>;
    const made = hasHandler ? subscribe(destination, handler, given) : subscribe(destination, given);
    this.#track(`subscribe ${id}`, made, () => (model === undefined ? "InvalidStateError" : "object"));
    void made.then(
      (real) => {
        if (model === undefined) return;
        model.real = real;
        real.ended.catch(() => undefined);
      },
      () => undefined,
    );
  }

  next(sub: ModelSubscription): void {
    if (sub.real === undefined) return;
    const reader = this.model.next(sub);
    const next = sub.real.next().then((result) => {
      if (result.done === true) return "done";
      this.#known(result.value);
      return result.value.headers.get("key");
    });
    this.#track(`next of ${sub.terms.id}`, next, () => {
      const { got } = reader;
      return got === "rejected" ? "an error" : typeof got === "object" ? got.key : got;
    });
  }

  settle(command: "ACK" | "NACK", message: ModelMessage, asksReceipt: boolean, at?: number): void {
    const { real } = message;
    if (real === undefined) return;
    const tx = at === undefined ? undefined : this.transactions[at];
    const { session } = this.model;
    this.#sync();
    const receipt: ModelReceipt | undefined = asksReceipt
      ? { id: this.name("r"), session, due: performance.now() + RECEIPT_TIMEOUT, tx: tx?.model, end: undefined }
      : undefined;
    const expected = this.model.ask(command, message, receipt, tx?.model);
    const options = receipt === undefined ? {} : { receipt: receipt.id };
    const what = `${command} of ${message.key}${tx === undefined ? "" : ` in ${tx.model.id}`}${asksReceipt ? " with a receipt" : ""}`;
    this.#call(what, expected, () => {
      const method = command === "ACK" ? "ack" : "nack";
      return tx === undefined ? real[method](options) : tx.real[method](real, options);
    });
    if (expected.frame !== undefined) this.model.settled(command, message, receipt, tx?.model);
  }

  begin(): void {
    const { model } = this;
    if (!model.isOpen || this.client.session === undefined) return;
    const tx: ModelTransaction = { id: this.name("t"), session: model.session, state: "open" };
    model.transactions.push(tx);
    const begun = this.client.begin({ id: tx.id });
    void begun.then((real) => this.transactions.push({ real, model: tx }));
    this.#track(`begin ${tx.id}`, begun, () => "object");
  }

  finishTransaction(at: number, commits: boolean, asksReceipt: boolean): void {
    const tx = this.transactions[at];
    if (tx === undefined) return;
    const { model } = this;
    const isGone = tx.model.session !== model.session || !model.isOpen || tx.model.state === "abandoned";
    const end = tx.model.state === "finished" ? "InvalidStateError" : isGone ? "TransactionError" : "undefined";
    const what = commits ? "COMMIT" : "ABORT";
    const options = asksReceipt ? { receipt: this.name("x") } : { receipt: false };
    const frame =
      end === "undefined"
        ? [what, `transaction:${tx.model.id}`, ...(asksReceipt ? [`receipt:${String(options.receipt)}`] : [])].join(" ")
        : undefined;
    const expected = { frame, end: this.#isDying && frame !== undefined ? undefined : () => end };
    this.#call(`${what} of ${tx.model.id}`, expected, () =>
      commits ? tx.real.commit(options) : tx.real.abort(options),
    );
    if (frame !== undefined) model.finish(tx.model, commits);
  }

  unsubscribe(sub: ModelSubscription): void {
    const { real } = sub;
    if (real === undefined) return;
    const frame = this.model.unsubscribe(sub);
    this.#call(`unsubscribe ${sub.terms.id}`, { frame, end: () => "undefined" }, () => real.unsubscribe());
  }

  disconnect(): void {
    if (this.client.state === "connected") this.model.disconnect();
    this.#track("disconnect", this.client.disconnect());
  }

  reconnect(): void {
    if (this.client.state === "disconnecting") return;
    const isEnded = this.client.state === "connected";
    const connected = this.client.reconnect();
    this.#track("reconnect", connected);
    // The session is closed in a moment, whatever handlers do.
    if (isEnded) this.model.closesAt = -Infinity;
  }

  signal(message: ModelMessage): void {
    const { real } = message;
    if (real === undefined || message.signal !== undefined) return;
    const { signal } = real;
    message.signal = signal;
    signal.addEventListener("abort", () => {
      // Whoever hears of it finds that nothing can be sent any more.
      this.#call(`ACK of ${message.key} when it is released`, { frame: undefined, end: () => "false" }, () =>
        real.ack(),
      );
    });
  }

  finishWork(at: number, fails: boolean): void {
    finish(this.working.splice(at, 1)[0], undefined, fails);
  }

  finishDecoding(at: number, fails: boolean): void {
    finish(this.decoding.splice(at, 1)[0], "value", fails);
  }

  /** The frame of a message, perhaps `again`. */
  message(id: string, plan: Plan, again?: ModelMessage): string | Uint8Array {
    const { destination = "" } = this.known.get(id) ?? {};
    const key = this.name("m");
    this.#plans.set(key, plan);
    const { version } = this.model;
    return this.broker.session.encode("MESSAGE", {
      ...(version === "1.0" ? {} : { subscription: id }),
      destination,
      "message-id": again?.id ?? `id-${key}`,
      ...(version === "1.2" ? { ack: again?.ackHeader ?? `ack-${key}` } : {}),
      ...(again === undefined ? {} : { redelivered: "true" }),
      key,
    });
  }

  deliver(frames: readonly (string | Uint8Array)[], isJoined: boolean): void {
    if (isJoined && frames.length > 0) this.broker.transport.send(joined(frames));
    else for (const frame of frames) this.broker.transport.send(frame);
  }

  answer(at: number): void {
    const [id] = this.unanswered.splice(at, 1);
    if (id !== undefined) this.broker.send("RECEIPT", { "receipt-id": id });
  }

  lose(inOrder: boolean): void {
    this.#isDying = true;
    if (inOrder) void this.broker.transport.close();
    else this.broker.transport.abort(new Error("cable cut"));
  }

  /** Let everything happen that can happen now, and compare. */
  async rest(): Promise<void> {
    await settled();
    await settled();
    this.#sync();
    this.model.rest();
    this.#compare();
  }

  async wait(ms: number): Promise<void> {
    // The asynchronous way takes real timers, and in a browser milliseconds.
    for (let left = ms; left > 0; left -= 10) {
      vi.advanceTimersByTime(Math.min(10, left));
      await settled();
    }
    await this.rest();
  }

  /** All ends. */
  async calm(): Promise<void> {
    await this.#finishAll();
    if (this.client.state !== "connected") await this.connect();
    for (let at = 0; at < this.transactions.length; at++) this.finishTransaction(at, true, true);
    await this.rest();
    this.disconnect();
    await this.#finishAll();
    await this.wait(RECEIPT_TIMEOUT);
    for (const sub of this.model.subs) {
      if (sub.terms.hasHandler) continue;
      for (let left = this.model.unread(sub).length + 1; left > 0; left--) {
        this.next(sub);
        await this.#finishAll();
      }
    }
    const { faults } = this.model;
    for (const { what, got } of this.#calls) if (got === undefined) faults.push(`${what} is never settled`);
    this.model.rested();
    if (this.client.state !== "disconnected") faults.push(`the client is ${this.client.state}`);
    this.#compare();
  }

  /** Whatever is under way is finished, and the broker answers. */
  async #finishAll(): Promise<void> {
    for (let round = 0; round < 4; round++) {
      await this.rest();
      for (; this.decoding.length > 0; await this.rest()) this.finishDecoding(0, false);
      for (; this.working.length > 0; await this.rest()) this.finishWork(0, false);
      while (this.unanswered.length > 0) this.answer(0);
      await this.wait(100);
    }
  }

  #compare(): void {
    const { model } = this;
    const faults = [...model.faults];
    const check = (got: unknown, expected: unknown, what: string, of = ""): void => {
      if (got !== expected) faults.push(`${what}${of}: ${String(got)} instead of ${String(expected)}`);
    };
    for (const { what, got, end } of this.#calls) if (end !== undefined) check(got, end(), what);
    this.#calls = this.#calls.filter(({ got }) => got === undefined);
    for (const { real, signal, by, isReleased, key } of model.messages.values()) {
      if (real !== undefined) check(real.isSettled, by !== undefined, "isSettled of ", key);
      if (signal !== undefined) check(signal.aborted, isReleased, "signal of ", key);
      if (signal !== undefined) check(real?.signal === signal, true, "the same signal of ", key);
      else if (real !== undefined && isReleased) check(real.signal.aborted, true, "new signal of ", key);
    }
    for (const sub of model.subs) {
      if (sub.real === undefined) continue;
      check(sub.real.isLive, sub.state !== "ended", "isLive of ", sub.terms.id);
      check(sub.real.unread, model.unread(sub).length, "unread of ", sub.terms.id);
    }
    check(this.client.metrics().messagesDropped, model.dropped, "messagesDropped");
    check(this.#told.sort().join(), model.told.sort().join(), "told");
    this.#told = [];
    model.told = [];
    const [sent = [], came = []] = [this.#sent.at(-1), this.#came.at(-1)];
    check(came.join(), (model.isOpen && !this.#isDying ? sent : sent.slice(0, came.length)).join(), "what came");
    if (faults.length > 0) throw new Error(faults.join("\n"));
  }

  #call(what: string, { frame, end }: Pick<Expected, "frame"> & Pick<Call, "end">, call: () => Promise<unknown>): void {
    const outer = this.#within;
    this.#within = [];
    const promise = call();
    const frames = this.#within;
    this.#within = outer;
    const expected = frame === undefined ? [] : [frame];
    if (frames.join() !== expected.join())
      this.model.faults.push(`${what} sends ${JSON.stringify(frames)} instead of ${JSON.stringify(expected)}`);
    this.#track(what, promise, end);
  }

  #track(what: string, promise: Promise<unknown>, end?: Call["end"]): void {
    this.#calls.push(watched(what, promise, end));
  }

  #frame({ direction, frame }: FrameEvent): void {
    const { model } = this;
    const { command, headers } = frame;
    this.#sync();
    if (direction === "in") {
      if (command === "CONNECTED") {
        this.#isDying = false;
        this.#sent.push([]);
        model.connected();
      } else if (command === "RECEIPT") {
        model.confirmed(headers.get("receipt-id") ?? "");
      } else if (command === "MESSAGE") {
        model.arrived(headers, this.#planOf(headers.get("key") ?? ""));
      }
      return;
    }
    const text = textOf(frame);
    if (COMPARED.includes(command)) this.#sent.at(-1)?.push(text);
    if (this.#within !== undefined && command !== "SUBSCRIBE") this.#within.push(text);
    else if (!text.includes("sentinel")) model.sent(text);
  }

  #came_(frame: Frame): void {
    const { command, headers } = frame;
    const receipt = headers.get("receipt");
    const id = headers.get("id") ?? "";
    if (command === "CONNECT") {
      this.#came.push([]);
      this.known = new Map();
      this.unanswered = [];
    }
    if (COMPARED.includes(command)) this.#came.at(-1)?.push(textOf(frame));
    if (command === "SUBSCRIBE") {
      if (this.known.has(id)) this.model.faults.push(`SUBSCRIBE of ${id} twice in a session`);
      this.known.set(id, { destination: headers.get("destination") ?? "", isLive: true });
    }
    const known = command === "UNSUBSCRIBE" ? this.known.get(id) : undefined;
    if (known !== undefined) known.isLive = false;
    if (receipt === undefined) return;
    if (command === "ACK" || command === "NACK") this.unanswered.push(receipt);
    else this.broker.send("RECEIPT", { "receipt-id": receipt });
  }

  #status(status: Status): void {
    switch (status.type) {
      case "connected":
        void this.client.begin({ id: this.name("sentinel") }).then((transaction) => {
          this.#sentinel = transaction;
        });
        break;
      case "disconnected":
        this.#sentinel = undefined;
        this.model.lost(!status.reconnects, status.reason);
        break;
      case "handler-error":
        this.#told.push(`handler-error ${nameOf(status.error)}`);
        break;
      case "invalid-message":
        this.#told.push(`invalid-message ${status.message.headers.get("key") ?? ""}`);
        break;
      case "message-dropped":
        this.#told.push(`message-dropped ${status.count}`);
        break;
      case "slow-consumer":
      case "prefetch-used-up":
      case "subscription-failed":
        this.#told.push(`${status.type} ${status.destination}`);
        break;
      default:
    }
  }

  #planOf(key: string): Plan {
    return this.#plans.get(key) ?? { codec: "ok", act: "nothing", ends: "return" };
  }

  #known(real: Message<unknown>): ModelMessage {
    const message = this.model.messages.get(real.headers.get("key") ?? "");
    if (message === undefined) {
      this.model.faults.push(`nobody knows ${String(real.headers.get("key"))}`);
      throw new Error("unknown message");
    }
    message.real = real;
    return message;
  }

  #decode(message: ModelMessage): string | Promise<string> {
    const { model } = this;
    this.#sync();
    model.decoding(message);
    const { codec } = message.plan;
    if (codec.startsWith("acks")) this.settle("ACK", message, false);
    if (codec.endsWith("later")) {
      const end = deferred<string>();
      model.decodesLater(message);
      this.decoding.push({ message, end });
      later(end.promise, (fails) => {
        this.#sync();
        model.decoded(message, !fails, true);
      });
      return end.promise;
    }
    model.decoded(message, codec !== "bad", false);
    if (codec === "bad") throw new Error(message.key);
    return "value";
  }

  #work(message: ModelMessage, by: "handler" | "policy"): unknown {
    const { model } = this;
    const { act, ends } = message.plan;
    this.#sync();
    model.called(message, by);
    if (act === "ack" || act === "nack") this.settle(act === "ack" ? "ACK" : "NACK", message, false);
    else if (act === "ack-last") this.settle("ACK", this.given().at(-2) ?? message, false);
    else if (act === "unsubscribe") this.unsubscribe(message.sub);
    else if (act === "disconnect") this.disconnect();
    else if (act === "reconnect") this.reconnect();
    if (ends === "later") {
      const end = deferred<undefined>();
      this.working.push({ message, end });
      later(end.promise, (fails) => {
        this.#sync();
        model.finished(message, by, fails);
      });
      return end.promise;
    }
    model.finished(message, by, ends === "throw");
    if (ends === "throw") throw new Error(message.key);
    return undefined;
  }
}
