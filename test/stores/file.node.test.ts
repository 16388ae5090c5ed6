import { type FileHandle, mkdir, open, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { InvalidStateError } from "../../src/errors.js";
import { fileStore } from "../../src/stores/file.js";
import { crc32 } from "../../src/stores/crc32.js";
import { encodeForgotten, encodeSend } from "../../src/stores/send-record.js";
import { contentsOf, contract, keysOf, send } from "./contract.js";
import { placeInFiles } from "./place-in-files.js";

contract("files", placeInFiles, { numRuns: 50 });

/** What file handles inherit: to see what is done with them, and to have it fail. */
let handles: FileHandle;
beforeAll(async () => {
  const handle = await open("/dev/null");
  handles = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** A system's error. */
function failure(code: string): Error {
  return Object.assign(new Error(`${code}: made up`), { code });
}

describe("a log that ends too early", () => {
  const records = [
    encodeSend(send("a", { body: "one" })),
    encodeSend(send("b", { body: new Uint8Array([1, 2, 3]) })),
    encodeForgotten("a"),
    encodeSend(send("c", { headers: [["x", "é"]] })),
  ];
  /** The keys after each number of records. */
  const keys = [[], ["a"], ["a", "b"], ["b"], ["b", "c"]];
  const whole = Buffer.concat(records);
  /** Where each record ends. */
  const ends = records.map((_, index) => Buffer.concat(records.slice(0, index + 1)).length);

  test("is read as far as its records are whole and cut off there, wherever it ends, and goes on", async () => {
    await using place = await placeInFiles();
    await mkdir(place.folder, { recursive: true });
    for (let length = 0; length <= whole.length; length++) {
      await writeFile(place.log, whole.subarray(0, length));
      const store = place.store();
      const count = ends.filter((end) => end <= length).length;
      expect(keysOf(await store.open()), `${length} bytes`).toEqual(keys[count]);
      expect((await stat(place.log)).size).toBe(ends[count - 1] ?? 0);
      await store.add(send("d"));
      await store.close();
      expect(keysOf(await contentsOf(place.store())), `${length} bytes`).toEqual([...keys[count]!, "d"]);
    }
    expect(await readdir(place.folder)).toEqual(["sends.log"]);
  }, 60_000);

  test("is read up to the record with a byte that is not what it was; it is set aside if there are whole ones behind", async () => {
    await using place = await placeInFiles();
    await mkdir(place.folder, { recursive: true });
    let copies = 0;
    for (let at = 0; at < whole.length; at++) {
      const damaged = Uint8Array.from(whole);
      damaged[at]! ^= 1 << (at % 8);
      await writeFile(place.log, damaged);
      const onDamage = vi.fn<(file: string) => void>();
      const store = place.store({ onDamage });
      const count = ends.filter((end) => end <= at).length;
      expect(keysOf(await store.open()), `byte ${at}`).toEqual(keys[count]);
      await store.add(send("d"));
      await store.close();
      expect(keysOf(await contentsOf(place.store())), `byte ${at}`).toEqual([...keys[count]!, "d"]);
      const isSetAside = count < records.length - 1;
      expect(onDamage.mock.calls, `byte ${at}`).toEqual(isSetAside ? [[`${place.log}.damaged-${++copies}`]] : []);
      if (isSetAside) expect(await readFile(`${place.log}.damaged-${copies}`)).toEqual(Buffer.from(damaged));
    }
  }, 60_000);

  test("may have zeros at its end, as some systems leave them", async () => {
    await using place = await placeInFiles();
    await mkdir(place.folder, { recursive: true });
    await writeFile(place.log, Buffer.concat([whole, new Uint8Array(10_000)]));
    expect(keysOf(await contentsOf(place.store()))).toEqual(["b", "c"]);
    expect(await readdir(place.folder)).toEqual(["sends.log"]);
  });

  test("does not take for ever if a body is full of what looks like records", async () => {
    await using place = await placeInFiles();
    await mkdir(place.folder, { recursive: true });
    const lookalike = Uint8Array.from([0, 0, 0, 0, 0, 4, 0, 0, 1, 0, 0, 0, 2, 0x5b]);
    const body = new Uint8Array(1 << 20).map((_, index) => lookalike[index % lookalike.length]!);
    await writeFile(place.log, encodeSend(send("a", { body })).subarray(0, -1));
    expect(await contentsOf(place.store())).toEqual([]);
  });

  test("is left alone if a later version has written it", async () => {
    await using place = await placeInFiles();
    await mkdir(place.folder, { recursive: true });
    const later = encodeForgotten("a");
    later[8] = 5;
    new DataView(later.buffer).setUint32(0, crc32(later, 4));
    await writeFile(place.log, Buffer.concat([whole, later]));
    await expect(place.store().open()).rejects.toEqual(
      new InvalidStateError("kind 5 of a record is not known: a later version has written it"),
    );
    expect(await readdir(place.folder)).toEqual(["sends.log"]);
    expect((await stat(place.log)).size).toBe(whole.length + later.length);
  });

  test("rejects open with what onDamage throws, and lets go", async () => {
    await using place = await placeInFiles();
    await mkdir(place.folder, { recursive: true });
    await writeFile(place.log, whole.subarray(1));
    const error = new Error("no");
    const onDamage = (): void => {
      throw error;
    };
    await expect(place.store({ onDamage }).open()).rejects.toBe(error);
    expect(await contentsOf(place.store())).toEqual([]);
  });
});

describe("the disk", () => {
  test("is waited for once by all that is called at the same time, and once more by what is called meanwhile", async () => {
    await using place = await placeInFiles();
    const store = place.store();
    await store.open();
    const sync = vi.spyOn(handles, "datasync");
    await Promise.all(Array.from({ length: 1000 }, (_, index) => store.add(send(`${index}`))));
    expect(sync).toHaveBeenCalledTimes(1);
    sync.mockImplementationOnce(async function (this: FileHandle) {
      for (let index = 0; index < 1000; index++) later.push(store.delete(`${index}`));
      await this.sync();
    });
    const later: Promise<void>[] = [];
    await store.add(send("a"));
    await Promise.all(later);
    expect(sync).toHaveBeenCalledTimes(3);
  });

  test.each(["write", "datasync"] as const)(
    "that fails in %s rejects all that waited for it, and no more",
    async (call) => {
      await using place = await placeInFiles();
      const store = place.store();
      await store.open();
      await store.add(send("a"));
      const error = failure("ENOSPC");
      vi.spyOn(handles, call).mockRejectedValueOnce(error);
      const results = await Promise.allSettled([store.add(send("b")), store.delete("a"), store.add(send("c"))]);
      expect(results).toEqual(Array(3).fill({ status: "rejected", reason: error }));
      await store.add(send("c", { body: "x".repeat(500) }));
      await store.close();
      expect(keysOf(await contentsOf(place.store()))).toEqual(["a", "c"]);
    },
  );

  test("that fails for a while does not bring back what was refused", async () => {
    await using place = await placeInFiles();
    const store = place.store();
    await store.open();
    await store.add(send("a"));
    const error = failure("EIO");
    const sync = vi.spyOn(handles, "datasync").mockRejectedValue(error);
    const truncate = vi.spyOn(handles, "truncate").mockRejectedValue(error);
    await Promise.allSettled([store.add(send("b")), store.add(send("c"))]);
    await expect(store.add(send("d"))).rejects.toBe(error);
    await expect(store.delete("a")).rejects.toBe(error);
    sync.mockRestore();
    truncate.mockRestore();
    // It is exactly as long as the first of those that were refused, whose successor must not come to light behind it.
    await store.add(send("e"));
    await store.close();
    expect(keysOf(await contentsOf(place.store()))).toEqual(["a", "e"]);
  });

  test("may take less than it was given", async () => {
    await using place = await placeInFiles();
    const store = place.store();
    await store.open();
    const original = handles.write;
    vi.spyOn(handles, "write").mockImplementation(function (
      this: FileHandle,
      ...[octets, start, length, position]: unknown[]
    ) {
      return Reflect.apply(original, this, [octets, start, Math.min(7, length as number), position]) as never;
    });
    await Promise.all([store.add(send("a")), store.add(send("b"))]);
    await store.close();
    expect(await contentsOf(place.store())).toEqual([send("a"), send("b")]);
  });

  test("that cannot be opened rejects open", async () => {
    await using place = await placeInFiles();
    await mkdir(place.log, { recursive: true });
    await expect(place.store().open()).rejects.toMatchObject({ code: "EISDIR" });
    await expect(fileStore(`${place.folder}/sends.log/../../store`).open()).rejects.toMatchObject({ code: "EISDIR" });
    expect(await readdir(place.folder)).toEqual(["sends.log"]);
  });
});

describe("compaction", () => {
  test("leaves what is not deleted, in order, when most of the log is about what is", async () => {
    await using place = await placeInFiles();
    const store = place.store({ compactAt: 10_000 });
    await store.open();
    const body = "x".repeat(100);
    let largest = 0;
    for (let index = 0; index < 500; index++) {
      await Promise.all([
        store.add(send(`${index}`, { body })),
        index >= 20 && index % 50 !== 0 ? store.delete(`${index - 10}`) : undefined,
      ]);
      largest = Math.max(largest, (await stat(place.log)).size);
    }
    await store.close();
    expect(largest).toBeGreaterThan(10_000);
    expect(largest).toBeLessThan(20_000);
    const left = Array.from({ length: 500 }, (_, index) => `${index}`).filter((key) => {
      const deleted = Number(key) + 10;
      return !(deleted >= 20 && deleted % 50 !== 0 && deleted < 500);
    });
    expect(keysOf(await contentsOf(place.store()))).toEqual(left);
    expect(await readdir(place.folder)).toEqual(["sends.log"]);
  });

  test("leaves what is parked as it is", async () => {
    await using place = await placeInFiles();
    const store = place.store({ compactAt: 1000 });
    await store.open();
    const body = "x".repeat(100);
    for (let index = 0; index < 200; index++) {
      await store.add(send(`${index}`, { body }));
      await store.park(`${index}`, `reason ${index}`);
      if (index % 50 === 1) await store.park(`${index}`);
      else if (index % 50 !== 0) await store.delete(`${index}`);
    }
    for (let round = 0; round < 100; round++) await store.park("50", `reason ${round}`);
    expect((await stat(place.log)).size).toBeLessThan(5000);
    await store.close();
    for (let start = 0; start < 2; start++) {
      const found = (await contentsOf(place.store({ compactAt: 0 }))).map(({ key, parked }) => [key, parked]);
      expect(found).toEqual(
        ["0", "1", "50", "51", "100", "101", "150", "151"].map((key) => {
          if (key.endsWith("1")) return [key, undefined];
          return [key, key === "50" ? "reason 99" : `reason ${key}`];
        }),
      );
    }
  });

  test("leaves nothing when all is deleted", async () => {
    await using place = await placeInFiles();
    const store = place.store({ compactAt: 0 });
    await store.open();
    await Promise.all([store.add(send("a")), store.add(send("b"))]);
    await Promise.all([store.delete("a"), store.delete("b")]);
    await store.close();
    expect((await stat(place.log)).size).toBe(0);
  });

  test("comes when the store is opened, if it is due then", async () => {
    await using place = await placeInFiles();
    const store = place.store();
    await store.open();
    await store.add(send("a", { body: new Uint8Array(1 << 20) }));
    await store.add(send("b", { body: new Uint8Array((1 << 20) + (1 << 19)) }));
    await store.delete("a");
    await store.add(send("c"));
    await store.close();
    const before = (await stat(place.log)).size;
    expect(keysOf(await contentsOf(place.store({ compactAt: 1000 })))).toEqual(["b", "c"]);
    expect((await stat(place.log)).size).toBe(before); // still more than half of it is needed
    const again = place.store();
    await again.open();
    await again.delete("b");
    await again.add(send("d"));
    await again.close();
    expect((await stat(place.log)).size).toBeLessThan(500);
    expect(keysOf(await contentsOf(place.store()))).toEqual(["c", "d"]);
  });

  test("that fails costs nobody anything, and is not tried again at once", async () => {
    await using place = await placeInFiles();
    const store = place.store({ compactAt: 1000 });
    await store.open();
    const sync = vi.spyOn(handles, "sync").mockRejectedValue(failure("ENOSPC"));
    const body = "x".repeat(100);
    for (let index = 0; index < 100; index++) {
      await store.add(send(`${index}`, { body }));
      await store.delete(`${index}`);
    }
    await store.add(send("a"));
    expect((await stat(place.log)).size).toBeGreaterThan(10_000);
    // Each time only when the log has grown to twice the size.
    expect(sync.mock.calls.length).toBeGreaterThan(2);
    expect(sync.mock.calls.length).toBeLessThan(8);
    sync.mockRestore();
    await store.close();
    expect(keysOf(await contentsOf(place.store()))).toEqual(["a"]);
    expect(await readdir(place.folder)).toEqual(["sends.log"]);
  });

  test("is not built upon before a crash can no longer undo it", async () => {
    await using place = await placeInFiles();
    const store = place.store({ compactAt: 200 });
    await store.open();
    await store.add(send("a", { body: "x".repeat(300) }));
    await store.add(send("b"));
    const error = failure("EIO");
    let calls = 0;
    const failing = vi.spyOn(handles, "sync").mockImplementation(async function (this: FileHandle) {
      if (++calls > 1) throw error; // the first is of the new log, the others of the folder
      await this.datasync();
    });
    await store.delete("a");
    await expect(store.add(send("c"))).rejects.toBe(error);
    failing.mockRestore();
    await store.add(send("d"));
    await store.close();
    expect(keysOf(await contentsOf(place.store()))).toEqual(["b", "d"]);
  });
});

test.each([
  [[""], new TypeError("path of the store must be a string that is not empty")],
  [[1], new TypeError("path of the store must be a string that is not empty")],
  [["x", { compactAt: -1 }], new RangeError("compactAt must be a number of bytes, not -1")],
  [["x", { compactAt: "1" }], new RangeError("compactAt must be a number of bytes, not 1")],
])("fileStore(...%j) throws", (args, error) => {
  expect(() => fileStore(...(args as [string]))).toThrow(error);
});
