/** Scripted faults: what a broker does wrong, on purpose, when a certain frame comes or goes. */
import { checkDuration } from "../internal/duration.js";
import { type Command, type Frame, isCommandOf } from "../protocol/index.js";
import type { BrokerConnection, ErrorAnswer } from "./broker-connection.js";

/** How a script ends a connection. */
export interface EndAnswer {
  /** `"cut"`: at once, as a reset does; what was just sent may be lost. `"close"`: in order, as a FIN does. */
  readonly type: "cut" | "close";
  /**
   * `"before"`: the frame is not handled, or not sent. `"handled"`: it is handled, but its receipt is not sent. `"answered"`:
   * its receipt is sent too. A frame of the broker is sent in both cases.
   * @default "before"
   */
  readonly when?: "before" | "handled" | "answered";
}

/**
 * What is done about a frame.
 *
 * - `"hold-receipt"`: it is handled; its receipt waits for {@link Script.release}
 * - `"drop-receipt"`: it is handled; its receipt is never sent
 * - `"ignore"`: it is not handled, or not sent
 * - `"silence"`: it is handled, but nothing is sent any more, heart-beats included; the connection stays
 * - `"cut"`, `"close"`: see {@link EndAnswer}
 * - `close-after`: it is handled; the connection is closed after so many octets more, perhaps in the middle of a frame
 * - `error`: it is not handled, but answered by an ERROR
 * - `delay`: it, and all that comes after it on the connection, waits for so many ms
 */
export type Answer =
  | "hold-receipt"
  | "drop-receipt"
  | "ignore"
  | "silence"
  | "cut"
  | "close"
  | EndAnswer
  | { readonly type: "close-after"; readonly octets: number }
  | { readonly type: "error"; readonly error: ErrorAnswer }
  | { readonly type: "delay"; readonly ms: number };

/** Which frames a script is about, and what is done about them. */
export interface ScriptOptions {
  /** @default any command of a client */
  readonly command?: Command | readonly Command[];
  /** @default any destination, or none */
  readonly destination?: string;
  /** @default any connection */
  readonly connection?: BrokerConnection;
  /** Says of any other frame that the script is not about it. */
  readonly where?: (frame: Frame, connection: BrokerConnection) => boolean;
  /** How many frames are let pass first. @default 0 */
  readonly skip?: number;
  /** How many frames it is about. @default Infinity */
  readonly times?: number;
  /**
   * What is done. A function decides for each frame, may act on the connection itself, and returns `undefined` for what is
   * done as always. For frames that the broker sends: only ignore, silence, cut, close and close-after.
   */
  readonly answer: Answer | ((frame: Frame, connection: BrokerConnection) => Answer | undefined);
}

/** A script in force. Disposing of it, or `remove`, ends it. */
export interface Script extends Disposable {
  /** How many frames it was about so far. */
  readonly matched: number;
  /** How many receipts it holds. */
  readonly held: number;
  /** Send the receipts that it holds, or so many of them, the oldest first. */
  release(count?: number): void;
  /** End it. Receipts that it holds can still be released. */
  remove(): void;
}

/** What a script decided about a frame. */
export interface Decision {
  readonly answer: Exclude<Answer, string> | { readonly type: Exclude<Extract<Answer, string>, "cut" | "close"> };
  /** Keep a receipt for {@link Script.release}. */
  hold(send: () => void): void;
}

/** The scripts of a broker. The first that is about a frame decides. */
export class Scripts {
  readonly #scripts = new Set<RunningScript>();

  /** Whether there are none. */
  get isEmpty(): boolean {
    return this.#scripts.size === 0;
  }

  /**
   * Add a script.
   *
   * @throws TypeError or RangeError for one that can do nothing.
   */
  add(options: ScriptOptions): Script {
    const script = new RunningScript(options, () => this.#scripts.delete(script));
    this.#scripts.add(script);
    return script;
  }

  /** Decide about a frame; `undefined`: nothing special. */
  decide(frame: Frame, connection: BrokerConnection): Decision | undefined {
    for (const script of this.#scripts) {
      if (!script.isAbout(frame, connection)) continue;
      const answer = script.answer(frame, connection);
      if (answer === undefined) return undefined;
      return { answer: typeof answer === "string" ? { type: answer } : answer, hold: (send) => script.hold(send) };
    }
    return undefined;
  }
}

class RunningScript implements Script {
  readonly #options: ScriptOptions;
  readonly #commands: readonly Command[] | undefined;
  readonly #remove: () => void;
  readonly #held: (() => void)[] = [];
  #skipped = 0;
  matched = 0;

  constructor(options: ScriptOptions, remove: () => void) {
    const { command, answer, skip = 0, times = Infinity } = options;
    this.#options = options;
    this.#commands = command === undefined || typeof command !== "string" ? command : [command];
    this.#remove = remove;
    if (!(skip >= 0)) throw new RangeError(`skip must not be negative: ${skip}`);
    if (!(times >= 1)) throw new RangeError(`times must be at least 1, not ${times}`);
    if (typeof answer !== "function")
      checkAnswer(answer, this.#commands?.some((it) => isCommandOf(it, "server")) === true);
  }

  get held(): number {
    return this.#held.length;
  }

  isAbout(frame: Frame, connection: BrokerConnection): boolean {
    const { destination, connection: only, where, skip = 0, times = Infinity } = this.#options;
    if (this.matched >= times) return false;
    if (this.#commands === undefined ? !isCommandOf(frame.command, "client") : !this.#commands.includes(frame.command))
      return false;
    if (destination !== undefined && frame.headers.get("destination") !== destination) return false;
    if (only !== undefined && only !== connection) return false;
    if (where !== undefined && !where(frame, connection)) return false;
    if (this.#skipped < skip) {
      this.#skipped++;
      return false;
    }
    return true;
  }

  answer(frame: Frame, connection: BrokerConnection): Answer | undefined {
    this.matched++;
    const { answer } = this.#options;
    if (typeof answer !== "function") return answer;
    const chosen = answer(frame, connection);
    if (chosen !== undefined) checkAnswer(chosen, isCommandOf(frame.command, "server"));
    return chosen;
  }

  hold(send: () => void): void {
    this.#held.push(send);
  }

  release(count = Infinity): void {
    for (const send of this.#held.splice(0, count)) send();
  }

  remove(): void {
    this.#remove();
  }

  [Symbol.dispose](): void {
    this.#remove();
  }
}

/** Whether an answer is for any frame, or for those of clients only. */
const ANSWERS: ReadonlyMap<string, "any" | "client"> = new Map([
  ["hold-receipt", "client"],
  ["drop-receipt", "client"],
  ["ignore", "any"],
  ["silence", "any"],
  ["cut", "any"],
  ["close", "any"],
  ["close-after", "any"],
  ["error", "client"],
  ["delay", "client"],
]);

function checkAnswer(answer: Answer, ofServer: boolean): void {
  const type = typeof answer === "string" ? answer : answer.type;
  if (!ANSWERS.has(type)) throw new TypeError(`answer must be one of ${[...ANSWERS.keys()].join(", ")}, not ${type}`);
  if (ofServer && ANSWERS.get(type) !== "any") {
    throw new TypeError(`answer ${type} is for frames of clients`);
  }
  if (typeof answer === "string") return;
  if (answer.type === "delay") checkDuration("ms", answer.ms);
  else if (answer.type === "close-after" && !(answer.octets >= 0)) {
    throw new RangeError(`octets must be a number from 0 up, not ${answer.octets}`);
  }
}
