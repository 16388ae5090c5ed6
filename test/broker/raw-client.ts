/** A client for tests of the broker that says what it is told to, right or wrong, and shows what it got. */
import type { MemoryOptions } from "../../src/adapters/memory.js";
import type { Broker } from "../../src/broker/index.js";
import {
  type Body,
  type ClientCommand,
  ClientSession,
  type Frame,
  type HeadersInit,
  type HeartBeat,
  type ServerFrame,
  VERSIONS,
  type Version,
} from "../../src/protocol/index.js";
import type { Transport } from "../../src/transport.js";

export interface RawClientOptions {
  /** @default all */
  readonly versions?: readonly Version[];
  readonly heartBeat?: HeartBeat;
  /** More headers of CONNECT. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly memory?: MemoryOptions;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Let what is on its way in memory arrive. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 100; i++) await Promise.resolve();
}

export class RawClient implements AsyncDisposable {
  /** Every frame that came. */
  readonly frames: ServerFrame[] = [];
  /** Every chunk that came. */
  readonly chunks: (string | Uint8Array)[] = [];
  /** Set when the transport has ended. */
  ended: { readonly reason: Error | undefined } | undefined;
  readonly transport: Transport;
  readonly session: ClientSession;
  readonly #headers: Readonly<Record<string, string>>;
  #seen = 0;

  private constructor(transport: Transport, { versions = VERSIONS, heartBeat, headers = {} }: RawClientOptions) {
    this.transport = transport;
    this.session = new ClientSession({ versions, ...(heartBeat === undefined ? {} : { heartBeat }) });
    this.#headers = headers;
    transport.start({
      data: (chunk) => this.#receive(chunk),
      closed: (reason) => {
        this.ended = { reason };
      },
    });
  }

  /** Dial, without saying anything. */
  static async dial(broker: Broker, options: RawClientOptions = {}): Promise<RawClient> {
    return new RawClient(await broker.dialer(options.memory)(new AbortController().signal), options);
  }

  /** Dial and say CONNECT; the answer is among `frames`, and seen. */
  static async connect(broker: Broker, options: RawClientOptions = {}): Promise<RawClient> {
    const client = await RawClient.dial(broker, options);
    client.sayConnect();
    await client.heard();
    return client;
  }

  /** How many EOLs outside frames came: heart-beats, where the dialect writes none after frames. */
  get beats(): number {
    return this.session.eols;
  }

  /** All that came, as text. */
  get text(): string {
    return this.chunks.map((chunk) => (typeof chunk === "string" ? chunk : decoder.decode(chunk))).join("");
  }

  sayConnect(): void {
    this.transport.send(this.session.connect({ host: "/", ...this.#headers }));
  }

  /** Send a frame. */
  say(command: ClientCommand, headers: HeadersInit = {}, body: Body = ""): void {
    this.transport.send(this.session.encode(command, headers, body));
  }

  /** Send any octets. */
  sayRaw(text: string): void {
    this.transport.send(this.transport.kind === "stream" ? encoder.encode(text) : text);
  }

  /** Send a frame, and give what came since the last look. */
  tell(command: ClientCommand, headers: HeadersInit = {}, body: Body = ""): Promise<ServerFrame[]> {
    this.say(command, headers, body);
    return this.heard();
  }

  /** What came since the last look. */
  async heard(): Promise<ServerFrame[]> {
    await settled();
    const heard = this.frames.slice(this.#seen);
    this.#seen = this.frames.length;
    return heard;
  }

  /** Subscribe under an id that is the destination, unless one is given. */
  subscribe(destination: string, headers: Readonly<Record<string, string>> = {}): Promise<ServerFrame[]> {
    return this.tell("SUBSCRIBE", { id: destination, destination, ...headers });
  }

  /** Send messages to a destination, one for each text. */
  async send(destination: string, ...texts: readonly string[]): Promise<void> {
    for (const text of texts) this.say("SEND", { destination }, text);
    await settled();
  }

  /** ACK or NACK a MESSAGE, as the version has it. */
  settle(
    command: "ACK" | "NACK",
    message: Frame | undefined,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<ServerFrame[]> {
    const read = (name: string): string => message?.headers.get(name) ?? "none";
    const named: Record<string, string> =
      this.session.version === "1.2"
        ? { id: read("ack") }
        : { "message-id": read("message-id"), subscription: read("subscription") };
    return this.tell(command, { ...named, ...headers });
  }

  /** Break off, as a process that dies does. */
  async drop(): Promise<void> {
    this.transport.abort(new Error("dropped by the test"));
    await settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.transport.abort(new Error("the test is over"));
    await settled();
  }

  #receive(chunk: string | Uint8Array): void {
    this.chunks.push(chunk);
    this.session.push(chunk);
    for (let frame = this.session.next(); frame !== undefined; frame = this.session.next()) this.frames.push(frame);
  }
}

/** Frames in short: the bodies of MESSAGEs (`~` before one that is redelivered), `RECEIPT id`, `ERROR message`. */
export function brief(frames: readonly Frame[]): string[] {
  return frames.map((frame) => {
    const { command, headers } = frame;
    if (command === "MESSAGE") return `${headers.get("redelivered") === "true" ? "~" : ""}${frame.text()}`;
    if (command === "RECEIPT") return `RECEIPT ${headers.get("receipt-id")}`;
    return command === "ERROR" ? `ERROR ${headers.get("message")}` : command;
  });
}
