/** A store in a test's hands. */
import { type Deferred, deferred } from "../../src/internal/deferred.js";
import type { SendStore, StoredSend } from "../../src/store.js";

type Call = "open" | "add" | "delete" | "park" | "close";

/** Keeps sends in memory, where a crash of a client leaves them; slow, and failing, when a test says so. */
export class ScriptedStore implements SendStore {
  /** What was called, with the bodies of messages. */
  readonly calls: string[] = [];
  /** What would survive a crash. */
  readonly kept = new Map<string, StoredSend>();
  /** Calls that reject, and with what. */
  readonly faults = new Map<Call, unknown>();
  /** Calls that take until {@link ScriptedStore.release}. */
  readonly slow = new Set<Call>();
  #held: Deferred<void>[] = [];
  #isOpen = false;
  #found: ((sends: readonly StoredSend[]) => void) | undefined;
  readonly #bodies = new Map<string, string>();

  constructor(...bodies: readonly string[]) {
    for (const body of bodies) this.#keep({ ...PLAIN, key: `earlier-${body}`, body });
  }

  /** The bodies that it keeps, in order. */
  get bodies(): string[] {
    return [...this.kept.values()].map(textOf);
  }

  /** The bodies that are parked, with the reasons. */
  get parked(): (readonly [body: string, reason: string])[] {
    return [...this.kept.values()].flatMap((send) =>
      send.parked === undefined ? [] : [[textOf(send), send.parked] as const],
    );
  }

  async open(found?: (sends: readonly StoredSend[]) => void): Promise<readonly StoredSend[]> {
    if (this.#isOpen) throw new Error("the store is open");
    await this.#call("open", "open");
    this.#isOpen = true;
    this.#found = found;
    return [...this.kept.values()];
  }

  async add(send: StoredSend): Promise<void> {
    this.#bodies.set(send.key, textOf(send));
    await this.#call("add", `add ${textOf(send)}`);
    if (this.kept.has(send.key)) throw new Error("the key is in use");
    this.#keep(send);
  }

  async delete(key: string): Promise<void> {
    await this.#call("delete", `delete ${this.#bodies.get(key) ?? key}`);
    this.kept.delete(key);
  }

  async park(key: string, reason?: string): Promise<void> {
    await this.#call("park", `${reason === undefined ? "unpark" : "park"} ${this.#bodies.get(key) ?? key}`);
    const { parked: _, ...send } = this.kept.get(key) ?? { ...PLAIN, key, body: "" };
    if (this.kept.has(key)) this.kept.set(key, reason === undefined ? send : { ...send, parked: reason });
  }

  async close(): Promise<void> {
    await this.#call("close", "close");
    this.#isOpen = false;
  }

  /** Another process or page has left these messages, and they are this store's from now on. */
  find(...bodies: readonly string[]): void {
    const sends = bodies.map((body) => ({ ...PLAIN, key: `found-${body}`, body }));
    for (const send of sends) this.#keep(send);
    this.#found?.(sends);
  }

  /** Let the calls go on that are held, and be slow no more. */
  release(): void {
    this.slow.clear();
    for (const held of this.#held.splice(0)) held.resolve();
  }

  /** The process that had it open is gone; what it had under way never happened. */
  crash(): void {
    this.#held = [];
    this.#isOpen = false;
  }

  #keep(send: StoredSend): void {
    this.kept.set(send.key, structuredClone(send));
    this.#bodies.set(send.key, textOf(send));
  }

  async #call(call: Call, what: string): Promise<void> {
    if (call !== "open" && !this.#isOpen) throw new Error(`${what}: the store is not open`);
    this.calls.push(what);
    if (this.slow.has(call)) {
      const held = deferred<void>();
      this.#held.push(held);
      await held.promise;
    }
    if (this.faults.has(call)) throw this.faults.get(call);
  }
}

const PLAIN = { destination: "/queue/a", headers: [], contentLength: true } as const;

function textOf({ body }: StoredSend): string {
  return typeof body === "string" ? body : new TextDecoder().decode(body);
}
