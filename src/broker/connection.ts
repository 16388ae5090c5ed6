/** One client's connection, from the broker's side: the only place that holds its transport, its session and its timers. */
import { HeartBeatError, InvalidStateError, ProtocolError } from "../errors.js";
import {
  type Frame,
  HEART_BEAT,
  type HeartBeat,
  HeartBeatMonitor,
  type ServerCommand,
  ServerSession,
  type Version,
  acceptVersionOf,
  frameOf,
  heartBeatHeader,
} from "../protocol/index.js";
import type { Transport } from "../transport.js";
import type { BrokerConnection, ErrorAnswer, SubscriptionInfo } from "./broker-connection.js";
import { type Pairs, encodeFor } from "./encode.js";
import { HeartBeatOffer } from "./heart-beat-offer.js";
import { readOneFrame } from "./one-frame.js";
import { Outflow } from "./outflow.js";
import { Refusal } from "./refusal.js";
import { type BrokerParts, Service } from "./service.js";
import type { StoredMessage } from "./stored-message.js";

/** A timer of more ms than this would fire at once; clients may ask for heart-beats as rare as they like. */
const LONGEST_TIMER = 2_147_483_647;

/** Serves one client over one transport. */
export class ServedConnection implements BrokerConnection {
  readonly id: string;
  readonly #parts: BrokerParts;
  readonly #transport: Transport;
  readonly #ended: (connection: ServedConnection) => void;
  readonly #offer: HeartBeatOffer;
  readonly #session: ServerSession;
  readonly #outflow: Outflow;
  readonly #service: Service;
  #isOpen = true;
  #monitor: HeartBeatMonitor | undefined;
  #beatTimer: ReturnType<typeof setTimeout> | undefined;
  #connectTimer: ReturnType<typeof setTimeout> | undefined;
  #delayTimer: ReturnType<typeof setTimeout> | undefined;

  /** Made by {@link Broker.accept}. `ended` is called when the transport has ended. */
  constructor(id: string, transport: Transport, parts: BrokerParts, ended: (connection: ServedConnection) => void) {
    const { versions, heartBeat, strict, limits } = parts.options;
    this.id = id;
    this.#parts = parts;
    this.#transport = transport;
    this.#ended = ended;
    this.#offer = new HeartBeatOffer(heartBeat);
    this.#session = new ServerSession({ versions, heartBeat: this.#offer.offered, strict, limits });
    this.#outflow = new Outflow(transport, {
      sent: () => this.#monitor?.sent(performance.now()),
      flowing: () => parts.destinations.deliver(),
      readable: () => this.#read(),
      spent: () => void this.close(),
    });
    const isConnected = (): boolean => this.#session.version !== undefined;
    this.#service = new Service(parts, {
      id,
      kind: transport.kind,
      get isConnected() {
        return isConnected();
      },
      version: () => this.#session.version ?? "1.0",
      mayDeliver: (subscription) => this.#isOpen && this.#outflow.mayDeliver(subscription),
      connected: (headers, asked) => this.#connected(headers, asked),
      message: (headers, message) => this.#message(headers, message),
      write: (command, headers, body, hasLength) => this.#write(command, headers, body, hasLength),
      leave: () => this.#leave(),
      wait: (ms, then) => this.#wait(ms, then),
      silence: () => this.silence(),
      closeAfter: (octets) => this.closeAfter(octets),
      cut: () => this.cut(),
      close: () => this.close(),
    });
    const { connectTimeout } = parts.options;
    this.#connectTimer = setTimeout(() => {
      this.error({ message: `no session was established within ${connectTimeout} ms`, close: true });
    }, connectTimeout);
  }

  /** Begin to serve: once. A transport that has ended already says so here. */
  start(): void {
    this.#transport.start({ data: (chunk) => this.#receive(chunk), closed: () => this.#closed() });
  }

  get peer(): string {
    return this.#transport.peer;
  }

  get version(): Version | undefined {
    return this.#session.version;
  }

  get login(): string | undefined {
    return this.#service.login;
  }

  get heartBeat(): HeartBeat {
    return this.#offer.agreed(this.#session.heartBeat);
  }

  get subscriptions(): readonly SubscriptionInfo[] {
    return Array.from(this.#service.conversation.subscriptions, ({ id, destination, ack, unacknowledged }) => {
      return { id, destination, ack, unacknowledged: unacknowledged.size };
    });
  }

  get unacknowledged(): number {
    return this.#service.conversation.unacknowledged;
  }

  silence(): () => void {
    return this.#outflow.silence();
  }

  error(answer: ErrorAnswer): void {
    this.#service.error(answer);
  }

  closeAfter(octets: number): void {
    this.#outflow.allow(octets);
  }

  cut(): void {
    this.#abort(new Error("the broker cut the connection"));
  }

  close(): Promise<void> {
    this.#finish();
    return this.#transport.close();
  }

  #receive(chunk: Uint8Array | string): void {
    if (!this.#isOpen) return;
    this.#monitor?.received(performance.now());
    const isCut = this.#transport.kind === "messages" && this.#parts.options.dialect.oneFrameAMessage;
    const read = isCut ? readOneFrame(chunk) : chunk;
    if (read === undefined) return void this.close();
    this.#session.push(read);
    this.#read();
  }

  /** Read on, frame by frame, as far as that is right. */
  #read(): void {
    try {
      while (this.#isOpen && !this.#outflow.isHeld && this.#delayTimer === undefined) {
        const frame = this.#session.next();
        if (frame === undefined) return;
        this.#parts.options.onFrame?.(frame, this);
        const decision = this.#parts.scripts.decide(frame, this);
        // Those who saw the frame may have ended the connection.
        if (this.#isOpen) this.#service.take(frame, decision);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      if (error.reason === "version-mismatch") {
        const version = acceptVersionOf(this.#parts.options.versions);
        this.#service.refuse(new Refusal(error.message, "version"), undefined, { version });
      } else this.#service.malformed(error.message);
    }
  }

  #connected(headers: Readonly<Record<string, string>>, asked: string | undefined): void {
    clearTimeout(this.#connectTimer);
    this.#offer.follow(asked);
    const chunk = this.#session.connected(headers);
    const { version } = this.#session;
    const beats = version === "1.0" ? undefined : heartBeatHeader(this.#offer.offered);
    this.#transmit(frameOf("CONNECTED", { version, "heart-beat": beats, ...headers }), chunk);
    const { heartBeatTolerance } = this.#parts.options;
    this.#monitor = new HeartBeatMonitor(this.heartBeat, heartBeatTolerance, performance.now());
    this.#beat();
  }

  #message(headers: Pairs, message: StoredMessage): void {
    // Many clients take text messages only: binary ones are for what is no text.
    const body = this.#transport.kind === "messages" ? (message.text() ?? message.body) : message.body;
    const { messageHasLength: which } = this.#parts.options.dialect;
    const hasLength = which === "always" || (which === "as-sent" ? message.isCounted : body.length > 0);
    this.#write("MESSAGE", headers, body, hasLength);
  }

  #write(
    command: Exclude<ServerCommand, "CONNECTED">,
    headers: Pairs,
    body: string | Uint8Array = "",
    hasLength = true,
  ): void {
    if (!this.#isOpen) return;
    let chunk: string | Uint8Array | undefined;
    try {
      chunk = encodeFor(this.#session, command, headers, body, hasLength);
    } catch (error) {
      if (!(error instanceof InvalidStateError)) throw error; // a second ERROR, after a refused CONNECT
    }
    if (chunk === undefined) return;
    const isWatched = this.#parts.options.onFrame !== undefined || !this.#parts.scripts.isEmpty;
    this.#transmit(isWatched ? frameOf(command, headers, body) : undefined, chunk);
  }

  /** Send a frame, unless a script is against it. `frame` shows it to who may want to see it. */
  #transmit(frame: Frame | undefined, chunk: string | Uint8Array): void {
    const answer = frame === undefined ? undefined : this.#parts.scripts.decide(frame, this)?.answer;
    if (frame !== undefined) this.#parts.options.onFrame?.(frame, this);
    const end = answer?.type === "cut" || answer?.type === "close" ? answer : undefined;
    if (answer?.type === "silence") this.silence();
    if (answer?.type === "close-after") this.closeAfter(answer.octets);
    if (answer?.type !== "ignore" && (end === undefined || (end.when ?? "before") !== "before")) this.#send(chunk);
    if (end?.type === "cut") this.cut();
    if (end?.type === "close") void this.close();
  }

  #send(chunk: string | Uint8Array): void {
    const trailer = this.#parts.options.dialect.trailer[this.#transport.kind];
    if (typeof chunk === "string") {
      this.#outflow.send(chunk + trailer);
    } else {
      this.#outflow.send(chunk);
      if (trailer !== "" && this.#transport.kind === "stream") this.#outflow.send(trailer);
    }
  }

  #wait(ms: number, then: () => void): void {
    this.#transport.pause?.();
    this.#delayTimer = setTimeout(() => {
      this.#delayTimer = undefined;
      this.#transport.resume?.();
      this.#monitor?.received(performance.now()); // nobody listened meanwhile
      then();
      this.#read();
    }, ms);
  }

  #beat(): void {
    if (this.#monitor === undefined || !this.#isOpen) return;
    const now = performance.now();
    if (this.#outflow.isHeld || this.#delayTimer !== undefined) this.#monitor.received(now);
    const { send, silence, next } = this.#monitor.check(now);
    if (silence !== undefined) {
      this.#abort(new HeartBeatError(`nothing came from ${this.peer} for ${Math.round(silence)} ms`, silence));
      return;
    }
    if (send) this.#outflow.send(HEART_BEAT);
    if (next === Infinity) return;
    const wait = Math.min(LONGEST_TIMER, Math.max(1, Math.ceil(next - now)));
    this.#beatTimer = setTimeout(() => this.#beat(), wait);
  }

  #leave(): void {
    if (this.#outflow.isSilent) this.#finish();
    else void this.close();
  }

  #abort(reason: Error): void {
    this.#finish();
    this.#transport.abort(reason);
  }

  #closed(): void {
    this.#finish();
    this.#ended(this);
  }

  /** Do nothing more: what was not acknowledged goes to others. */
  #finish(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    clearTimeout(this.#connectTimer);
    clearTimeout(this.#beatTimer);
    clearTimeout(this.#delayTimer);
    this.#outflow.end();
    this.#service.conversation.end();
    this.#parts.destinations.deliver();
  }
}
