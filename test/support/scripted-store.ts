/** A store in a test's hands. */
import { type Deferred, deferred } from "../../src/internal/deferred.js";
import type { SendStore, StoredSend } from "../../src/store.js";

type Call = "open" | "add" | "delete" | "close";

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
  readonly #bodies = new Map<string, string>();

  constructor(...bodies: readonly string[]) {
    for (const body of bodies) this.#keep({ ...PLAIN, key: `earlier-${body}`, body });
  }

  /** The bodies that it keeps, in order. */
  get bodies(): string[] {
    return [...this.kept.values()].map(textOf);
  }

  async open(): Promise<readonly StoredSend[]> {
    if (this.#isOpen) throw new Error("the store is open");
    await this.#call("open", "open");
    this.#isOpen = true;
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

  async close(): Promise<void> {
    await this.#call("close", "close");
    this.#isOpen = false;
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
