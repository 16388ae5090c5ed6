import { expect, test } from "vitest";
import { indexedDbStore } from "../../src/stores/indexed-db.js";
import { type StorePlace, describeStore, send } from "./contract.js";

let places = 0;

function place(): Promise<StorePlace & { readonly name: string }> {
  const name = `test-${performance.timeOrigin}-${++places}`;
  return Promise.resolve({
    name,
    store: () => indexedDbStore(name),
    [Symbol.asyncDispose]: () => deleted(`stompede-${name}`),
  });
}

function deleted(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => {
      resolve();
    };
    request.onerror = () => {
      reject(request.error ?? new Error("it was not deleted"));
    };
  });
}

describeStore("the store in IndexedDB", place);

test("a database that somebody deletes is let go: what is added then is refused", async () => {
  await using here = await place();
  const store = indexedDbStore(here.name);
  await store.open();
  await store.add(send("1"));
  await deleted(`stompede-${here.name}`); // it does not block
  await expect(store.add(send("2"))).rejects.toThrow(`the store stompede-${here.name} is not open`);
  expect(await store.open()).toEqual([]);
  await store.close();
});

test("an empty name is refused", () => {
  expect(() => indexedDbStore("")).toThrow("name must be a string that is not empty");
});
