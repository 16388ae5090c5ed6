/** What every store must do, whatever it keeps its messages in. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidStateError } from "../../src/errors.js";
import type { SendStore, StoredSend } from "../../src/store.js";

/** A place that stores can be opened on, one after the other. */
export interface StorePlace extends AsyncDisposable {
  store(): SendStore;
}

export function send(key: string, body: string | Uint8Array = `body of ${key}`): StoredSend {
  return { key, destination: "/queue/a", headers: [["x-key", key]], body, contentLength: true };
}

function keys(sends: readonly StoredSend[]): string[] {
  return sends.map(({ key }) => key);
}

/** Run the suite. `make` makes a fresh place. */
export function describeStore(name: string, make: () => Promise<StorePlace>): void {
  describe(name, () => {
    /** What a store finds that is opened now. */
    async function found(place: StorePlace): Promise<readonly StoredSend[]> {
      const store = place.store();
      const kept = await store.open();
      await store.close();
      return kept;
    }

    test("is empty at first, and gives back what was added, in its order, exactly", async () => {
      await using place = await make();
      const store = place.store();
      expect(await store.open()).toEqual([]);
      const sends: StoredSend[] = [
        send("1", ""),
        send("2", "grün\n\0日本語 😀 \ufeff"),
        send("3", new Uint8Array()),
        send(
          "4",
          Uint8Array.from({ length: 256 }, (_, octet) => octet),
        ),
        { ...send("5", "x".repeat(100_000)), contentLength: false },
        {
          ...send("6"),
          headers: [
            ["a", "1"],
            ["a", "2"],
            ["__proto__", "\\:\r\n"],
          ],
        },
      ];
      for (const one of sends) await store.add(one);
      await store.close();
      expect(await found(place)).toEqual(sends);
    });

    test("keeps a copy: what becomes of the caller's octets afterwards is nothing to it", async () => {
      await using place = await make();
      const store = place.store();
      await store.open();
      const body = Uint8Array.of(1, 2, 3);
      await store.add(send("1", body));
      body.fill(0);
      await store.close();
      expect((await found(place))[0]?.body).toEqual(Uint8Array.of(1, 2, 3));
    });

    test("forgets what was deleted, and only that", async () => {
      await using place = await make();
      const store = place.store();
      await store.open();
      for (const key of ["1", "2", "3"]) await store.add(send(key));
      await store.delete("2");
      await store.delete("2");
      await store.delete("nothing");
      await store.close();
      expect(keys(await found(place))).toEqual(["1", "3"]);
    });

    test("takes calls that do not wait for each other, in their order", async () => {
      await using place = await make();
      const store = place.store();
      await store.open();
      const added = Array.from({ length: 200 }, (_, i) => store.add(send(String(i))));
      const deleted = [store.delete("0"), store.delete("199")]; // before they are known to be kept
      await Promise.all([...added, ...deleted]);
      await store.add(send("200"));
      await store.close();
      expect(keys(await found(place))).toEqual(Array.from({ length: 199 }, (_, i) => String(i < 198 ? i + 1 : 200)));
    });

    test("finishes what is under way when it is closed, may be closed again, and can be opened again", async () => {
      await using place = await make();
      const store = place.store();
      await store.open();
      const added = store.add(send("1"));
      await Promise.all([store.close(), store.close()]);
      await added;
      await store.close();
      expect(keys(await store.open())).toEqual(["1"]);
      await store.add(send("2"));
      await store.close();
      expect(keys(await found(place))).toEqual(["1", "2"]);
    });

    test("has one owner", async () => {
      await using place = await make();
      const store = place.store();
      await store.open();
      await expect(store.open()).rejects.toThrow(InvalidStateError);
      const other = place.store();
      await expect(other.open()).rejects.toThrow(/is open in/);
      await other.close();
      await store.add(send("1"));
      await store.close();
      expect(keys(await other.open())).toEqual(["1"]);
      await other.close();
    });

    test("refuses calls while it is not open", async () => {
      await using place = await make();
      const store = place.store();
      await expect(store.add(send("1"))).rejects.toThrow(/is not open/);
      await store.open();
      await store.close();
      await expect(store.delete("1")).rejects.toThrow(/is not open/);
    });

    test("keeps thousands", async () => {
      await using place = await make();
      const store = place.store();
      await store.open();
      await Promise.all(Array.from({ length: 10_000 }, (_, i) => store.add(send(String(i)))));
      await Promise.all(Array.from({ length: 9_999 }, (_, i) => store.delete(String(i))));
      await store.close();
      expect(keys(await found(place))).toEqual(["9999"]);
    });

    test("agrees with a model over any adding, deleting and opening again", async () => {
      const step = fc.oneof(
        { weight: 4, arbitrary: fc.constant("add" as const) },
        { weight: 3, arbitrary: fc.nat(30) },
        { weight: 1, arbitrary: fc.constant("open again" as const) },
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
          await using place = await make();
          let store = place.store();
          await store.open();
          const model: string[] = [];
          let added = 0;
          const pending: Promise<void>[] = [];
          for (const one of steps) {
            if (one === "add") {
              const key = String(added++);
              model.push(key);
              pending.push(store.add(send(key, "x".repeat(added * 7))));
            } else if (one === "open again") {
              await store.close();
              store = place.store();
              expect(keys(await store.open())).toEqual(model);
            } else {
              pending.push(store.delete(String(one)));
              const at = model.indexOf(String(one));
              if (at >= 0) model.splice(at, 1);
            }
          }
          await Promise.all(pending);
          await store.close();
          expect(keys(await found(place))).toEqual(model);
        }),
        { numRuns: 30 },
      );
    });
  });
}
