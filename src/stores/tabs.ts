/** The tabs that have a database open: each has a name of its own, hears of the others, and learns when they end. */
import { randomName } from "../internal/random-name.js";
import { holdWebLock, webLocks } from "./web-lock.js";

/**
 * One tab among those that have the same database open: a page, a worker, or another store in one of them.
 *
 * Each holds a Web Lock of its own name as long as it lives, and asks for the locks of the others: whoever gets one knows that the other
 * has ended, and that nobody else takes over from it at the same time. Tabs hear of each other by a BroadcastChannel: a new one says its
 * name, and those that did not know it answer with theirs.
 *
 * Without Web Locks all are the tab `""`, and nobody learns of an end.
 */
export class Tab {
  readonly name: string;
  readonly #database: string;
  readonly #locks: LockManager | undefined;
  readonly #leave: () => Promise<void>;
  readonly #left = new AbortController();
  /** Tabs whose end is waited for; and this one, whose is not. */
  readonly #known: Set<string>;
  #channel: BroadcastChannel | undefined;

  /** Be a tab of a database from now on. */
  static async join(database: string): Promise<Tab> {
    const locks = webLocks();
    if (locks === undefined) return new Tab(database, "", undefined, async () => undefined);
    const name = randomName();
    const leave = await holdWebLock(locks, lockOf(database, name));
    return leave === undefined ? Tab.join(database) : new Tab(database, name, locks, leave);
  }

  private constructor(database: string, name: string, locks: LockManager | undefined, leave: () => Promise<void>) {
    this.name = name;
    this.#database = database;
    this.#locks = locks;
    this.#leave = leave;
    this.#known = new Set([name]);
  }

  /** Say that it is there, and call `takeOver` for each tab that it hears of as soon as that has ended. */
  announce(takeOver: (tab: string) => Promise<void>): void {
    if (this.#locks === undefined) return;
    const channel = new BroadcastChannel(this.#database);
    this.#channel = channel;
    channel.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (typeof data !== "string" || this.#known.has(data)) return;
      this.watch(data, takeOver);
      channel.postMessage(this.name);
    };
    channel.postMessage(this.name);
  }

  /** Call `takeOver` if a tab has ended. Resolves with whether it has. */
  async succeed(tab: string, takeOver: (tab: string) => Promise<void>): Promise<boolean> {
    const release = this.#locks && (await holdWebLock(this.#locks, lockOf(this.#database, tab)));
    if (release === undefined) return false;
    try {
      await takeOver(tab);
    } finally {
      await release();
    }
    return true;
  }

  /** Call `takeOver` when a tab has ended, unless this one leaves before. What fails then is left to the next who opens the database. */
  watch(tab: string, takeOver: (tab: string) => Promise<void>): void {
    if (this.#locks === undefined || this.#known.has(tab)) return;
    this.#known.add(tab);
    this.#locks
      .request(lockOf(this.#database, tab), { signal: this.#left.signal }, () => takeOver(tab))
      .catch(() => undefined)
      .finally(() => this.#known.delete(tab));
  }

  /** End: others take over. */
  async leave(): Promise<void> {
    this.#channel?.close();
    this.#left.abort();
    await this.#leave();
  }
}

function lockOf(database: string, tab: string): string {
  return `${database}:${tab}`;
}
