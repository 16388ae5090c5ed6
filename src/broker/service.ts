/** What is done about each frame of one client: it is handled, confirmed or refused, or a script has its way with it. */
import {
  type ClientCommand,
  type ClientFrame,
  type HeadersInit,
  type ServerCommand,
  type Version,
  acceptVersionOf,
  headerPairs,
} from "../protocol/index.js";
import { admit } from "./admission.js";
import type { ErrorAnswer } from "./broker-connection.js";
import { Conversation, type Speaker } from "./conversation.js";
import type { Destinations } from "./destinations.js";
import type { Pairs } from "./encode.js";
import type { Decision, Scripts } from "./faults.js";
import { LateReceipts } from "./late-receipts.js";
import type { ResolvedOptions } from "./options.js";
import { Refusal } from "./refusal.js";

/** What all connections of a broker share. */
export interface BrokerParts {
  readonly options: ResolvedOptions;
  readonly destinations: Destinations;
  readonly scripts: Scripts;
}

/** What a service needs of its connection. */
export interface Wire extends Omit<Speaker, "refused" | "subscriptionEnded"> {
  readonly kind: "stream" | "messages";
  /** Whether a session was established. */
  readonly isConnected: boolean;
  /** Send CONNECTED; `asked` is the `heart-beat` of the CONNECT. */
  connected(headers: Readonly<Record<string, string>>, asked: string | undefined): void;
  write(command: Exclude<ServerCommand, "CONNECTED">, headers: Pairs, body?: string, hasLength?: boolean): void;
  /** Close after what was sent; but a connection that is silent does not say even that. */
  leave(): void;
  /** Handle no frame for so many ms, then call `then` and go on. */
  wait(ms: number, then: () => void): void;
  silence(): void;
  closeAfter(octets: number): void;
  cut(): void;
  close(): Promise<void>;
}

/** What becomes of a frame's receipt: it is sent, or not, or kept by a script. */
type ReceiptFate = "send" | "drop" | Decision;

/** Frames that end a transaction; BEGIN may end one of the same id. */
const BOUNDARIES: ReadonlySet<ClientCommand> = new Set(["BEGIN", "COMMIT", "ABORT"]);
/** A turn ends after so many frames at the latest, so that what waits for its end stays little. */
const MOST_IN_TURN = 100;

/** Serves one client. */
export class Service {
  readonly conversation: Conversation;
  /** The login that was given. */
  login: string | undefined;
  readonly #parts: BrokerParts;
  readonly #wire: Wire;
  readonly #lateReceipts = new LateReceipts();
  #isDue = false;
  #inTurn = 0;

  constructor(parts: BrokerParts, wire: Wire) {
    this.#parts = parts;
    this.#wire = wire;
    const speaker: Speaker = {
      id: wire.id,
      version: (): Version => wire.version(),
      mayDeliver: (subscription) => wire.mayDeliver(subscription),
      message: (headers, message) => wire.message(headers, message),
      refused: (refusal) => this.refuse(refusal),
      subscriptionEnded: ({ id }, refusal) => this.refuse(refusal, undefined, { subscription: id }),
    };
    this.conversation = new Conversation(speaker, parts.destinations, parts.options.store);
  }

  /** Do what is to be done about a frame. */
  take(frame: ClientFrame, decision: Decision | undefined): void {
    if (decision === undefined) this.#serve(frame, "send");
    else this.#follow(frame, decision);
    if (this.#parts.options.dialect.deliversLater) this.#deliverLater();
    else this.#parts.destinations.deliver();
  }

  /** Send an ERROR: about `frame`, if there is one. */
  error(answer: ErrorAnswer, frame?: ClientFrame): void {
    const { message, body = "", headers = {}, receiptId, close, receipt: confirmed } = answer;
    const { dialect, versions } = this.#parts.options;
    const others = [...headerPairs(headers)];
    const says = dialect.errorHasVersion && !others.some(([name]) => name === "version");
    const receipt = (receiptId ?? dialect.errorNamesReceipt) ? frame?.headers.get("receipt") : undefined;
    const own = [
      ["message", message],
      ["content-type", "text/plain"],
      ["version", says ? acceptVersionOf(versions) : undefined],
      ["receipt-id", receipt],
    ] as const;
    const closes = close ?? (this.#wire.isConnected ? dialect.errorsEnd === "always" : dialect.refusalEnds);
    if (confirmed === "before") this.#receipt(frame); // it is no last word
    if (!closes || this.#hasLastWords) {
      // Without a length the first NUL would end the body.
      this.#wire.write("ERROR", [...own, ...others], body, dialect.errorHasLength || body.includes("\0"));
      if (confirmed === "after") this.#receipt(frame);
    }
    if (closes) this.#wire.leave();
  }

  /** End the connection, for what came is no frame, or one that is out of place. */
  malformed(message: string): void {
    if (this.#parts.options.dialect.tellsOfMalformed) this.error({ message, close: true });
    else this.#wire.leave();
  }

  /** Answer a refusal, of `frame` if there is one, as the dialect has it. */
  refuse({ message, reason }: Refusal, frame?: ClientFrame, headers: HeadersInit = {}): void {
    const { message: said, ends, receipt } = (reason && this.#parts.options.dialect.refusals[reason]) ?? {};
    this.error(
      {
        ...(said === undefined ? { message } : { message: said, body: message }),
        ...(ends === undefined ? {} : { close: ends }),
        ...(receipt === undefined ? {} : { receipt }),
        headers,
      },
      frame,
    );
  }

  /** Whether what is said before the end still reaches the client. */
  get #hasLastWords(): boolean {
    return this.#wire.kind === "stream" || this.#parts.options.dialect.lastWordsInMessages;
  }

  /** Deliver, and send the receipts that waited for it, when all that arrived together was handled. */
  #deliverLater(): void {
    this.#inTurn++;
    if (this.#inTurn === MOST_IN_TURN) this.#endTurn();
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      this.#endTurn();
    });
  }

  #endTurn(): void {
    this.#inTurn = 0;
    this.#parts.destinations.deliver();
    this.#lateReceipts.flush();
  }

  /** Do what a script says. */
  #follow(frame: ClientFrame, decision: Decision): void {
    const { answer } = decision;
    switch (answer.type) {
      case "ignore":
        break;
      case "hold-receipt":
        this.#serve(frame, decision);
        break;
      case "drop-receipt":
        this.#serve(frame, "drop");
        break;
      case "silence":
        this.#wire.silence();
        this.#serve(frame, "send");
        break;
      case "close-after":
        this.#wire.closeAfter(answer.octets);
        this.#serve(frame, "send");
        break;
      case "error":
        this.error(answer.error, frame);
        break;
      case "delay":
        this.#wire.wait(answer.ms, () => this.take(frame, undefined));
        break;
      case "cut":
      case "close":
        if (answer.when === "handled") this.#serve(frame, "drop");
        else if (answer.when === "answered") {
          this.#serve(frame, "send");
          this.#lateReceipts.flush();
        }
        if (answer.type === "cut") this.#wire.cut();
        else void this.#wire.close();
        break;
    }
  }

  /** Handle a frame, and confirm or refuse it. */
  #serve(frame: ClientFrame, fate: ReceiptFate): void {
    try {
      if (frame.command === "CONNECT" || frame.command === "STOMP") this.#connect(frame);
      else if (frame.command === "DISCONNECT") this.#disconnect(frame, fate);
      else {
        const then = this.conversation.handle(frame);
        this.#confirm(frame, fate);
        then?.();
        if (BOUNDARIES.has(frame.command)) this.#lateReceipts.finish(frame);
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.refuse(error, frame);
    }
  }

  #connect(frame: ClientFrame): void {
    const { options } = this.#parts;
    admit(frame.headers, options);
    this.login = frame.headers.get("login");
    const { server } = options.dialect;
    const session = this.#wire.id;
    this.#wire.connected(server === undefined ? { session } : { server, session }, frame.headers.get("heart-beat"));
  }

  #disconnect(frame: ClientFrame, fate: ReceiptFate): void {
    this.conversation.end();
    this.#lateReceipts.clear();
    if (this.#hasLastWords) this.#confirm(frame, fate, () => this.#wire.leave());
    else this.#wire.leave();
  }

  /** Send the receipt that a frame asks for, if that is its fate, and do `then` after it. */
  #confirm(frame: ClientFrame, fate: ReceiptFate, then?: () => void): void {
    const send = (): void => {
      this.#receipt(frame);
      then?.();
    };
    if (fate === "send" && frame.command === "SEND" && this.#parts.options.dialect.delaysSendReceipts) {
      if (frame.headers.has("receipt")) this.#lateReceipts.add(frame, send);
    } else if (fate === "send") send();
    else if (fate !== "drop") fate.hold(send);
  }

  #receipt(frame: ClientFrame | undefined): void {
    const receipt = frame?.headers.get("receipt");
    if (receipt !== undefined && this.#parts.options.dialect.hasReceipts)
      this.#wire.write("RECEIPT", [["receipt-id", receipt]]);
  }
}
