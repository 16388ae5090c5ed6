/** What callers say of a subscription. */
import type { HeadersInit } from "../../protocol/index.js";
import type { ValueDecoder } from "../messages/codec.js";
import type { AckMode, Message } from "../messages/message.js";
import type { BufferLimits, SlowPolicy } from "../options/options.js";
import type { ReceiptOptions } from "../messages/receipt-options.js";

/**
 * Is given each message of a subscription. In the modes with acknowledgement its return or resolution acknowledges the
 * message and its fault refuses it, unless it has done so itself. STOMP 1.0 has no NACK: there a message whose handler has
 * failed stays unsettled until the session ends, in the mode `"client"` only until the next one is acknowledged, which
 * includes it.
 */
export type MessageHandler<T = undefined> = (message: Message<T>) => unknown;

/** What becomes of a message without a valid value, besides being told by status: see {@link TypedSubscribeOptions.invalid}. */
export type InvalidPolicy = "nack" | "fail" | ((message: Message<unknown>, error: unknown) => unknown);

/** Options of `subscribe`. */
export interface SubscribeOptions extends ReceiptOptions {
  /**
   * `"auto"`: a message counts as consumed when it is sent. `"client"`: an ACK acknowledges all messages up to its own.
   * `"client-individual"` (from 1.1 on): each by itself.
   * @default "auto"
   */
  readonly ack?: AckMode;
  /**
   * The subscription's id. A durable subscription needs one, by which the broker knows it again.
   * @default one is made, which no other client has
   */
  readonly id?: string;
  /** More headers of SUBSCRIBE: `selector`, and whatever the broker knows. */
  readonly headers?: HeadersInit;
  /**
   * How many messages the broker may send ahead of what is acknowledged, in the modes with acknowledgement. It is sent as `prefetch-count`
   * to RabbitMQ, as `activemq.prefetchSize` to ActiveMQ, as all of these to a broker that does not say what it is. Artemis
   * counts bytes (`consumer-window-size`): with 1 it sends one message at a time, with more no more than that many, and fewer if they are
   * large. `Infinity` asks for no bound. In the mode `auto` a number is sent only if it is given.
   * @default 100 in the mode "client-individual", 1000 in the mode "client"
   */
  readonly prefetch?: number;
  /**
   * How many messages a handler works on at the same time. In the mode `"client"` it is always 1. With more than 1, and a codec
   * that gives promises, messages come to the handler as they are decoded, which may be in another order than they came.
   * @default 1
   */
  readonly concurrency?: number;
  /** Headers of the NACK when a handler fails or a message is not valid, as `{ requeue: false }` for RabbitMQ: otherwise it delivers it again at once. */
  readonly nackHeaders?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** What may be kept unread. @default ClientOptions.buffer */
  readonly buffer?: Partial<BufferLimits>;
  /** What happens when the buffer is full. @default ClientOptions.whenSlow */
  readonly whenSlow?: SlowPolicy;
}

/** Options of `subscribe` for messages that are values. */
export interface TypedSubscribeOptions<T> extends SubscribeOptions {
  /** Makes the `value` of each message: `json()`, `json(schema)`, or one of your own. One that gives no promises costs none. */
  readonly codec: ValueDecoder<T>;
  /**
   * What becomes of a message of which the codec can make no value; it is told by status as `invalid-message` in any case.
   *
   * `"nack"`: it is refused with `nackHeaders`, and the next one follows. In the mode `"client"` that refuses those before it
   * too which are not acknowledged yet. In STOMP 1.0, which has no NACK, it stays with the broker. `"fail"`: the subscription
   * ends with the codec's error in the message's place; what came behind it is dropped, or the broker's again. A function: it
   * is called, and settles the message as it wants; what it returns is waited for, and its fault is told as a handler's.
   * @default "nack"
   */
  readonly invalid?: InvalidPolicy;
}

/** Options of {@link Subscription.unsubscribe}. */
export interface UnsubscribeOptions extends ReceiptOptions {
  /**
   * How long UNSUBSCRIBE waits for handlers that work on messages to be acknowledged, and then its receipt is waited for, in ms.
   * @default ClientOptions.disconnectTimeout for the handlers, ClientOptions.receiptTimeout for the receipt
   */
  readonly timeout?: number;
  /** More headers of UNSUBSCRIBE: some brokers end a durable subscription so. */
  readonly headers?: HeadersInit;
}
