import { afterEach, describe, expect, test, vi } from "vitest";
import { InvalidStateError } from "../../src/errors.js";
import type { SendStore } from "../../src/store.js";
import { indexedDbStore } from "../../src/stores/indexed-db.js";
import { BaseClient } from "../../src/client/client.js";
import { failure } from "../support/connected.js";
import { ScriptedBroker } from "../support/scripted-broker.js";
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

contract("IndexedDB", makePlace, { numRuns: 50, isShared: true });

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

describe("several tabs", () => {
  /** A tab: its store, and what it has found since it was opened. */
  async function openTab(place: Place): Promise<{ store: SendStore; opened: string[]; found: string[][] }> {
    const store = place.store();
    const found: string[][] = [];
    const opened = await store.open((sends) => found.push(keysOf(sends)));
    return { store, opened: keysOf(opened), found };
  }

  test("have sends of their own", async () => {
    await using place = await makePlace();
    const first = await openTab(place);
    await first.store.add(send("a"));
    const second = await openTab(place);
    expect(second.opened).toEqual([]);
    await Promise.all([first.store.add(send("b")), second.store.add(send("c"))]);
    await Promise.all([first.store.delete("a"), second.store.delete("c")]);
    await second.store.add(send("d"));
    expect([...first.found, ...second.found]).toEqual([]);
    await Promise.all([first.store.close(), second.store.close()]);
    expect(keysOf(await contentsOf(place.store())).sort()).toEqual(["b", "d"]);
  });

  test.each(["the older", "the newer"])("take over what another one leaves: %s", async (which) => {
    await using place = await makePlace();
    const tabs = [await openTab(place), await openTab(place)] as const;
    const [stays, ends] = which === "the older" ? tabs : ([tabs[1], tabs[0]] as const);
    for (const key of ["a", "b", "c"]) await ends.store.add(send(key));
    await ends.store.park("b", "no");
    await stays.store.add(send("d"));
    await ends.store.close();
    await vi.waitFor(() => expect(stays.found).toEqual([["a", "b", "c"]]));
    await stays.store.delete("a");
    await stays.store.park("b");
    expect(ends.found).toEqual([]);
    await stays.store.close();
    expect(keysOf(await contentsOf(place.store())).sort()).toEqual(["b", "c", "d"]);
  });

  test("take over again and again, and what one took over is left to the next", async () => {
    await using place = await makePlace();
    let last = await openTab(place);
    await last.store.add(send("0"));
    for (let index = 1; index < 5; index++) {
      const next = await openTab(place);
      expect(next.opened).toEqual([]);
      await next.store.add(send(`${index}`));
      await last.store.close();
      await vi.waitFor(() => expect(next.found.flat().sort()).toEqual(Array.from({ length: index }, (_, n) => `${n}`)));
      last = next;
    }
    await last.store.close();
    expect(keysOf(await contentsOf(place.store()))).toEqual(["0", "1", "2", "3", "4"]);
  });

  test("do not both take over the same", async () => {
    await using place = await makePlace();
    const tabs = await Promise.all(Array.from({ length: 5 }, () => openTab(place)));
    const [ends, ...others] = tabs;
    const keys = Array.from({ length: 50 }, (_, index) => `${index}`);
    await Promise.all(keys.map((key) => ends!.store.add(send(key))));
    await ends!.store.close();
    await vi.waitFor(() => expect(others.flatMap(({ found }) => found)).toEqual([keys]));
    const [heir] = others.filter(({ found }) => found.length > 0);
    await heir!.store.close();
    const heirs = others.filter((tab) => tab !== heir);
    await vi.waitFor(() => expect(heirs.flatMap(({ found }) => found)).toEqual([keys]));
  });

  test("that open at the same time share what was left", async () => {
    await using place = await makePlace();
    const before = await openTab(place);
    const keys = ["a", "b", "c"];
    for (const key of keys) await before.store.add(send(key));
    await before.store.close();
    const tabs = await Promise.all(Array.from({ length: 4 }, () => openTab(place)));
    expect(tabs.flatMap(({ opened, found }) => [...opened, ...found.flat()])).toEqual(keys);
  });

  test("find nothing when they are closed themselves", async () => {
    await using place = await makePlace();
    const [first, second] = [await openTab(place), await openTab(place)];
    await first.store.add(send("a"));
    await Promise.all([second.store.close(), first.store.close()]);
    expect(second.found).toEqual([]);
    expect(keysOf(await contentsOf(place.store()))).toEqual(["a"]);
  });

  test("take over what an earlier version left", async () => {
    await using place = await makePlace();
    await contentsOf(place.store());
    const database = await settled(indexedDB.open(`stompede-${place.name}`));
    const transaction = database.transaction("sends", "readwrite");
    for (const [index, key] of ["a", "b"].entries())
      transaction.objectStore("sends").add({ ...send(key), order: index + 1 });
    await new Promise((resolve) => (transaction.oncomplete = resolve));
    database.close();
    const store = place.store();
    expect(await store.open()).toEqual([send("a"), send("b")]);
    await store.add(send("c"));
    await store.close();
    expect(keysOf(await contentsOf(place.store()))).toEqual(["a", "b", "c"]);
  });

  test("send what a client leaves by another one, without a word and once", async () => {
    await using place = await makePlace();
    const sent: string[] = [];
    let confirms = false;
    const open = async (): Promise<{ client: BaseClient; broker: ScriptedBroker }> => {
      const broker = new ScriptedBroker({
        receipts: false,
        onFrame: (frame, self) => {
          if (frame.command === "SEND") sent.push(frame.text());
          if (confirms || frame.command === "DISCONNECT") {
            const receipt = frame.headers.get("receipt");
            if (receipt !== undefined) self.send("RECEIPT", { "receipt-id": receipt });
          }
        },
      });
      const client = new BaseClient(broker.dial, {
        heartBeat: false,
        delivery: "at-least-once",
        outbox: { store: place.store() },
      });
      await client.connect();
      return { client, broker };
    };
    const [first, second] = [await open(), await open()];
    const left = ["1", "2"].map((body) => failure(first.client.send("/queue/a", body)));
    await vi.waitFor(() => expect(sent).toEqual(["1", "2"]));
    confirms = true;
    await second.client.send("/queue/a", "3"); // while the first one lives
    expect(sent).toEqual(["1", "2", "3"]);
    await first.client.disconnect({ timeout: 50 });
    expect(await Promise.all(left)).toMatchObject([{ outcome: "kept" }, { outcome: "kept" }]);
    await vi.waitFor(() => expect(sent).toEqual(["1", "2", "3", "1", "2"]));
    await vi.waitFor(() => expect(second.client.metrics().outboxMessages).toBe(0));
    await second.client.disconnect();
    expect(await contentsOf(place.store())).toEqual([]);
  });
});

test("a name must be a string", () => {
  expect(() => indexedDbStore(undefined as never)).toThrow(
    new TypeError("name of the store must be a string, not undefined"),
  );
});
