/** The receipts that a connection waits for. */
import { ConnectionLostError, type StompError } from "../../errors.js";
import { type Deferred, deferred } from "../../internal/deferred.js";
import { type WaitLimits, Waits } from "../../internal/waits.js";
import { type Outgoing, nameOf, noReceipt } from "./outgoing.js";

interface Pending {
  readonly frame: Outgoing;
  /** In ms. */
  readonly timeout: number;
  readonly isOptional: boolean;
}

/**
 * Receipts by id. Each ends in one of: its RECEIPT, an ERROR that names it, its time-out, its signal, or the end of the
 * connection. A RECEIPT settles no other receipt, because brokers send them in any order.
 */
export class Receipts extends Waits<void, Pending> {
  /** How many are not optional, and who waits for there to be none. */
  #required = 0;
  #whenComplete: Deferred<void> | undefined;

  /** `changed` is called when the first receipt is waited for, and when the last one has ended. */
  constructor(changed: () => void) {
    super({
      expired: (id, { frame, timeout }) => noReceipt(frame, id, timeout),
      ended: ({ isOptional }) => {
        if (isOptional || --this.#required > 0) return;
        this.#whenComplete?.resolve();
        this.#whenComplete = undefined;
      },
      changed,
    });
  }

  /** Wait for the receipt of a frame. `isOptional`: {@link Receipts.whenComplete} does not wait for it. */
  wait(id: string, frame: Outgoing, limits: WaitLimits, isOptional = false, waiter?: Deferred<void>): Promise<void> {
    if (!isOptional) this.#required++;
    return this.begin(id, { frame, timeout: limits.timeout, isOptional }, limits, waiter);
  }

  /** The connection has ended: no receipt will come. */
  lose(reason: StompError): void {
    this.rejectEach(({ frame }) => {
      const message = `connection lost before the receipt of ${nameOf(frame)}: ${reason.message}`;
      return new ConnectionLostError(message, "unknown", { cause: reason });
    });
  }

  /** Resolves when no receipt is waited for, except optional ones. */
  whenComplete(): Promise<void> {
    if (this.#required === 0) return Promise.resolve();
    this.#whenComplete ??= deferred<void>();
    return this.#whenComplete.promise;
  }
}
