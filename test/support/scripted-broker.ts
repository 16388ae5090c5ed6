/** The far end of a client, in a test's hands: it answers what it is told to, and shows what it got. */
import { type MemoryOptions, memoryPair } from "../../src/adapters/memory.js";
import { type Deferred, deferred } from "../../src/internal/deferred.js";
import {
  type ClientCommand,
  type ClientFrame,
  type HeadersInit,
  type ServerCommand,
  ServerSession,
  type ServerSessionOptions,
} from "../../src/protocol/index.js";
import type { Dial, Transport } from "../../src/transport.js";

export interface ScriptOptions {
  readonly session?: ServerSessionOptions;
  readonly memory?: MemoryOptions;
  /** Answer CONNECT with CONNECTED at once. @default true */
  readonly welcome?: boolean;
  /** Answer each `receipt` header with a RECEIPT at once. @default true */
  readonly receipts?: boolean;
  /** Headers of CONNECTED. */
  readonly connected?: HeadersInit;
  /** Called for each frame, before the answers above. */
  readonly onFrame?: (frame: ClientFrame, broker: ScriptedBroker) => void;
}

export class ScriptedBroker {
  readonly received: ClientFrame[] = [];
  readonly raw: (string | Uint8Array)[] = [];
  /** How often it was dialled. */
  dialled = 0;
  closed: { readonly reason: Error | undefined } | undefined;
  readonly #options: ScriptOptions;
  readonly #awaited: { readonly command: ClientCommand; readonly waiter: Deferred<ClientFrame> }[] = [];
  readonly #gone = deferred<void>();
  #transport: Transport | undefined;
  #clientEnd: Transport | undefined;
  #session: ServerSession | undefined;

  constructor(options: ScriptOptions = {}) {
    this.#options = options;
  }

  readonly dial: Dial = () => {
    const [mine, theirs] = memoryPair(this.#options.memory ?? {});
    this.dialled++;
    this.#transport = theirs;
    this.#clientEnd = mine;
    const session = new ServerSession(this.#options.session ?? {});
    this.#session = session;
    theirs.start({
      data: (chunk) => {
        this.raw.push(chunk);
        session.push(chunk);
        for (let frame = session.next(); frame !== undefined; frame = session.next()) this.#take(frame);
      },
      closed: (reason) => {
        this.closed = { reason };
        this.#gone.resolve();
      },
    });
    return Promise.resolve(mine);
  };

  get session(): ServerSession {
    if (this.#session === undefined) throw new Error("nobody has dialled");
    return this.#session;
  }

  get transport(): Transport {
    if (this.#transport === undefined) throw new Error("nobody has dialled");
    return this.#transport;
  }

  /** The client's own end of the connection. */
  get clientEnd(): Transport {
    if (this.#clientEnd === undefined) throw new Error("nobody has dialled");
    return this.#clientEnd;
  }

  /** Resolves when the connection has ended on this side. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** The frames received of one command. */
  of(command: ClientCommand): ClientFrame[] {
    return this.received.filter((frame) => frame.command === command);
  }

  /** The next frame of that command that comes from now on. */
  frame(command: ClientCommand): Promise<ClientFrame> {
    const waiter = deferred<ClientFrame>();
    this.#awaited.push({ command, waiter });
    return waiter.promise;
  }

  welcome(headers: HeadersInit = this.#options.connected ?? {}): void {
    this.transport.send(this.session.connected(headers));
  }

  send(command: Exclude<ServerCommand, "CONNECTED">, headers: HeadersInit, body: string | Uint8Array = ""): void {
    this.transport.send(this.session.encode(command, headers, body));
  }

  message(subscription: string, body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}): void {
    this.#messages++;
    const id = `m-${this.#messages}`;
    this.send(
      "MESSAGE",
      { subscription, "message-id": id, destination: "/queue/a", ack: `ack-${id}`, ...headers },
      body,
    );
  }
  #messages = 0;

  #take(frame: ClientFrame): void {
    this.received.push(frame);
    this.#options.onFrame?.(frame, this);
    const index = this.#awaited.findIndex(({ command }) => command === frame.command);
    if (index >= 0) this.#awaited.splice(index, 1)[0]?.waiter.resolve(frame);
    const { welcome = true, receipts = true } = this.#options;
    if (frame.command === "CONNECT") {
      if (welcome) this.welcome();
      return;
    }
    const receipt = frame.headers.get("receipt");
    if (receipt !== undefined && receipts) this.send("RECEIPT", { "receipt-id": receipt });
  }
}

/** Let what is on its way in memory arrive. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
