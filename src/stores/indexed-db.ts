/** The entry `stompede/store/indexed-db`. */
import { InvalidStateError } from "../errors.js";
import type { SendStore, StoredSend } from "../store.js";
import { type Change, GroupedStore, type Medium, type OpenedMedium } from "./grouped-store.js";
import { holdWebLock } from "./web-lock.js";

export type { SendStore, StoredSend } from "../store.js";

const VERSION = 1;
const SENDS = "sends";
const ORDER = "order";

/** What is in the database. */
interface KeptSend extends StoredSend {
  /** Grows with each send. An index; the key itself is `key`, so that deleting takes one request and not two. */
  readonly order: number;
}

/**
 * Make a store that keeps sends in the browser, in the database `stompede-<name>` of the page's origin.
 *
 * A send is kept when its transaction is complete, with `durability: "strict"`: the browser has asked the system to write
 * it to the disk. Sends that are added while a transaction runs share the next. A browser that runs short of space may
 * delete what a page has stored, unless `navigator.storage.persist()` was granted. When there is no space left, all that
 * share the transaction are rejected with the browser's QuotaExceededError.
 *
 * One page or worker has it open at a time, by a Web Lock of the name of the database; `open` rejects with an
 * InvalidStateError when another has it. Where there are no Web Locks (in a page that is not a secure context, for one)
 * **nobody is refused**: two pages with a store of one name would then both send what is in it.
 *
 * When another page deletes the database, or its version changes, the store makes way: what is called after that is
 * rejected with an InvalidStateError. Where there is no IndexedDB, as in Node, `open` is.
 *
 * @throws TypeError if `name` is no string.
 */
export function indexedDbStore(name: string): SendStore {
  if (typeof name !== "string") throw new TypeError(`name of the store must be a string, not ${typeof name}`);
  return new GroupedStore(`the store ${JSON.stringify(name)}`, () => openMedium(`stompede-${name}`));
}

async function openMedium(name: string): Promise<OpenedMedium> {
  const factory = globalThis.indexedDB as IDBFactory | undefined; // absent in Node, whatever the types say
  if (factory === undefined) throw new InvalidStateError("there is no indexedDB here: it is for browsers");
  const release = await holdWebLock(name);
  try {
    const database = await openDatabase(factory, name);
    const medium = new DatabaseMedium(database, release);
    return { medium, sends: await medium.read() };
  } catch (error) {
    await release();
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
  readonly #release: () => Promise<void>;
  #lastOrder = 0;
  /** Whether the database was closed, and not by us. */
  #isGone = false;

  constructor(database: IDBDatabase, release: () => Promise<void>) {
    this.#database = database;
    this.#release = release;
    database.onversionchange = () => {
      this.#isGone = true;
      database.close(); // lets transactions end first
    };
    database.onclose = () => (this.#isGone = true);
  }

  /** Read all sends, in order. */
  async read(): Promise<readonly StoredSend[]> {
    const kept = await new Promise<readonly KeptSend[]>((resolve, reject) => {
      const transaction = this.#database.transaction(SENDS, "readonly");
      // Nobody else writes to it.
      const request = transaction.objectStore(SENDS).index(ORDER).getAll() as IDBRequest<KeptSend[]>;
      request.onsuccess = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error ?? this.#gone());
    });
    this.#lastOrder = kept.at(-1)?.order ?? 0;
    return kept.map(({ order: _, ...send }) => send);
  }

  async write(changes: readonly Change[]): Promise<void> {
    if (this.#isGone) throw this.#gone();
    return new Promise((resolve, reject) => {
      const transaction = this.#database.transaction(SENDS, "readwrite", { durability: "strict" });
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? this.#gone());
      const sends = transaction.objectStore(SENDS);
      for (const change of changes) {
        if (change.kind === "add") this.#add(sends, change.send, change.settled.reject);
        else sends.delete(change.key);
      }
    });
  }

  async close(): Promise<void> {
    this.#database.close();
    await this.#release();
  }

  #add(sends: IDBObjectStore, send: StoredSend, refuse: (reason: unknown) => void): void {
    const kept: KeptSend = { ...send, order: ++this.#lastOrder };
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
