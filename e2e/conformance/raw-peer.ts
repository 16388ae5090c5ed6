/** A client that knows no rules: it sends what it is told to, and says what comes. For what the client never does. */
import process from "node:process";
import type { Dial, HeadersInit, Transport, Version } from "../../src/index.js";
import { type Body, type ClientCommand, type Frame, FrameDecoder, FrameEncoder } from "../../src/protocol/index.js";
import type { ErrorAnswer } from "./catalogue.js";

/** How long an answer is waited for, in ms. Only a broker that never answers makes a test wait so long. */
const PATIENCE = 15_000;
/** How long nothing must come, in ms, before all is taken to have come. */
const QUIET = 250;

/** A frame, or the end of the connection. */
type Event = Frame | "ended";

export class RawPeer implements AsyncDisposable {
  readonly #transport: Transport;
  readonly #confirms: boolean;
  readonly #encoder: FrameEncoder;
  readonly #decoder: FrameDecoder;
  readonly #events: Event[] = [];
  #wake: () => void = () => undefined;
  #markers = 0;

  private constructor(transport: Transport, version: Version, confirms: boolean) {
    this.#transport = transport;
    this.#confirms = confirms;
    this.#encoder = new FrameEncoder({ version });
    this.#decoder = new FrameDecoder({ version, strict: false });
    this.#decoder.tolerate("backslash");
    transport.start({
      data: (chunk) => {
        this.#decoder.push(chunk);
        for (let frame = this.#decoder.next(); frame !== undefined; frame = this.#decoder.next()) this.#add(frame);
      },
      closed: () => {
        this.#add("ended");
      },
    });
  }

  /** Open a connection, and send nothing yet. `confirms`: whether the broker has receipts. */
  static async dial(dial: Dial, version: Version, confirms: boolean): Promise<RawPeer> {
    return new RawPeer(await dial(AbortSignal.timeout(10_000)), version, confirms);
  }

  #add(event: Event): void {
    this.#events.push(event);
    this.#wake();
  }

  /** The next frame, `"ended"`, or undefined where neither came within `ms`. */
  async next(ms = PATIENCE): Promise<Event | undefined> {
    if (this.#events.length === 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#events.shift();
  }

  /** The next frame that `wanted` accepts. What is before it is dropped. */
  async until(wanted: (frame: Frame) => boolean, ms = PATIENCE): Promise<Frame> {
    for (;;) {
      const event = await this.next(ms);
      if (event === undefined) throw new Error(`nothing came within ${ms} ms`);
      if (event === "ended") throw new Error("the connection ended");
      if (wanted(event)) return event;
    }
  }

  /** Send a frame. */
  send(command: ClientCommand, headers: HeadersInit, body?: Body): void {
    this.#transport.send(this.#encoder.encode(command, headers, body));
  }

  /** Send octets that may be no frame. */
  octets(text: string): void {
    this.#transport.send(text);
  }

  /**
   * What a broker answers to what `act` sends, which asks for the receipt `subject`: the frames that are about it, and whether
   * the connection goes on. A BEGIN after it, with a receipt too, shows the latter; where there are no receipts a message to itself.
   */
  async answerTo(act: () => void): Promise<ErrorAnswer> {
    act();
    const told = new Set<string>();
    const marker = `alive-${String(++this.#markers)}`;
    for (let asked = false; ;) {
      const event = await this.next(asked ? PATIENCE : QUIET);
      if (event === "ended") return answer(told, "ends");
      if (event === undefined) {
        // Some brokers end a connection a little later than they answer: only then is it asked whether it goes on.
        if (asked)
          throw new Error(`neither an end nor a receipt within ${String(PATIENCE)} ms: ${answer(told, "hangs")}`);
        asked = true;
        this.#askForLife(marker);
        continue;
      }
      const named = event.headers.get("receipt-id");
      if (named === marker || event.headers.get("subscription") === marker) return answer(told, "goes on");
      if (event.command === "RECEIPT" && named === "subject") told.add("RECEIPT");
      if (event.command === "ERROR") told.add(named === "subject" ? NAMING : NAMELESS);
    }
  }

  #askForLife(marker: string): void {
    if (this.#confirms) {
      this.send("BEGIN", { transaction: marker, receipt: marker });
      return;
    }
    const destination = `/topic/${marker}-${String(process.pid)}-${Date.now().toString(36)}`;
    this.send("SUBSCRIBE", { id: marker, destination });
    this.send("SEND", { destination });
  }

  /** Wait for the receipt of what was just sent with it; where there are none, for nothing: frames are handled in their order. */
  async confirmed(): Promise<void> {
    if (this.#confirms) await this.until(({ command }) => command === "RECEIPT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#transport.abort(new Error("the test is over"));
    return Promise.resolve();
  }
}

const NAMING = "ERROR that names the receipt";
const NAMELESS = "ERROR that names nothing";

function answer(told: ReadonlySet<string>, end: string): ErrorAnswer {
  return `${told.size === 0 ? "not a word" : [...told].join(", ")}; ${end}` as ErrorAnswer;
}
