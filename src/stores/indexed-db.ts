/** A store in IndexedDB, for browsers. */
import { InvalidStateError } from "../errors.js";
import { deferred } from "../internal/deferred.js";
import type { SendStore, StoredSend } from "../store.js";

export type { SendStore, StoredSend } from "../store.js";

/**
 * Keep the messages of an outbox in the browser, in the database `stompede-<name>` of this origin. They survive a crash of the
 * page and of the browser: each is kept, durably where the browser can, before it is sent.
 *
 * One page owns the database at a time: another one's `open` rejects with InvalidStateError. That needs Web Locks (all current
 * browsers have them, in pages with TLS and on localhost); without them, give each page a name of its own.
 *
 *     const client = new Client(url, { delivery: "at-least-once", outbox: { store: indexedDbStore("orders") } });
 *
 * @throws TypeError for an empty name.
 */
export function indexedDbStore(name: string): SendStore {
  if (typeof name !== "string" || name === "") throw new TypeError("name must be a string that is not empty");
  return new IndexedDbStore(`stompede-${name}`);
}

const SENDS = "sends";

class IndexedDbStore implements SendStore {
  readonly #name: string;
  #database: IDBDatabase | undefined;
  #unlock: (() => void) | undefined;
  #opening: Promise<readonly StoredSend[]> | undefined;
  /** What is done in this turn goes into one transaction. */
  #transaction: { readonly store: IDBObjectStore; readonly done: Promise<void> } | undefined;
  #lastDone: Promise<void> = Promise.resolve();

  constructor(name: string) {
    this.#name = name;
  }

  open(): Promise<readonly StoredSend[]> {
    if (this.#opening !== undefined) {
      return Promise.reject(new InvalidStateError(`the store ${this.#name} was opened before`));
    }
    this.#opening = this.#open();
    this.#opening.catch(() => {
      this.#opening = undefined; // it may be tried again
    });
    return this.#opening;
  }

  add(send: StoredSend): Promise<void> {
    return this.#write((store) => store.add(send));
  }

  delete(key: string): Promise<void> {
    return this.#write((store) => {
      const found = store.index("key").getKey(key);
      found.onsuccess = () => {
        if (found.result !== undefined) store.delete(found.result);
      };
    });
  }

  async close(): Promise<void> {
    await this.#opening?.catch(() => undefined);
    const database = this.#database;
    this.#database = undefined; // what comes now is refused
    await this.#lastDone.catch(() => undefined);
    database?.close();
    this.#unlock?.();
    this.#unlock = undefined;
    this.#opening = undefined;
  }

  async #open(): Promise<readonly StoredSend[]> {
    if (typeof indexedDB === "undefined") throw new InvalidStateError("there is no IndexedDB on this platform");
    this.#unlock = await lock(this.#name);
    try {
      this.#database = await openDatabase(this.#name);
      // Somebody wants to delete or change the database: it is let go.
      this.#database.onversionchange = () => {
        void this.close();
      };
      const all = this.#database.transaction(SENDS).objectStore(SENDS).getAll();
      return (await resultOf(all)) as StoredSend[]; // nobody else writes there
    } catch (error) {
      this.#unlock();
      throw error;
    }
  }

  #write(act: (store: IDBObjectStore) => unknown): Promise<void> {
    const database = this.#database;
    if (database === undefined) return Promise.reject(new InvalidStateError(`the store ${this.#name} is not open`));
    try {
      this.#transaction ??= this.#begin(database);
      act(this.#transaction.store);
      return this.#transaction.done;
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #begin(database: IDBDatabase): { store: IDBObjectStore; done: Promise<void> } {
    const transaction = database.transaction(SENDS, "readwrite", { durability: "strict" });
    const done = deferred<void>();
    transaction.oncomplete = () => {
      done.resolve();
    };
    transaction.onabort = () => {
      done.reject(transaction.error ?? new Error("the transaction was aborted"));
    };
    this.#lastDone = done.promise;
    queueMicrotask(() => {
      this.#transaction = undefined; // it commits by itself when nothing more is asked of it
    });
    return { store: transaction.objectStore(SENDS), done: done.promise };
  }
}

function openDatabase(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => {
    const store = request.result.createObjectStore(SENDS, { autoIncrement: true }); // the order in which they were added
    store.createIndex("key", "key", { unique: true });
  };
  return resultOf(request);
}

function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => {
      resolve(request.result);
    };
    request.onerror = () => {
      reject(request.error ?? new Error("IndexedDB gives no reason"));
    };
  });
}

/** Own a name among all pages of this origin, until what is returned is called. */
async function lock(name: string): Promise<() => void> {
  // It is missing where the page has no TLS, whatever its type says.
  const locks = (globalThis.navigator as { readonly locks?: LockManager } | undefined)?.locks;
  if (locks === undefined) return () => undefined;
  const held = deferred<void>();
  const got = deferred<boolean>();
  locks
    .request(name, { ifAvailable: true }, (granted) => {
      got.resolve(granted !== null);
      return granted === null ? undefined : held.promise;
    })
    .catch((error: unknown) => {
      got.reject(error);
    });
  if (!(await got.promise))
    throw new InvalidStateError(`the store ${name} is open in another page, or twice in this one`);
  return held.resolve;
}
