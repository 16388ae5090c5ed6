/** What every store must do: the contract of `src/store.ts`, run against each. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidStateError } from "../../src/errors.js";
import type { SendStore, StoredSend } from "../../src/store.js";

/** Where a store keeps its sends; empty at first. Disposing of it deletes what is there. */
export interface Place extends AsyncDisposable {
  /** Make a store for this place: a new one, unless only the same one has what was kept. */
  store(): SendStore;
}

/** A send that says little. */
export function send(key: string, more: Partial<StoredSend> = {}): StoredSend {
  return { key, destination: "/queue/a", headers: [], body: `body of ${key}`, contentLength: true, ...more };
}

/** The keys of sends, in order. */
export function keysOf(sends: readonly StoredSend[]): string[] {
  return sends.map(({ key }) => key);
}

/** Open a store, close it again, and give what was in it. */
export async function contentsOf(store: SendStore): Promise<readonly StoredSend[]> {
  const sends = await store.open();
  await store.close();
  return sends;
}

/** A send with its octets as letters: what differs in a megabyte of octets takes seconds to be found, and minutes to be shown. */
function inLetters(sent: StoredSend): unknown {
  const { body } = sent;
  return typeof body === "string"
    ? sent
    : { ...sent, body: [body.constructor, new TextDecoder("latin1").decode(body)] };
}

/** Bodies and headers that come back altered from a store which is careless. */
const AWKWARD: readonly StoredSend[] = [
  send("empty text", { body: "" }),
  send("no octets", { body: new Uint8Array() }),
  send("text of many kinds", { body: "\uFEFF\0\r\n é € 😀 \u2028", contentLength: false }),
  send("octets that are no UTF-8", { body: Uint8Array.from({ length: 512 }, (_, index) => index) }),
  send("octets that are a text", { body: new TextEncoder().encode("hello") }),
  send("a part of more octets", { body: new Uint8Array(1000).fill(7).subarray(10, 20) }),
  send("1 MiB", { body: new Uint8Array(1 << 20).map((_, index) => (index * 7919) >> 3) }),
  send('"\\\n\0 \uD800', { destination: "", body: "x" }),
  send("", {
    headers: [
      ["a", "1"],
      ["a", "2"],
      ["__proto__", "x"],
      ["é:\n", "\\c \uDC00"],
      ["", ""],
    ],
  }),
];

/** `isShared`: several may have it open at a time, each with its own sends. */
export function contract(
  name: string,
  makePlace: () => Promise<Place>,
  options: { numRuns: number; isShared?: boolean },
): void {
  describe(`${name} as a store`, () => {
    test("is empty at first", async () => {
      await using place = await makePlace();
      expect(await contentsOf(place.store())).toEqual([]);
    });

    test("gives what was added, in order and exactly", async () => {
      await using place = await makePlace();
      const store = place.store();
      await store.open();
      for (const awkward of AWKWARD) await store.add(awkward);
      await store.close();
      expect((await contentsOf(place.store())).map(inLetters)).toEqual(AWKWARD.map(inLetters));
    });

    test("keeps the octets that were there when they were added", async () => {
      await using place = await makePlace();
      const store = place.store();
      await store.open();
      const body = new Uint8Array([1, 2, 3]);
      const added = store.add(send("a", { body }));
      body.fill(9);
      await added;
      body.fill(8);
      await store.close();
      expect(await contentsOf(place.store())).toEqual([send("a", { body: new Uint8Array([1, 2, 3]) })]);
    });

    test("gives what was not deleted when it is opened again, and takes more", async () => {
      await using place = await makePlace();
      const first = place.store();
      await first.open();
      for (const key of ["a", "b", "c"]) await first.add(send(key));
      await first.delete("b");
      await first.close();
      const second = place.store();
      expect(await second.open()).toEqual([send("a"), send("c")]);
      await second.delete("a");
      await second.add(send("b"));
      await second.add(send("d"));
      await second.close();
      expect(keysOf(await contentsOf(place.store()))).toEqual(["c", "b", "d"]);
    });

    test("may be opened again once it is closed", async () => {
      await using place = await makePlace();
      const store = place.store();
      await store.open();
      await store.add(send("a"));
      await store.close();
      expect(await store.open()).toEqual([send("a")]);
      await store.add(send("b"));
      await store.close();
      expect(keysOf(await contentsOf(store))).toEqual(["a", "b"]);
    });

    test("keeps what is added at the same time, in the order of the calls", async () => {
      await using place = await makePlace();
      const store = place.store();
      await store.open();
      const keys = Array.from({ length: 100 }, (_, index) => `key ${index}`);
      await Promise.all(keys.map((key) => store.add(send(key))));
      await store.close();
      expect(keysOf(await contentsOf(place.store()))).toEqual(keys);
    });

    test("finishes what is under way when it is closed", async () => {
      await using place = await makePlace();
      const store = place.store();
      await store.open();
      const calls = [store.add(send("a")), store.add(send("b")), store.delete("a")];
      await Promise.all([store.close(), store.close()]);
      await Promise.all(calls);
      await store.close();
      expect(keysOf(await contentsOf(place.store()))).toEqual(["b"]);
    });

    test("forgets a send that is deleted before its add has resolved", async () => {
      await using place = await makePlace();
      const store = place.store();
      await store.open();
      await Promise.all([
        store.add(send("a")),
        store.add(send("b")),
        store.delete("a"),
        store.add(send("a", { body: "again" })),
        store.delete("b"),
      ]);
      await store.close();
      expect(await contentsOf(place.store())).toEqual([send("a", { body: "again" })]);
    });

    test("does not mind the deletion of what is not there", async () => {
      await using place = await makePlace();
      const store = place.store();
      await store.open();
      await Promise.all([store.delete("a"), store.add(send("a")), store.delete("b")]);
      await store.delete("b");
      await store.close();
      expect(keysOf(await contentsOf(place.store()))).toEqual(["a"]);
    });

    test("refuses a key that is there, and nothing else because of it", async () => {
      await using place = await makePlace();
      const store = place.store();
      await store.open();
      const again = { name: "TypeError", message: 'there is a send with the key "a" already' };
      const results = await Promise.allSettled([
        store.add(send("a")),
        store.add(send("a", { body: "another" })),
        store.add(send("b")),
      ]);
      expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
      expect(results[1]).toMatchObject({ reason: again });
      await expect(store.add(send("a"))).rejects.toMatchObject(again);
      await store.close();
      expect(await contentsOf(place.store())).toEqual([send("a"), send("b")]);
    });

    test("refuses calls when it is not open", async () => {
      await using place = await makePlace();
      const store = place.store();
      await store.close();
      await expect(store.add(send("a"))).rejects.toThrow(/ is not open$/);
      await store.open();
      await store.close();
      await expect(store.add(send("a"))).rejects.toBeInstanceOf(InvalidStateError);
      await expect(store.delete("a")).rejects.toBeInstanceOf(InvalidStateError);
      expect(await contentsOf(place.store())).toEqual([]);
    });

    test("gives parked sends with their reason, until they are parked no longer", async () => {
      await using place = await makePlace();
      const first = place.store();
      await first.open();
      const octets = new Uint8Array([0, 255]);
      for (const key of ["a", "b", "c", "d"]) await first.add(send(key));
      await first.add(send("e", { body: octets, headers: [["x", "é"]] }));
      await first.park("b", "no\n\0 é 😀 \uD800");
      await first.park("e", "");
      await first.park("d", "one");
      await first.park("d", "two");
      await first.close();
      const second = place.store();
      const parked = { ...send("e", { body: octets, headers: [["x", "é"]] }), parked: "" };
      expect(await second.open()).toEqual([
        send("a"),
        { ...send("b"), parked: "no\n\0 é 😀 \uD800" },
        send("c"),
        { ...send("d"), parked: "two" },
        parked,
      ]);
      await second.park("b");
      await second.park("c"); // it was not
      await second.delete("d");
      await second.close();
      const third = await contentsOf(place.store());
      expect(third).toEqual([send("a"), send("b"), send("c"), parked]);
      for (const one of third.slice(0, 3)) expect(one).not.toHaveProperty("parked");
    });

    test("does not mind the parking of what is not there, and parks nothing that is added later", async () => {
      await using place = await makePlace();
      const store = place.store();
      await store.open();
      await store.park("a", "no");
      await Promise.all([
        store.add(send("b")),
        store.park("b", "no"),
        store.delete("b"),
        store.add(send("a")),
        store.add(send("b")),
        store.park("c"),
      ]);
      await store.close();
      await expect(store.park("a", "no")).rejects.toBeInstanceOf(InvalidStateError);
      expect(await contentsOf(place.store())).toEqual([send("a"), send("b")]);
    });

    if (options.isShared !== true) {
      test("has one owner at a time", async () => {
        await using place = await makePlace();
        const first = place.store();
        await first.open();
        const second = place.store();
        await expect(second.open()).rejects.toBeInstanceOf(InvalidStateError);
        await expect(first.open()).rejects.toThrow(/ is open already$/);
        await first.add(send("a"));
        await first.close();
        expect(keysOf(await contentsOf(second))).toEqual(["a"]);
      });

      test("is opened by one of those who try at the same time", async () => {
        await using place = await makePlace();
        const stores = [place.store(), place.store(), place.store()];
        const opened = await Promise.allSettled(stores.map((store) => store.open()));
        expect(opened.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected", "rejected"]);
        await Promise.all(stores.map((store) => store.close()));
        expect(await contentsOf(place.store())).toEqual([]);
      });
    }

    test("keeps 10,000 sends, in order", async () => {
      await using place = await makePlace();
      const store = place.store();
      await store.open();
      const keys = Array.from({ length: 10_000 }, (_, index) => `key ${(index * 7919) % 10_000}`);
      await Promise.all(keys.map((key) => store.add(send(key))));
      await Promise.all(keys.filter((_, index) => index % 3 === 0).map((key) => store.delete(key)));
      await store.close();
      expect(keysOf(await contentsOf(place.store()))).toEqual(keys.filter((_, index) => index % 3 !== 0));
    }, 30_000);

    test("does as a plain map does, whatever is called and without waiting", async () => {
      const key = fc.constantFrom("a", "b", "c", "d", "e");
      const body = fc.oneof(fc.string({ unit: "grapheme" }), fc.uint8Array());
      const step = fc.oneof(
        { weight: 6, arbitrary: fc.record({ call: fc.constant("add" as const), key, body }) },
        { weight: 5, arbitrary: fc.record({ call: fc.constant("delete" as const), key }) },
        {
          weight: 3,
          arbitrary: fc.record({
            call: fc.constant("park" as const),
            key,
            reason: fc.option(fc.string(), { nil: undefined }),
          }),
        },
        { weight: 2, arbitrary: fc.constant({ call: "wait" as const }) },
        { weight: 1, arbitrary: fc.constant({ call: "reopen" as const }) },
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
          await using place = await makePlace();
          const model = new Map<string, StoredSend>();
          let store = place.store();
          let calls: Promise<unknown>[] = [];
          await store.open();
          for (const given of steps) {
            switch (given.call) {
              case "add": {
                const added = store.add(send(given.key, { body: given.body }));
                calls.push(model.has(given.key) ? expect(added).rejects.toBeInstanceOf(TypeError) : added);
                if (!model.has(given.key)) model.set(given.key, send(given.key, { body: given.body }));
                break;
              }
              case "delete":
                calls.push(store.delete(given.key));
                model.delete(given.key);
                break;
              case "park": {
                calls.push(store.park(given.key, given.reason));
                const { parked: _, ...kept } = model.get(given.key) ?? send("none");
                const { reason } = given;
                if (model.has(given.key))
                  model.set(given.key, reason === undefined ? kept : { ...kept, parked: reason });
                break;
              }
              case "wait":
                await Promise.all(calls);
                calls = [];
                break;
              case "reopen":
                await store.close();
                store = place.store();
                expect(await store.open()).toEqual([...model.values()]);
            }
          }
          await Promise.all(calls);
          await store.close();
          expect(await contentsOf(place.store())).toEqual([...model.values()]);
        }),
        { numRuns: options.numRuns },
      );
    }, 30_000);
  });
}
