/** What happens to each message of a subscription: it is decoded, handed out, and settled after its handler. */
import { ConnectionLostError } from "../../errors.js";
import { isThenable } from "../../internal/thenable.js";
import type { ClientContext } from "../connection/context.js";
import type { Message } from "../messages/message.js";
import type { MessageHandler } from "./subscribe-options.js";
import type { SubscriptionTerms } from "./terms.js";

/** What the handling of messages needs of its subscription. */
export interface HandlingHost<T> {
  /** Whether it has not ended. */
  readonly isLive: boolean;
  /** Whether nothing is handed out any more. */
  readonly isOver: boolean;
  /** Hand a message to a reader. */
  toReader(message: Message<T>): void;
  /** A message is done. `mayTakeMore`: there may be room for another one. */
  messageDone(mayTakeMore: boolean): void;
  /** Messages are dropped, as the subscription has ended. */
  dropped(count: number): void;
  /** End the subscription, here and at the broker, without its unread messages. */
  fail(reason: Error): void;
}

/** What a handler of the library's own fails with, because a peer sent what it could not answer, or is gone; `cause` is the error. */
export class Unanswered extends Error {}

/** Handles the messages of one subscription. What takes no time costs no promise. */
export class Handling<T> {
  readonly #terms: SubscriptionTerms<T>;
  readonly #context: ClientContext;
  readonly #host: HandlingHost<T>;
  #running = 0;

  constructor(terms: SubscriptionTerms<T>, context: ClientContext, host: HandlingHost<T>) {
    this.#terms = terms;
    this.#context = context;
    this.#host = host;
  }

  /** How many messages are being decoded or handled. */
  get running(): number {
    return this.#running;
  }

  /** Decode a message and hand it out. */
  take(message: Message<T>): void {
    const { codec } = this.#terms;
    if (codec === undefined) {
      this.#handOut(message);
      return;
    }
    let value: T | Promise<T>;
    try {
      value = codec.decode(message);
      if (!isThenable(value)) message.decoded(value);
    } catch (error) {
      this.#invalid(message, error);
      return;
    }
    if (!isThenable(value)) {
      this.#handOut(message);
      return;
    }
    message.delivery.decode(message);
    this.#later(
      value,
      (valid) => {
        message.decoded(valid);
        this.#handOut(message);
      },
      (error) => {
        this.#invalid(message, error);
      },
    );
  }

  /** Count a message as running until something is settled. It is counted off before what follows: that may start another one. */
  #later<R>(result: PromiseLike<R>, resolved: (result: R) => void, rejected: (error: unknown) => void): void {
    this.#running++;
    Promise.resolve(result).then(
      (value) => {
        this.#running--;
        resolved(value);
        this.#host.messageDone(true);
      },
      (error: unknown) => {
        this.#running--;
        rejected(error);
        this.#host.messageDone(true);
      },
    );
  }

  #handOut(message: Message<T>): void {
    const { ack, codec, handler } = this.#terms;
    // The subscription ended while the message was decoded: dropped like an unread one.
    if (codec !== undefined && this.#host.isOver) {
      if (ack === "auto") this.#host.dropped(1);
      return;
    }
    if (!message.delivery.handOut(message)) return; // it was released while it was decoded, and comes again
    if (handler === undefined) this.#host.toReader(message);
    else this.#call(handler, message, ack !== "auto");
  }

  /** Call a handler or a policy, in whatever context the message brings. `settles`: its outcome settles the message. */
  #call(handler: MessageHandler<T>, message: Message<T>, settles: boolean): void {
    let result: unknown;
    this.#running++; // it runs already: it may call `disconnect`
    try {
      const { propagation } = this.#context.options;
      result = propagation.run === undefined ? handler(message) : propagation.run(message, () => handler(message));
      if (isThenable(result)) {
        Promise.resolve(result).then(
          () => {
            this.#finish(message, settles, undefined);
            this.#host.messageDone(true);
          },
          (error: unknown) => {
            this.#finish(message, settles, { error });
            this.#host.messageDone(true);
          },
        );
        return;
      }
    } catch (error) {
      this.#finish(message, settles, { error });
      this.#host.messageDone(false);
      return;
    }
    this.#finish(message, settles, undefined);
    this.#host.messageDone(false);
  }

  /** A handler or a policy has finished, with a `fault` or without. */
  #finish(message: Message<T>, settles: boolean, fault: { readonly error: unknown } | undefined): void {
    if (settles) this.#settle(fault === undefined ? "ACK" : "NACK", message);
    if (fault !== undefined) this.#handlerFailed(fault.error);
    this.#running--;
  }

  /** A message has no valid value: do what the subscription's policy says. */
  #invalid(message: Message<T>, error: unknown): void {
    if (message.delivery.isDone(message)) return; // it was released meanwhile, and comes again
    const { destination, invalid: policy, ack } = this.#terms;
    const { status } = this.#context;
    const report = { type: "invalid-message", error, destination, message } as const;
    if (policy === "nack") {
      const what = `a message of the subscription to ${destination} has no valid value (${nameOf(error)})`;
      status.tellOrWarn(report, `${what}; the option "invalid" says what happens to it`);
      if (ack !== "auto") this.#settle("NACK", message);
      return;
    }
    status.tell(report);
    if (policy === "fail") this.#host.fail(asError(error));
    else if (message.delivery.handOut(message)) this.#call((one) => policy(one, error), message, false);
  }

  /** The handler has returned or failed: settle its message, unless the handler did. */
  #settle(command: "ACK" | "NACK", message: Message<T>): void {
    if (message.isSettled) return;
    // STOMP 1.0 has no NACK: the message stays with the broker. A released one is the broker's already.
    if (command === "NACK" && (message.delivery.isDone(message) || this.#context.connection()?.version === "1.0"))
      return;
    const { nackHeaders: headers } = this.#terms;
    const settled = command === "ACK" ? message.ack() : message.nack(headers === undefined ? {} : { headers });
    settled.catch((error: unknown) => {
      if (!(error instanceof ConnectionLostError) && this.#host.isLive) this.#notAnswered(error);
    });
  }

  #handlerFailed(error: unknown): void {
    if (error instanceof Unanswered) {
      this.#notAnswered(error.cause);
      return;
    }
    const { destination } = this.#terms;
    this.#context.status.tellError(error, { type: "handler-error", error, destination });
  }

  /** The library itself could not send what follows a message. The message may be the reason: that must not end the process. */
  #notAnswered(error: unknown): void {
    const { destination } = this.#terms;
    const what = `a message of the subscription to ${destination} could not be acknowledged or answered (${nameOf(error)})`;
    this.#context.status.tellOrWarn({ type: "handler-error", error, destination }, what);
  }
}

/** What a codec throws may be anything. */
function asError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  const what = typeof thrown === "string" ? thrown : typeof thrown;
  return new TypeError(`the codec failed: ${what}`, { cause: thrown });
}

/** The kind of an error; its message may have parts of a body in it. */
function nameOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.name : typeof thrown;
}
