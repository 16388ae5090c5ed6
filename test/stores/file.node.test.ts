import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { describe, expect, test } from "vitest";
import { fileStore } from "../../src/stores/file.js";
import { type StorePlace, describeStore, send } from "./contract.js";

interface Folder extends StorePlace {
  readonly path: string;
}

async function folder(compactAt = 2000): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), "stompede-store-"));
  return {
    path,
    store: () => fileStore(join(path, "outbox"), { compactAt }),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

describeStore("the file store", folder);

describe("the log of the file store", () => {
  async function filled(count: number): Promise<Folder & { readonly log: string }> {
    const place = await folder();
    const store = place.store();
    await store.open();
    for (let i = 0; i < count; i++) await store.add(send(String(i)));
    await store.close();
    return { ...place, log: join(place.path, "outbox", "messages.log") };
  }

  async function keysFound(place: StorePlace): Promise<string[]> {
    const store = place.store();
    const kept = await store.open();
    await store.close();
    return kept.map(({ key }) => key);
  }

  test("cut off anywhere has all records before the cut, and goes on", async () => {
    await using place = await filled(3);
    const whole = await readFile(place.log);
    const ends = [1, 2, 3].map((count) => (whole.length / 3) * count); // all are of one length
    for (let length = 0; length <= whole.length; length++) {
      await writeFile(place.log, whole.subarray(0, length));
      const before = ends.filter((end) => end <= length).length;
      const store = place.store();
      expect((await store.open()).map(({ key }) => key)).toEqual(["0", "1", "2"].slice(0, before));
      await store.add(send("next"));
      await store.close();
      expect(await keysFound(place)).toEqual([...["0", "1", "2"].slice(0, before), "next"]);
    }
    expect(await readdir(join(place.path, "outbox"))).toEqual(["messages.log"]); // that is no damage
  });

  test("that ends in octets which were never written is cut there", async () => {
    await using place = await filled(2);
    await appendFile(place.log, new Uint8Array(4096));
    expect(await keysFound(place)).toEqual(["0", "1"]);
    expect(await readdir(join(place.path, "outbox"))).toEqual(["messages.log"]);
  });

  test("with a damaged record is copied aside, and keeps the others", async () => {
    await using place = await filled(3);
    const whole = await readFile(place.log);
    const length = whole.length / 3;
    for (const at of [length + 4, length + 8, length + 20, 2 * length - 1]) {
      const damaged = Uint8Array.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      await writeFile(place.log, damaged);
      expect(await keysFound(place)).toEqual(["0", "2"]);
    }
    const copies = (await readdir(join(place.path, "outbox"))).filter((name) =>
      name.startsWith("messages.log.damaged-"),
    );
    expect(copies.length).toBeGreaterThan(0);
    expect((await stat(join(place.path, "outbox", copies[0] ?? ""))).size).toBe(whole.length);
  });

  test("is written anew when most of it is of no use, and so does not grow without a bound", async () => {
    await using place = await filled(0);
    const store = place.store();
    await store.open();
    await store.add(send("stays"));
    for (let i = 0; i < 500; i++) {
      await store.add(send(String(i), "x".repeat(100)));
      await store.delete(String(i));
    }
    await store.close();
    expect((await stat(place.log)).size).toBeLessThan(2 * 2000 + 1000);
    expect(await keysFound(place)).toEqual(["stays"]);
    expect(await readdir(join(place.path, "outbox"))).toEqual(["messages.log"]);
  });

  test("with a rest of an interrupted rewriting is as good as ever", async () => {
    await using place = await filled(2);
    await writeFile(`${place.log}.new`, "half of something");
    expect(await keysFound(place)).toEqual(["0", "1"]);
  });
});

describe("the lock of the file store", () => {
  test("of a process that has died is taken over", async () => {
    await using place = await folder();
    const { pid } = await new Promise<{ pid: number }>((resolve) => {
      const child = execFile(process.execPath, ["--eval", ""], () => {
        resolve({ pid: child.pid ?? 0 });
      });
    });
    const path = join(place.path, "outbox");
    await mkdir(path);
    await writeFile(join(path, "lock"), String(pid));
    const store = place.store();
    expect(await store.open()).toEqual([]);
    expect(await readFile(join(path, "lock"), "utf8")).toBe(String(process.pid));
    await store.close();
    expect(await readdir(path)).toEqual(["messages.log"]);
  });

  test("of a process that lives is respected, and says how to get rid of it", async () => {
    await using place = await folder();
    const path = join(place.path, "outbox");
    await mkdir(path);
    await writeFile(join(path, "lock"), String(process.ppid));
    const { message } = await place
      .store()
      .open()
      .then(
        () => new Error("it was opened"),
        (error: unknown) => error as Error,
      );
    expect(message).toBe(
      `the store ${path} is open in process ${process.ppid}; if that is another program, which got the number of one that has died, remove ${join(path, "lock")}`,
    );
  });

  test("that is empty or no number, as a crash may leave it, is taken over", async () => {
    await using place = await folder();
    const path = join(place.path, "outbox");
    await mkdir(path);
    for (const content of ["", "nonsense"]) {
      await writeFile(join(path, "lock"), content);
      const store = place.store();
      await store.open();
      await store.close();
    }
  });
});

describe("a process that is killed", () => {
  test("loses nothing that it was told was kept", async () => {
    await using place = await folder();
    await build({
      entryPoints: [fileURLToPath(new URL("../../src/stores/file.ts", import.meta.url))],
      outfile: join(place.path, "store.mjs"),
      bundle: true,
      platform: "node",
      format: "esm",
    });
    await writeFile(
      join(place.path, "writer.mjs"),
      `import { fileStore } from "./store.mjs";
       const store = fileStore(${JSON.stringify(join(place.path, "outbox"))});
       await store.open();
       for (let i = 0; ; i++) {
         const add = (key) => store.add({ key, destination: "/queue/a", headers: [], body: "x".repeat(500), contentLength: true }).then(() => console.log(key));
         await Promise.all([add(i + "-a"), add(i + "-b")]);
       }`,
    );
    const child = spawn(process.execPath, [join(place.path, "writer.mjs")], { stdio: ["ignore", "pipe", "inherit"] });
    let told = "";
    await new Promise<void>((resolve) => {
      child.stdout.on("data", (chunk: Buffer) => {
        told += chunk.toString();
        if (told.split("\n").length > 40) resolve();
      });
    });
    child.kill("SIGKILL");
    await once(child, "close");
    const keys = told.split("\n").slice(0, -1); // what comes last may be cut off
    const store = place.store();
    const kept = new Set((await store.open()).map(({ key }) => key));
    await store.close();
    expect(keys.filter((key) => !kept.has(key))).toEqual([]);
    expect(keys.length).toBeGreaterThanOrEqual(40);
  });
});

test("wrong arguments are refused", () => {
  expect(() => fileStore("")).toThrow("path must be a string that is not empty");
  expect(() => fileStore("x", { compactAt: -1 })).toThrow("compactAt must be a number of octets, not -1");
});

test("a folder that cannot be made rejects with the system's error, and can be tried again", async () => {
  await using place = await folder();
  await writeFile(join(place.path, "outbox"), "a file");
  const store = place.store();
  await expect(store.open()).rejects.toMatchObject({ code: "EEXIST" });
  await rm(join(place.path, "outbox"));
  expect(await store.open()).toEqual([]);
  await store.close();
});
