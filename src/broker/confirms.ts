/** Receipts that come later than those of other frames: RabbitMQ's for SEND, which are its publisher confirms. */
import type { ClientFrame } from "../protocol/index.js";

interface Confirm {
  readonly destination: string;
  readonly send: () => void;
}

/** The receipts of SENDs that one connection waits for. They are no more than a turn, or a transaction, can have. */
export class Confirms {
  /** By destination; the one that was sent to last is the last. */
  readonly #due = new Map<string, Confirm[]>();
  readonly #transactions = new Map<string, Confirm[]>();

  /** Keep the receipt of a SEND: until the end of the turn, or until its transaction was committed and the turn of that ends. */
  add({ headers }: ClientFrame, send: () => void): void {
    const confirm = { destination: headers.get("destination") ?? "", send };
    const transaction = headers.get("transaction");
    if (transaction === undefined) this.#add(confirm);
    else {
      const held = this.#transactions.get(transaction);
      if (held === undefined) this.#transactions.set(transaction, [confirm]);
      else held.push(confirm);
    }
  }

  /** A transaction was ended: its receipts are due if it was committed, and never come if it was not. */
  finish({ command, headers }: ClientFrame): void {
    const transaction = headers.get("transaction") ?? "";
    const held = this.#transactions.get(transaction) ?? [];
    this.#transactions.delete(transaction);
    if (command === "COMMIT") for (const confirm of held) this.#add(confirm);
  }

  /**
   * Send what is due. Each queue confirms in order, but no queue waits for another: here the one that was sent to last
   * comes first, so that who counts on the order of the SENDs is always wrong.
   */
  flush(): void {
    const due = [...this.#due.values()].reverse();
    this.#due.clear();
    for (const confirms of due) for (const { send } of confirms) send();
  }

  /** Forget all: these receipts never come. */
  clear(): void {
    this.#due.clear();
    this.#transactions.clear();
  }

  #add(confirm: Confirm): void {
    const confirms = this.#due.get(confirm.destination) ?? [];
    confirms.push(confirm);
    this.#due.delete(confirm.destination);
    this.#due.set(confirm.destination, confirms);
  }
}
