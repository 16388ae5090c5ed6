/** Receipts that come later than those of other frames: RabbitMQ's for SEND, which are its publisher confirms. */
import type { ClientFrame } from "../protocol/index.js";

interface LateReceipt {
  readonly destination: string;
  readonly send: () => void;
}

/** The receipts of SENDs that one connection waits for. They are no more than a turn, or a transaction, can have. */
export class LateReceipts {
  /** By destination; the one that was sent to last is the last. */
  readonly #due = new Map<string, LateReceipt[]>();
  readonly #transactions = new Map<string, LateReceipt[]>();

  /** Keep the receipt of a SEND: until the end of the turn, or until its transaction was committed and the turn of that ends. */
  add({ headers }: ClientFrame, send: () => void): void {
    const receipt = { destination: headers.get("destination") ?? "", send };
    const transaction = headers.get("transaction");
    if (transaction === undefined) this.#add(receipt);
    else {
      const held = this.#transactions.get(transaction);
      if (held === undefined) this.#transactions.set(transaction, [receipt]);
      else held.push(receipt);
    }
  }

  /** A transaction was ended: its receipts are due if it was committed, and never come if it was not. */
  finish({ command, headers }: ClientFrame): void {
    const transaction = headers.get("transaction") ?? "";
    const held = this.#transactions.get(transaction) ?? [];
    this.#transactions.delete(transaction);
    if (command === "COMMIT") for (const receipt of held) this.#add(receipt);
  }

  /**
   * Send what is due. The receipts of one queue keep their order, but no queue waits for another: here the one that was sent
   * to last comes first, so that whoever counts on the order of the SENDs is always wrong.
   */
  flush(): void {
    const due = [...this.#due.values()].reverse();
    this.#due.clear();
    for (const receipts of due) for (const { send } of receipts) send();
  }

  /** Forget all: these receipts never come. */
  clear(): void {
    this.#due.clear();
    this.#transactions.clear();
  }

  #add(receipt: LateReceipt): void {
    const receipts = this.#due.get(receipt.destination) ?? [];
    receipts.push(receipt);
    this.#due.delete(receipt.destination);
    this.#due.set(receipt.destination, receipts);
  }
}
