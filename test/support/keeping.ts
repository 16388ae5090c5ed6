/** Clients that send at least once. */
import { vi } from "vitest";
import { BaseClient } from "../../src/client/client.js";
import type { ClientOptions } from "../../src/client/options/options.js";
import type { Status } from "../../src/client/observing/status.js";
import type { ClientFrame } from "../../src/protocol/index.js";
import { ScriptedBroker, type ScriptOptions, settled } from "./scripted-broker.js";

/** How long these clients wait before they connect again, in ms. */
const DELAY = 100;

/** A client that sends at least once, and a broker that confirms and refuses when a test says so. */
export class Keeping {
  readonly broker: ScriptedBroker;
  readonly client: BaseClient;
  /** The bodies that came, session by session. */
  readonly sent: string[][] = [];
  readonly told: Status[] = [];
  /** Note no more what is told. */
  readonly listenNoMore: () => void;
  #sends: ClientFrame[] = [];

  constructor(options: ClientOptions = {}, { onFrame, ...script }: ScriptOptions = {}) {
    this.broker = new ScriptedBroker({
      receipts: false,
      ...script,
      onFrame: (frame, broker) => {
        this.#take(frame);
        onFrame?.(frame, broker);
      },
    });
    this.client = new BaseClient(this.broker.dial, {
      heartBeat: false,
      reconnect: () => DELAY,
      delivery: "at-least-once",
      ...options,
    });
    this.listenNoMore = this.client.onStatus((status) => this.told.push(status));
  }

  /** What came in this session. */
  get now(): readonly string[] {
    return this.sent.at(-1) ?? [];
  }

  /** The SEND of this session with that body. */
  frame(body: string): ClientFrame {
    const frame = this.#sends.filter((one) => one.text() === body).at(-1);
    if (frame === undefined) throw new Error(`${body} was not sent in this session`);
    return frame;
  }

  /** Confirm the SENDs of this session with these bodies, in this order. */
  async confirm(...bodies: readonly string[]): Promise<void> {
    for (const body of bodies) {
      this.broker.send("RECEIPT", { "receipt-id": this.frame(body).headers.get("receipt") });
    }
    await settled();
  }

  /** Say ERROR, and end the connection in order. */
  refuse(message: string): void {
    this.broker.send("ERROR", { message });
    void this.broker.transport.close();
  }

  /** Break the connection. */
  async cut(): Promise<void> {
    this.broker.transport.abort(new Error("cable cut"));
    await settled();
  }

  /** Let the client connect again. */
  async again(): Promise<void> {
    await vi.advanceTimersByTimeAsync(DELAY);
    await settled();
  }

  #take(frame: ClientFrame): void {
    if (frame.command === "CONNECT") {
      this.sent.push([]);
      this.#sends = [];
    }
    if (frame.command === "SEND") {
      this.sent.at(-1)?.push(frame.text());
      this.#sends.push(frame);
    }
    if (frame.command === "DISCONNECT") {
      this.broker.send("RECEIPT", { "receipt-id": frame.headers.get("receipt") });
    }
  }
}

/** A {@link Keeping} that is connected. */
export async function keeping(options: ClientOptions = {}, script: ScriptOptions = {}): Promise<Keeping> {
  const kept = new Keeping(options, script);
  await kept.client.connect();
  return kept;
}
