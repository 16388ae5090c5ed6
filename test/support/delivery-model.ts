/**
 * What must become of messages, from their arrival on. The client's frames and calls are shown to it as they happen.
 */
import type { Version } from "../../src/protocol/index.js";
import {
  type ModelMessage,
  type ModelReader,
  type ModelSubscription,
  type ModelTerms,
  type ModelTransaction,
  type Plan,
} from "./delivery-facts.js";
import { SettlingModel, isOver } from "./settling-model.js";

/** The model. What the client did that it should not have done is in `faults`. */
export class DeliveryModel extends SettlingModel {
  readonly subs: ModelSubscription[] = [];
  /** What status must have reported since the last look. */
  told: string[] = [];
  /** `disconnect` was called, and waits for handlers until this time. */
  closesAt: number | undefined;
  dropped = 0;
  /** How long `unsubscribe`, `disconnect` and the end by an error wait, in ms. */
  readonly #drainTimeout: number;
  #strays = 0;
  readonly #used = new Set<string>();
  /** What the client must send of itself, as soon as it can. */
  #owed: { readonly message: ModelMessage; readonly command: "ACK" | "NACK" }[] = [];
  #unsubscribes: string[] = [];

  constructor(version: Version, drainTimeout: number) {
    super(version);
    this.#drainTimeout = drainTimeout;
  }

  get live(): ModelSubscription[] {
    return this.subs.filter((sub) => sub.state !== "ended");
  }

  unread(sub: ModelSubscription): ModelMessage[] {
    return sub.messages.filter(({ where }) => where === "unread");
  }

  // Sessions

  connected(): void {
    this.#leave();
    this.session++;
    this.isOpen = true;
  }

  /** Nothing can be sent any more. */
  closing(): void {
    this.expire();
    this.isOpen = false;
    for (const tx of this.transactions.filter(({ state }) => state === "open")) {
      tx.state = "abandoned";
      this.endReceipts("TransactionError", (receipt) => receipt.tx === tx);
    }
    for (const sub of this.subs) this.#release(sub);
  }

  /** The transport tells the client that it has ended, before the client delivers the last of what has come. */
  cut(): void {
    this.isOpen = false;
  }

  /** The client sends nothing more in this session. */
  closes(): void {
    if (!this.isOpen) return;
    if (this.closesAt !== undefined && !this.#mayClose())
      this.faults.push("the session closes before handlers have finished");
    this.closing();
  }

  /** The session has ended. `isLast`: the client tries for no other. */
  lost(isLast: boolean, reason: unknown): void {
    this.expire();
    this.endReceipts("ConnectionLostError", () => true);
    this.closing();
    this.closesAt = undefined;
    this.#unsubscribes = [];
    for (const sub of this.live) if (sub.leavesAt !== undefined) this.#endDrained(sub);
    if (isLast) for (const sub of this.live) this.#end(sub, reason, reason === undefined && sub.terms.hasHandler);
    if (isLast) for (const sub of this.subs) sub.isForgotten = true;
    this.#used.clear();
  }

  // Subscriptions

  /** Returns whether that is allowed. */
  subscribe(terms: ModelTerms): ModelSubscription | undefined {
    if (this.#used.has(terms.id) || this.live.some((sub) => sub.terms.id === terms.id)) return undefined;
    const sub: ModelSubscription = {
      terms,
      messages: [],
      frames: [],
      running: 0,
      readers: [],
      reading: [],
      state: "live",
      leavesAt: undefined,
      failure: undefined,
      isFed: false,
      isOver: false,
      isForgotten: false,
      hasDrained: false,
      isUsedUp: false,
      reason: undefined,
      real: undefined,
    };
    this.subs.push(sub);
    return sub;
  }

  /** `unsubscribe` is called. Returns the frame that it must send at once. */
  unsubscribe(sub: ModelSubscription): string | undefined {
    sub.reading = []; // what a reader has is not waited for
    this.#note();
    if (sub.state === "ended" || sub.leavesAt !== undefined) return undefined;
    if (this.#mustDrain(sub)) {
      this.#leaves(sub);
      return undefined;
    }
    const frame = this.isOpen ? `UNSUBSCRIBE id:${sub.terms.id}` : undefined;
    this.#end(sub, undefined, true);
    return frame;
  }

  /** `disconnect` is called. */
  disconnect(): void {
    this.closesAt ??= performance.now() + this.#drainTimeout;
    for (const sub of this.subs) {
      sub.hasDrained = false;
      this.#drain(sub);
    }
    this.#note();
  }

  #drain(sub: ModelSubscription): void {
    if (sub.state === "live") sub.state = "draining";
    if (sub.terms.ack !== "auto") for (const message of this.unread(sub)) message.where = "gone";
  }

  /** Whether UNSUBSCRIBE must wait for what handlers work on, or for a transaction: it can still be acknowledged. */
  #mustDrain(sub: ModelSubscription): boolean {
    return sub.isFed && ((sub.terms.hasHandler && sub.running > 0) || isTentative(sub));
  }

  /** It ends when what was handed out is acknowledged, or after a time. */
  #leaves(sub: ModelSubscription): void {
    sub.leavesAt = performance.now() + this.#drainTimeout;
    sub.isOver = true;
    this.#drain(sub);
    this.#note();
  }

  #fail(sub: ModelSubscription, reason: unknown, dropUnread: boolean): void {
    if (sub.state === "ended" || sub.leavesAt !== undefined) return;
    sub.failure = { reason, dropUnread };
    if (this.#mustDrain(sub)) {
      this.#leaves(sub);
      return;
    }
    if (this.isOpen) this.#unsubscribes.push(sub.terms.id);
    this.#endDrained(sub);
  }

  #endDrained(sub: ModelSubscription): void {
    const { reason, dropUnread } = sub.failure ?? { reason: undefined, dropUnread: true };
    if (sub.failure !== undefined) this.told.push(`subscription-failed ${sub.terms.destination}`);
    this.#end(sub, reason, dropUnread);
  }

  #end(sub: ModelSubscription, reason: unknown, dropUnread: boolean): void {
    sub.state = "ended";
    sub.reason = reason;
    sub.isOver = dropUnread || sub.terms.ack !== "auto";
    sub.leavesAt = undefined;
    if (this.isOpen) this.#used.add(sub.terms.id);
    const unread = this.unread(sub);
    if (sub.isOver && sub.terms.ack === "auto" && unread.length > 0) this.#drop(unread);
    this.#release(sub);
    this.#endReaders(sub);
    this.#note();
  }

  #drop(messages: readonly ModelMessage[]): void {
    for (const message of messages) message.where = "gone";
    this.dropped += messages.length;
    this.told.push(`message-dropped ${messages.length}`);
  }

  #release(sub: ModelSubscription): void {
    if (sub.terms.ack === "auto") return;
    sub.isFed = false;
    sub.reading = [];
    for (const message of sub.messages) {
      if (message.where === "unread") message.where = "gone";
      if (message.tx !== undefined) this.undo(message);
      if (message.by === undefined) message.isReleased = true;
    }
    this.#note();
  }

  // Messages on their way

  /** A MESSAGE has come. */
  arrived(headers: ReadonlyMap<string, string>, plan: Plan): void {
    const id = headers.get("subscription");
    const destination = headers.get("destination");
    const sub = this.live.find(({ terms }) => (id === undefined ? terms.destination === destination : terms.id === id));
    if (sub === undefined) {
      this.dropped++;
      this.told.push(`message-dropped ${++this.#strays}`);
      return;
    }
    if (sub.terms.ack !== "auto" && (!this.isOpen || sub.state !== "live")) return; // the broker's again
    const unread = this.unread(sub);
    const isTaken = unread.length === 0 && this.#wants(sub);
    const message: ModelMessage = {
      key: headers.get("key") ?? "",
      id: headers.get("message-id") ?? "",
      ackHeader: headers.get("ack"),
      sub,
      session: this.session,
      place: sub.messages.filter(({ session }) => session === this.session).length + 1,
      plan,
      where: "unread",
      by: undefined,
      isOwn: false,
      receipt: undefined,
      tx: undefined,
      isReleased: false,
      isTouched: false,
      wasHandedOut: false,
      real: undefined,
      signal: undefined,
    };
    this.messages.set(message.key, message);
    sub.messages.push(message);
    sub.isFed = sub.terms.ack !== "auto";
    if (isTaken) this.#pump(sub);
    else if (unread.length >= sub.terms.most) this.#overflow(sub, sub.terms.whenSlow === "fail" ? message : unread[0]);
  }

  #overflow(sub: ModelSubscription, victim: ModelMessage | undefined): void {
    if (victim !== undefined) victim.where = "gone";
    this.dropped++;
    this.told.push(`slow-consumer ${sub.terms.destination}`);
    if (sub.terms.whenSlow === "fail") this.#fail(sub, "slow", false);
  }

  #mayHandOut(sub: ModelSubscription): boolean {
    return sub.state === "live" || (sub.terms.ack === "auto" && !sub.isOver);
  }

  #wants(sub: ModelSubscription): boolean {
    const most = sub.terms.ack === "client" || !sub.terms.hasHandler ? 1 : sub.terms.concurrency;
    return this.#mayHandOut(sub) && sub.running < most && (sub.terms.hasHandler || sub.readers.length > 0);
  }

  /** Readers without a codec get their messages at once. */
  #pump(sub: ModelSubscription): void {
    if (sub.terms.hasHandler || sub.terms.hasCodec) return;
    for (let [next] = this.unread(sub); next !== undefined && this.#wants(sub); [next] = this.unread(sub))
      this.#toReader(next);
  }

  #toReader(message: ModelMessage): void {
    const { sub } = message;
    message.where = "out";
    message.wasHandedOut = true;
    sub.reading.push(message);
    const reader = sub.readers.shift();
    if (reader === undefined) this.faults.push(`nobody waits for ${message.key}`);
    else reader.got = message;
    this.#note();
  }

  #endReaders(sub: ModelSubscription): void {
    if (sub.state !== "ended" || !(sub.isOver || (sub.running === 0 && this.unread(sub).length === 0))) return;
    for (const reader of sub.readers.splice(0)) {
      reader.got = sub.reason === undefined ? "done" : "rejected";
      sub.reason = undefined;
    }
  }

  /** `next` is called. */
  next(sub: ModelSubscription): ModelReader {
    if (sub.readers.length === 0) sub.reading = [];
    const reader: ModelReader = { got: undefined };
    sub.readers.push(reader);
    this.#pump(sub);
    this.#endReaders(sub);
    this.#note();
    return reader;
  }

  /** Somebody waits for a message, but the broker sends none before something is settled: that is told once, until it is over. */
  #checkPrefetch(sub: ModelSubscription): void {
    const { ack, hasHandler, most, destination } = sub.terms;
    const { prefetch = Math.min(ack === "client" ? 1000 : 100, most) } = sub.terms;
    const waits = this.#mayHandOut(sub) && (hasHandler || sub.readers.length > 0);
    if (!waits || this.#outstanding(sub) < prefetch) sub.isUsedUp = false;
    else if (sub.running === 0 && this.unread(sub).length === 0 && !sub.isUsedUp && !this.#owes(sub)) {
      this.told.push(`prefetch-used-up ${destination}`);
      sub.isUsedUp = true;
    }
  }

  /** How many messages the program has that can be settled. */
  #outstanding({ terms, messages }: ModelSubscription): number {
    if (terms.ack === "auto") return 0;
    const open = messages.filter(({ by, isReleased }) => by === undefined && !isReleased);
    const last = messages.filter(({ wasHandedOut, session }) => wasHandedOut && session === this.session).at(-1);
    return open.filter((one) =>
      terms.ack === "client" ? one.place <= (last?.place ?? 0) : one.wasHandedOut || one.isTouched,
    ).length;
  }

  /** A message leaves the buffer. */
  #taken(message: ModelMessage): void {
    const { sub, key } = message;
    if (this.unread(sub)[0] !== message) this.faults.push(`${key} is not the oldest unread message`);
    if (!this.#wants(sub)) this.faults.push(`${key} is taken, but nobody wants it`);
  }

  /** The codec is called with a message. */
  decoding(message: ModelMessage): void {
    this.#taken(message);
    message.where = "decoding";
  }

  /** The codec has returned a promise. */
  decodesLater({ sub }: ModelMessage): void {
    sub.running++;
  }

  /** The codec has an answer. `wasLater`: it was a promise. */
  decoded(message: ModelMessage, isValid: boolean, wasLater: boolean): void {
    const { sub } = message;
    if (wasLater) sub.running--;
    if (!isValid) this.#invalid(message);
    else if (message.isReleased || message.isTouched || (sub.isOver && sub.terms.ack !== "auto"))
      message.where = "gone";
    else if (sub.isOver) this.#drop([message]);
    else if (sub.terms.hasHandler) message.where = "decoded";
    else this.#toReader(message);
    if (message.where === "decoded" || message.where === "invalid") return; // somebody is called at once
    this.#endReaders(sub);
    this.#note();
  }

  #invalid(message: ModelMessage): void {
    const { sub } = message;
    message.where = "gone";
    if (isOver(message)) return;
    this.told.push(`invalid-message ${message.key}`);
    if (sub.terms.invalid === "nack") this.#owe(message, "NACK");
    else if (sub.terms.invalid === "fail") this.#fail(sub, "invalid", true);
    else if (!message.isTouched) message.where = "invalid";
  }

  /** A handler or a policy is called with a message. */
  called(message: ModelMessage, by: "handler" | "policy"): void {
    const { sub, key, where } = message;
    if (by === "policy" || sub.terms.hasCodec) {
      const expected = by === "policy" ? "invalid" : "decoded";
      if (where !== expected) this.faults.push(`${by} gets ${key}, which is ${where}`);
    } else {
      this.#taken(message);
    }
    if (sub.terms.ack !== "auto" && (message.isReleased || message.by !== undefined || !this.isOpen))
      this.faults.push(`${by} gets ${key}, which cannot be acknowledged any more`);
    message.where = "out";
    message.wasHandedOut = true;
    sub.running++;
  }

  /** A handler or a policy has finished. */
  finished(message: ModelMessage, by: "handler" | "policy", failed: boolean): void {
    message.sub.running--;
    if (failed) this.told.push(`handler-error ${message.key}`);
    if (by === "handler") this.#owe(message, failed ? "NACK" : "ACK");
    this.#endReaders(message.sub);
    this.#note();
  }

  /** The client has to settle a message of itself, if it can. */
  #owe(message: ModelMessage, command: "ACK" | "NACK"): void {
    const { sub } = message;
    if (sub.terms.ack === "auto" || message.by !== undefined || message.isReleased) return;
    if (command === "NACK" && this.version === "1.0") return; // the message stays with the broker
    const { frame } = this.ask(command, message, undefined, undefined);
    if (frame !== undefined) this.#owed.push({ message, command });
    else this.told.push("handler-error InvalidStateError"); // an open transaction forbids it
  }

  override settled(...given: Parameters<SettlingModel["settled"]>): void {
    super.settled(...given);
    this.#note();
  }

  override finish(tx: ModelTransaction, isCommitted: boolean): void {
    super.finish(tx, isCommitted);
    this.#note();
  }

  /** The client sent a frame of itself, not in a call of the program. */
  sent(frame: string): void {
    const [command = ""] = frame.split(" ");
    if (command === "ACK" || command === "NACK") {
      const at = this.#owed.findIndex(
        (one) => this.ask(one.command, one.message, undefined, undefined).frame === frame,
      );
      const [owed] = at < 0 ? [] : this.#owed.splice(at, 1);
      if (owed === undefined) this.faults.push(`unexpected ${frame}`);
      else this.settled(owed.command, owed.message, undefined, undefined);
    } else if (command === "UNSUBSCRIBE") {
      this.#unsubscribed(frame.slice("UNSUBSCRIBE id:".length));
    } else if (command === "DISCONNECT" && this.closesAt !== undefined) {
      this.closes();
    }
  }

  #unsubscribed(id: string): void {
    const at = this.#unsubscribes.indexOf(id);
    if (at >= 0) {
      this.#unsubscribes.splice(at, 1); // it has failed
      return;
    }
    const sub = this.live.find(({ terms }) => terms.id === id);
    if (sub?.leavesAt === undefined) this.faults.push(`unexpected UNSUBSCRIBE of ${id}`);
    else if (sub.leavesAt > performance.now()) this.faults.push(`UNSUBSCRIBE of ${id} is early`);
    else this.#endDrained(sub);
  }

  /** Whether the client still has to settle something of itself. */
  #owes(sub: ModelSubscription): boolean {
    return this.#owed.some(({ message }) => message.sub === sub && !isOver(message));
  }

  #mayClose(): boolean {
    const { closesAt = Infinity } = this;
    return closesAt <= performance.now() || this.subs.every((sub) => sub.hasDrained);
  }

  /** Something is done, or is not waited for any longer. */
  #note(): void {
    for (const sub of this.subs) {
      this.#checkPrefetch(sub);
      if (!this.#isIdle(sub)) continue;
      if (this.closesAt !== undefined) sub.hasDrained = true;
      if (sub.leavesAt !== undefined) sub.leavesAt = -Infinity;
    }
  }

  #isIdle(sub: ModelSubscription): boolean {
    if (sub.terms.ack === "auto" && !sub.terms.hasHandler) return true; // nothing can be lost, whether it waits for a codec or not
    if (sub.running > 0) return sub.isForgotten;
    if (sub.terms.ack === "auto") return this.unread(sub).length === 0;
    return !isTentative(sub) && !this.#owes(sub) && sub.reading.every((message) => isOver(message));
  }

  /** Those whose handlers have finished, or are not waited for any longer, have ended. */
  #leave(): void {
    for (const sub of this.live) {
      if (sub.leavesAt === undefined || sub.leavesAt > performance.now()) continue;
      if (this.isOpen) this.faults.push(`no UNSUBSCRIBE of ${sub.terms.id} in time`);
      this.#endDrained(sub);
    }
  }

  /** All that can happen now has happened: what must have been done by now? */
  rest(): void {
    this.expire();
    for (const { message, command } of this.#owed)
      if (message.by === undefined && !message.isReleased) this.faults.push(`no ${command} of ${message.key}`);
    this.#owed = [];
    for (const id of this.#unsubscribes.splice(0)) this.faults.push(`no UNSUBSCRIBE of ${id}`);
    this.#leave();
    const decodes = this.subs.some(({ terms, running }) => running > 0 && terms.ack === "auto" && !terms.hasHandler);
    if (this.closesAt !== undefined && this.isOpen && !decodes && this.#mayClose())
      this.faults.push("the session does not close");
    for (const sub of this.subs) {
      if (this.unread(sub).length > 0 && this.#wants(sub)) this.faults.push(`${sub.terms.id} does not hand out`);
    }
    for (const { where, key } of this.messages.values())
      if (where === "decoded" || where === "invalid") this.faults.push(`${key} got lost when it was ${where}`);
  }
}

/** Whether a transaction that has not ended has settled some of its messages. */
function isTentative({ messages }: ModelSubscription): boolean {
  return messages.some(({ tx }) => tx !== undefined);
}
