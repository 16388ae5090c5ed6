import { describe, expect, test } from "vitest";
import { deferred } from "../../src/internal/deferred.js";
import { GroupedStore, type Medium, type OpenedMedium } from "../../src/stores/grouped-store.js";
import { send } from "./contract.js";

/** A medium that notes what is done with it; each write ends when `written` does. */
function noting(written: () => Promise<void> = async () => undefined): { readonly notes: string[]; medium: Medium } {
  const notes: string[] = [];
  return {
    notes,
    medium: {
      write(changes) {
        notes.push(changes.map(({ kind, key }) => `${kind} ${key}`).join(", "));
        return written();
      },
      async tidy() {
        notes.push("tidy");
      },
      async close() {
        notes.push("close");
      },
    },
  };
}

describe("a store that writes in groups", () => {
  test("writes what was called in one turn together, and what is called meanwhile in the next group", async () => {
    const first = deferred();
    const ends = [first.promise];
    const { notes, medium } = noting(() => ends.shift() ?? Promise.resolve());
    const store = new GroupedStore("the store", async () => ({ medium, sends: [] }));
    await store.open();
    const calls = [store.add(send("a")), store.delete("b")];
    await Promise.resolve();
    await Promise.resolve();
    expect(notes).toEqual(["add a, delete b"]);
    calls.push(store.add(send("c")), store.add(send("d")));
    first.resolve();
    await Promise.all(calls);
    await store.close();
    expect(notes).toEqual(["add a, delete b", "tidy", "add c, add d", "tidy", "close"]);
  });

  test("keeps what is called while it is opened until it is open", async () => {
    const opening = deferred<OpenedMedium>();
    const { notes, medium } = noting();
    const store = new GroupedStore("the store", () => opening.promise);
    const calls = [store.open(), store.add(send("a")), store.delete("b"), store.close()];
    opening.resolve({ medium, sends: [send("x")] });
    expect(await Promise.all(calls)).toEqual([[send("x")], undefined, undefined, undefined]);
    expect(notes).toEqual(["add a, delete b", "tidy", "close"]);
  });

  test("rejects what is called while it is opened if it is not, and may be opened again", async () => {
    const error = new Error("no");
    const { notes, medium } = noting();
    const ways = [() => Promise.reject(error), async () => ({ medium, sends: [] })];
    const store = new GroupedStore("the store", () => ways.shift()!());
    const results = await Promise.allSettled([store.open(), store.add(send("a")), store.delete("b")]);
    expect(results).toEqual(Array(3).fill({ status: "rejected", reason: error }));
    await store.close();
    await store.open();
    await store.add(send("c"));
    await store.close();
    expect(notes).toEqual(["add c", "tidy", "close"]);
  });

  test("is closed although what it writes to cannot be, and says so to nobody", async () => {
    const { medium } = noting();
    const store = new GroupedStore("the store", async () => ({
      medium: { ...medium, close: () => Promise.reject(new Error("no")) },
      sends: [],
    }));
    await store.open();
    await store.close();
    await expect(store.add(send("a"))).rejects.toThrow("the store is not open");
  });
});
