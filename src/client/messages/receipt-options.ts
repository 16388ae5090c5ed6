/** The options that every call has that can ask for a receipt. */

/** Whether and how a call waits for the broker's confirmation. */
export interface ReceiptOptions {
  /**
   * Ask for a receipt and wait for it; a string is the receipt's id, otherwise one is made.
   * @default false
   */
  readonly receipt?: boolean | string;
  /**
   * How long the receipt is waited for, in ms; then the call rejects with ReceiptTimeoutError.
   * @default ClientOptions.receiptTimeout; none for a send with `delivery: "at-least-once"`
   */
  readonly timeout?: number;
  /** Ends the wait: the call rejects with `signal.reason`. A frame that was handed over stays sent. */
  readonly signal?: AbortSignal;
}
