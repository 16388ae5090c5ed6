/** The entry `stompede/store/indexed-db`. */
import { InvalidStateError } from "../errors.js";
import type { SendStore, StoredSend } from "../store.js";
import { type Change, GroupedStore, type Medium, type OpenedMedium } from "./grouped-store.js";
import { Tab } from "./tabs.js";

export type { SendStore, StoredSend } from "../store.js";

const VERSION = 1;
const SENDS = "sends";
const ORDER = "order";

/** What is in the database. */
interface KeptSend extends StoredSend {
  /**
   * Whose it is, and its place among the sends of all. An index; the key itself is `key`, so that deleting takes one request and not
   * two. A number alone, of an earlier version, is nobody's.
   */
  readonly order: readonly [tab: string, place: number] | number;
}

/**
 * Make a store that keeps sends in the browser, in the database `stompede-<name>` of the page's origin.
 *
 * A send is kept when its transaction is complete, with `durability: "strict"`: the browser has asked the system to write
 * it to the disk. Sends that are added while a transaction runs share the next. A browser that runs short of space may
 * delete what a page has stored, unless `navigator.storage.persist()` was granted. When there is no space left, all that
 * share the transaction are rejected with the browser's QuotaExceededError.
 *
 * Each tab (page or worker) may have it open at the same time, and has its own sends. When one ends, closed, crashed or disconnected,
 * another one that has the store open takes over what it left, at once, or the next one that opens it. Two never send the same at a
 * time. This takes Web Locks: where there are none (in a page that is not a secure context, or in an old browser) **all share all**:
 * each sends what it finds when it opens the store, even if another one is about to send it, and what comes later is found by the next.
 *
 * When another page deletes the database, or its version changes, the store makes way: what is called after that is
 * rejected with an InvalidStateError. Where there is no IndexedDB, as in Node, `open` is.
 *
 * @throws TypeError if `name` is no string.
 */
export function indexedDbStore(name: string): SendStore {
  if (typeof name !== "string") throw new TypeError(`name of the store must be a string, not ${typeof name}`);
  return new GroupedStore(`the store ${JSON.stringify(name)}`, (found) => openMedium(`stompede-${name}`, found));
}

async function openMedium(name: string, found: (sends: readonly StoredSend[]) => void): Promise<OpenedMedium> {
  const factory = globalThis.indexedDB as IDBFactory | undefined; // absent in Node, whatever the types say
  if (factory === undefined) throw new InvalidStateError("there is no indexedDB here: it is for browsers");
  const tab = await Tab.join(name);
  try {
    const medium = new DatabaseMedium(await openDatabase(factory, name), tab);
    return { medium, sends: await medium.begin(found) };
  } catch (error) {
    await tab.leave();
    throw error;
  }
}

function openDatabase(factory: IDBFactory, name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = factory.open(name, VERSION);
    let isBlocked = false;
    request.onupgradeneeded = () => {
      request.result.createObjectStore(SENDS, { keyPath: "key" }).createIndex(ORDER, ORDER);
    };
    request.onblocked = () => {
      isBlocked = true;
      reject(new InvalidStateError(`the database ${name} is open in a page that has another version of it`));
    };
    request.onerror = () => reject(request.error ?? new InvalidStateError(`the database ${name} could not be opened`));
    request.onsuccess = () => {
      if (isBlocked) request.result.close();
      else resolve(request.result);
    };
  });
}

class DatabaseMedium implements Medium {
  readonly #database: IDBDatabase;
  readonly #tab: Tab;
  /** Takes what was taken over. */
  #report: (taken: readonly KeptSend[]) => void = () => undefined;
  /** The place of the last send: they grow in each tab, and by the clock, so that they tell the order of all, more or less. */
  #lastPlace = 0;
  /** Whether the database was closed, and not by us. */
  #isGone = false;

  constructor(database: IDBDatabase, tab: Tab) {
    this.#database = database;
    this.#tab = tab;
    database.onversionchange = () => {
      this.#isGone = true;
      database.close(); // lets transactions end first
    };
    database.onclose = () => (this.#isGone = true);
  }

  /** Give what is left of tabs that have ended, in order; what is left later is found. */
  async begin(found: (sends: readonly StoredSend[]) => void): Promise<readonly StoredSend[]> {
    const sends: KeptSend[] = [];
    this.#report = (taken) => sends.push(...taken);
    const takeOver = async (tab: string): Promise<void> => {
      const taken = await this.#takeOver(tab);
      if (taken.length > 0) this.#report(taken);
    };
    // First, so that the others know whose all that is if this one ends before it is ready.
    this.#tab.announce(takeOver);
    if (this.#tab.name === "") await takeOver("");
    else {
      for (const tab of await this.#tabs()) {
        if (!(await this.#tab.succeed(tab, takeOver))) this.#tab.watch(tab, takeOver);
      }
    }
    this.#report = (taken) => found(taken.map(sendOf));
    return sends.sort((a, b) => placeOf(a) - placeOf(b)).map(sendOf);
  }

  async write(changes: readonly Change[]): Promise<void> {
    if (this.#isGone) throw this.#gone();
    return new Promise((resolve, reject) => {
      const transaction = this.#database.transaction(SENDS, "readwrite", { durability: "strict" });
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? this.#gone());
      this.#apply(transaction.objectStore(SENDS), changes[Symbol.iterator]());
    });
  }

  async close(): Promise<void> {
    this.#report = () => undefined;
    this.#database.close();
    await this.#tab.leave();
  }

  /** The tabs that have sends in the database. */
  #tabs(): Promise<ReadonlySet<string>> {
    return new Promise((resolve, reject) => {
      const tabs = new Set<string>();
      const transaction = this.#database.transaction(SENDS);
      const request = transaction.objectStore(SENDS).index(ORDER).openKeyCursor();
      request.onsuccess = () => {
        const cursor = request.result;
        if (cursor === null) return;
        const order = cursor.key as KeptSend["order"]; // it is an index of these
        const tab = typeof order === "number" ? "" : order[0];
        tabs.add(tab);
        cursor.continue(typeof order === "number" ? [] : [tab, []]); // on to the next tab: lists come behind all numbers
      };
      transaction.oncomplete = () => resolve(tabs);
      transaction.onabort = () => reject(transaction.error ?? this.#gone());
    });
  }

  /** Make all sends of a tab this one's, and give them in order. */
  #takeOver(from: string): Promise<readonly KeptSend[]> {
    return new Promise((resolve, reject) => {
      const transaction = this.#database.transaction(SENDS, "readwrite");
      const sends = transaction.objectStore(SENDS);
      // The tab "" has all there is: that of a page without Web Locks, and of earlier versions.
      const range = from === "" ? IDBKeyRange.upperBound(["", []]) : IDBKeyRange.bound([from], [from, []]);
      // Nobody else writes to it.
      const request = sends.index(ORDER).getAll(this.#tab.name === "" ? undefined : range) as IDBRequest<KeptSend[]>;
      request.onsuccess = () => {
        for (const kept of request.result) {
          this.#lastPlace = Math.max(this.#lastPlace, placeOf(kept));
          if (this.#tab.name !== "") sends.put({ ...kept, order: [this.#tab.name, placeOf(kept)] });
        }
      };
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error ?? this.#gone());
    });
  }

  /** Make changes one after the other. */
  #apply(sends: IDBObjectStore, changes: Iterator<Change, unknown>): void {
    for (let next = changes.next(); next.done !== true; next = changes.next()) {
      const change = next.value;
      if (change.kind === "add") this.#add(sends, change.send, change.settled.reject);
      else if (change.kind === "delete") sends.delete(change.key);
      else {
        const request = sends.get(change.key) as IDBRequest<KeptSend | undefined>; // nobody else writes to it
        request.onsuccess = () => {
          if (request.result !== undefined) {
            const { parked: _, ...kept } = request.result;
            sends.put(change.reason === undefined ? kept : { ...kept, parked: change.reason });
          }
          this.#apply(sends, changes); // the others come after it
        };
        return;
      }
    }
  }

  #add(sends: IDBObjectStore, send: StoredSend, refuse: (reason: unknown) => void): void {
    this.#lastPlace = Math.max(this.#lastPlace + 1, Date.now());
    const kept: KeptSend = { ...send, order: [this.#tab.name, this.#lastPlace] };
    let request: IDBRequest;
    try {
      request = sends.add(kept);
    } catch (error) {
      refuse(error); // it cannot be cloned: it is no send, whatever its type says
      return;
    }
    request.onerror = (event) => {
      // What is there already is this caller's fault alone; without this, the transaction would end.
      if (request.error?.name !== "ConstraintError") return;
      event.preventDefault();
      refuse(new TypeError(`there is a send with the key ${JSON.stringify(send.key)} already`));
    };
  }

  #gone(): InvalidStateError {
    return new InvalidStateError(
      `the database ${this.#database.name} was closed: another page deletes it or changes its version`,
    );
  }
}

function placeOf({ order }: KeptSend): number {
  return typeof order === "number" ? order : order[1];
}

function sendOf({ order: _, ...send }: KeptSend): StoredSend {
  return send;
}
