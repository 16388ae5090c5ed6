import { afterEach, describe, expect, test, vi } from "vitest";
import { InvalidStateError } from "../../src/errors.js";
import type { SendStore } from "../../src/store.js";
import { indexedDbStore } from "../../src/stores/indexed-db.js";
import { contentsOf, contract, keysOf, type Place, send } from "./contract.js";

function settled(request: IDBOpenDBRequest): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error!);
  });
}

let places = 0;

async function makePlace(): Promise<Place & { readonly name: string }> {
  const name = `test-${++places}`;
  const stores: SendStore[] = [];
  return {
    name,
    store() {
      const store = indexedDbStore(name);
      stores.push(store);
      return store;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(stores.map((store) => store.close()));
      await settled(indexedDB.deleteDatabase(`stompede-${name}`));
    },
  };
}

contract("IndexedDB", makePlace, { numRuns: 50 });

describe("the store in IndexedDB", () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  test("writes strictly, and what waits at the same time in one transaction", async () => {
    await using place = await makePlace();
    const store = place.store();
    await store.open();
    const transaction = vi.spyOn(IDBDatabase.prototype, "transaction");
    await Promise.all(Array.from({ length: 100 }, (_, index) => store.add(send(`${index}`))));
    expect(transaction.mock.calls).toEqual([["sends", "readwrite", { durability: "strict" }]]);
    const first = store.add(send("first"));
    await Promise.resolve();
    await Promise.all([first, ...Array.from({ length: 100 }, (_, index) => store.delete(`${index}`))]);
    expect(transaction).toHaveBeenCalledTimes(3);
  });

  test("names the database that another has", async () => {
    await using place = await makePlace();
    await place.store().open();
    await expect(place.store().open()).rejects.toEqual(
      new InvalidStateError(`stompede-${place.name} is open in another page or worker, or in this one, already`),
    );
  });

  test("is open to all where there are no Web Locks", async () => {
    vi.stubGlobal("navigator", {});
    await using place = await makePlace();
    const [first, second] = [place.store(), place.store()];
    await first.open();
    expect(await second.open()).toEqual([]);
    await Promise.all([first.add(send("a")), second.add(send("b"))]);
    await Promise.all([first.close(), second.close()]);
    expect(keysOf(await contentsOf(place.store())).sort()).toEqual(["a", "b"]);
  });

  test("says so where there is no IndexedDB", async () => {
    vi.stubGlobal("indexedDB", undefined);
    await expect(indexedDbStore("x").open()).rejects.toEqual(
      new InvalidStateError("there is no indexedDB here: it is for browsers"),
    );
  });

  test("makes way when its database is deleted, and refuses what comes after", async () => {
    await using place = await makePlace();
    const store = place.store();
    await store.open();
    await store.add(send("a"));
    await settled(indexedDB.deleteDatabase(`stompede-${place.name}`));
    await expect(store.add(send("b"))).rejects.toEqual(
      new InvalidStateError(
        `the database stompede-${place.name} was closed: another page deletes it or changes its version`,
      ),
    );
    await store.close();
    expect(await contentsOf(place.store())).toEqual([]);
  });

  test("does not wait for a page that keeps another version open", async () => {
    await using place = await makePlace();
    const name = `stompede-${place.name}`;
    const other = await settled(indexedDB.open(name, 1));
    const open = indexedDB.open.bind(indexedDB);
    vi.spyOn(indexedDB, "open").mockImplementationOnce(() => open(name, 2));
    await expect(place.store().open()).rejects.toEqual(
      new InvalidStateError(`the database ${name} is open in a page that has another version of it`),
    );
    other.close();
  });

  test("rejects with the browser's error when a later version has been there, and lets go", async () => {
    await using place = await makePlace();
    const name = `stompede-${place.name}`;
    (await settled(indexedDB.open(name, 2))).close();
    await expect(place.store().open()).rejects.toMatchObject({ name: "VersionError" });
    await settled(indexedDB.deleteDatabase(name));
    expect(await contentsOf(place.store())).toEqual([]);
  });

  test("rejects all that shared a transaction when there is no space left, and goes on", async () => {
    await using place = await makePlace();
    const store = place.store();
    await store.open();
    await store.add(send("a"));
    const error = new DOMException("no space", "QuotaExceededError");
    // The browser ends a transaction so when its commit finds no space; a script cannot but by filling the disk.
    vi.spyOn(IDBTransaction.prototype, "error", "get").mockReturnValue(error);
    const add = vi.spyOn(IDBObjectStore.prototype, "add").mockImplementationOnce(function (
      this: IDBObjectStore,
      value,
    ) {
      add.mockRestore();
      const request = this.add(value);
      request.onsuccess = () => this.transaction.abort();
      return request;
    });
    const results = await Promise.allSettled([store.add(send("b")), store.add(send("c")), store.delete("a")]);
    expect(results).toEqual(Array(3).fill({ status: "rejected", reason: error }));
    await store.add(send("d"));
    await store.close();
    expect(keysOf(await contentsOf(place.store()))).toEqual(["a", "d"]);
  });

  test("refuses what cannot be cloned, and nothing else because of it", async () => {
    await using place = await makePlace();
    const store = place.store();
    await store.open();
    const results = await Promise.allSettled([
      store.add(send("a")),
      store.add(send("b", { headers: (() => {}) as never })),
      store.add(send("c")),
    ]);
    expect(results[1]).toMatchObject({ status: "rejected", reason: { name: "DataCloneError" } });
    await store.close();
    expect(keysOf(await contentsOf(place.store()))).toEqual(["a", "c"]);
  });
});

test("a name must be a string", () => {
  expect(() => indexedDbStore(undefined as never)).toThrow(
    new TypeError("name of the store must be a string, not undefined"),
  );
});
