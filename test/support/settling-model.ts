/**
 * What calls that settle messages must come to, written the plain way: each message is an object with all that is known of it, and a
 * cumulative ACK walks through all of them. It shares no code and no bookkeeping with the client.
 */
import type { Version } from "../../src/protocol/index.js";
import {
  type Expected,
  type ModelMessage,
  type ModelReceipt,
  type ModelTransaction,
  nothing,
} from "./delivery-facts.js";

export class SettlingModel {
  readonly version: Version;
  readonly faults: string[] = [];
  readonly messages = new Map<string, ModelMessage>();
  readonly receipts: ModelReceipt[] = [];
  readonly transactions: ModelTransaction[] = [];
  session = 0;
  /** Whether frames may be sent. */
  isOpen = false;

  constructor(version: Version) {
    this.version = version;
  }

  /** What a call of `ack` or `nack` must do. */
  ask(
    command: "ACK" | "NACK",
    message: ModelMessage,
    receipt: ModelReceipt | undefined,
    tx: ModelTransaction | undefined,
  ): Expected {
    const { sub } = message;
    const { ack } = sub.terms;
    if (tx?.state === "finished") return nothing("InvalidStateError");
    if (tx !== undefined && (tx.state === "abandoned" || tx.session !== this.session || !this.isOpen))
      return nothing("TransactionError");
    const open = ack === "client" ? this.#together(message).find((one) => one.tx !== undefined)?.tx : message.tx;
    if (open !== undefined && open !== tx) return nothing("InvalidStateError");
    if (message.by !== undefined) return this.#again(command, message, receipt, tx);
    if (command === "NACK" && (ack === "auto" || this.version === "1.0")) return nothing("InvalidStateError");
    const done = tx === undefined ? "true" : "undefined";
    if (ack === "auto") return nothing(done);
    if (message.isReleased || !this.isOpen) return nothing(tx === undefined ? "false" : "InvalidStateError");
    const frame = this.#frame(command, message, receipt, tx);
    return { frame, end: () => (receipt === undefined ? done : endOf(receipt, tx)) };
  }

  #again(
    command: "ACK" | "NACK",
    message: ModelMessage,
    receipt: ModelReceipt | undefined,
    tx: ModelTransaction | undefined,
  ): Expected {
    const { sub } = message;
    if (message.by !== command || this.#isUncertain(message)) return nothing("InvalidStateError");
    if (receipt === undefined) return nothing(tx === undefined ? "true" : "undefined");
    const later = sub.frames.filter((one) => one.receipt !== undefined && one.last.session === message.session).at(-1);
    const isCovered = later !== undefined && later.last.place >= message.place;
    const known = message.isOwn ? message.receipt : isCovered ? later.receipt : undefined;
    return known === undefined ? nothing("InvalidStateError") : { frame: undefined, end: () => endOf(known, tx) };
  }

  /** Between NACKs that do not follow one another the client does not remember what a message was settled by. */
  #isUncertain(message: ModelMessage): boolean {
    if (message.isOwn) return false;
    const all = this.#together(message);
    const nacks = all.filter(({ by }) => by === "NACK").map(({ place }) => place);
    const [first, last] = [Math.min(...nacks), Math.max(...nacks)];
    return message.place >= first && message.place <= last && nacks.length < last - first + 1;
  }

  /** The messages that are acknowledged together with one. */
  #together({ sub, session }: ModelMessage): ModelMessage[] {
    return sub.messages.filter((one) => one.session === session);
  }

  #frame(
    command: "ACK" | "NACK",
    message: ModelMessage,
    receipt: ModelReceipt | undefined,
    tx: ModelTransaction | undefined,
  ): string {
    const ids =
      this.version === "1.2"
        ? [`id:${message.ackHeader ?? message.id}`]
        : [`message-id:${message.id}`, `subscription:${message.sub.terms.id}`];
    const more = [...(tx ? [`transaction:${tx.id}`] : []), ...(receipt ? [`receipt:${receipt.id}`] : [])];
    return [command, ...ids, ...more].join(" ");
  }

  /** The frame of a message was sent. */
  settled(
    command: "ACK" | "NACK",
    message: ModelMessage,
    receipt: ModelReceipt | undefined,
    tx: ModelTransaction | undefined,
  ): void {
    const { sub } = message;
    sub.frames.push({ last: message, receipt });
    if (receipt !== undefined) this.receipts.push(receipt);
    for (const one of sub.terms.ack === "client" ? this.#together(message) : [message]) {
      if (one.place > message.place || one.by !== undefined) continue;
      one.by = command;
      one.tx = tx;
    }
    message.isOwn = true;
    message.receipt = receipt;
    if (!message.wasHandedOut) message.isTouched = true;
  }

  finish(tx: ModelTransaction, isCommitted: boolean): void {
    tx.state = "finished";
    if (!isCommitted) this.endReceipts("TransactionError", (receipt) => receipt.tx === tx);
    for (const message of this.messages.values()) {
      if (message.tx !== tx) continue;
      if (isCommitted) message.tx = undefined;
      else this.undo(message);
    }
  }

  expire(): void {
    this.endReceipts("ReceiptTimeoutError", ({ due }) => due <= performance.now());
  }

  confirmed(id: string): void {
    this.expire();
    this.endReceipts("true", (receipt) => receipt.id === id);
  }

  endReceipts(end: string, which: (receipt: ModelReceipt) => boolean): void {
    for (const receipt of this.receipts) if (receipt.end === undefined && which(receipt)) receipt.end = end;
  }

  /** All has ended: nothing may be left. */
  rested(): void {
    for (const { key, sub, by, isReleased, where } of this.messages.values()) {
      const isSettled = sub.terms.ack === "auto" || by !== undefined || isReleased;
      if (where !== "out" && where !== "gone") this.faults.push(`${key} is left ${where}`);
      if (!isSettled) this.faults.push(`${key} is left unsettled`);
    }
  }

  undo(message: ModelMessage): void {
    message.by = message.tx = message.receipt = undefined;
    message.isOwn = false;
    message.sub.frames = message.sub.frames.filter(({ last }) => last !== message);
  }
}

/** Whether nothing can be done about a message any more. */
export function isOver({ by, tx, isReleased }: ModelMessage): boolean {
  return isReleased || (by !== undefined && tx === undefined);
}

/** What a call with a receipt comes to, for a message or in a transaction. */
function endOf({ end }: ModelReceipt, tx: ModelTransaction | undefined): string | undefined {
  if (tx === undefined) return end;
  return end === "true" ? "undefined" : end === "ConnectionLostError" ? "TransactionError" : end;
}
