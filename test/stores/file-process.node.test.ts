/** What the store in files does when there is more than one process, and when one dies. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InvalidStateError } from "../../src/errors.js";
import { contentsOf, keysOf, send } from "./contract.js";
import { placeInFiles } from "./place-in-files.js";

/** A folder with the store as JavaScript, which other processes can run. */
let built: string;
beforeAll(async () => {
  built = await mkdtemp(join(tmpdir(), "stompede-store-"));
  await build({
    entryPoints: [fileURLToPath(new URL("../../src/stores/file.ts", import.meta.url))],
    outfile: join(built, "file.mjs"),
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
  });
});
afterAll(() => rm(built, { recursive: true }));

interface Child extends AsyncDisposable {
  readonly process: ChildProcess & { readonly pid: number };
  /** What it writes, line by line. */
  readonly lines: AsyncIterator<string>;
}

/** Run a script with an open `store` in a process of its own. */
async function run(script: string, folder: string): Promise<Child> {
  const file = join(built, "script.mjs");
  await writeFile(
    file,
    `import { fileStore } from "./file.mjs";
    const store = fileStore(process.argv[2]);
    await store.open();
    ${script}`,
  );
  return start(process.execPath, [file, folder]);
}

/** Run a program. */
async function start(program: string, args: readonly string[]): Promise<Child> {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  await once(child, "spawn");
  const ended = once(child, "exit");
  return {
    process: child as Child["process"],
    lines: createInterface(child.stdout)[Symbol.asyncIterator](),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function endOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return child.exitCode;
}

describe("the store of another process", () => {
  test("is refused while that lives, by path and process id, and taken over when it is dead", async () => {
    await using place = await placeInFiles();
    await using child = await run(`process.stdin.resume(); console.log("open");`, place.folder);
    expect(await child.lines.next()).toMatchObject({ value: "open" });
    await expect(place.store().open()).rejects.toEqual(
      new InvalidStateError(`the store in ${place.folder} is open in process ${child.process.pid} already`),
    );
    child.process.kill("SIGKILL");
    await endOf(child.process);
    const store = place.store();
    expect(await store.open()).toEqual([]);
    expect(await readdir(place.folder)).toEqual([expect.stringMatching(`^lock-${process.pid}-`), "sends.log"]);
  });

  test("is taken over when another has got its number", async ({ skip }) => {
    skip(!existsSync("/proc/self/stat"), "the system does not tell when a process was started");
    await using place = await placeInFiles();
    await mkdir(place.folder, { recursive: true });
    await writeFile(join(place.folder, `lock-${process.pid}-abc.1`), "");
    await writeFile(join(place.folder, `lock-${process.ppid}-abc.1`), "");
    expect(await contentsOf(place.store())).toEqual([]);
    expect(await readdir(place.folder)).toEqual(["sends.log"]);
  });

  test("is taken over when that was killed, and its parent has not asked for how it ended", async ({ skip }) => {
    skip(!existsSync("/proc/self/stat"), "the system does not tell how a process is");
    await using place = await placeInFiles();
    await mkdir(place.folder, { recursive: true });
    // A shell that becomes a program which never asks for its child.
    await using parent = await start("sh", ["-c", "tail -f /dev/null & echo $!; exec tail -f /dev/null"]);
    const { value: pid } = await parent.lines.next();
    const read = (path: string): Promise<string> => readFile(`/proc/${path}`, "utf8");
    const fields = async (): Promise<string[]> => (await read(`${pid}/stat`)).split(") ")[1]!.split(" ");
    try {
      while ((await read(`${parent.process.pid}/comm`)) !== "tail\n");
    } finally {
      process.kill(Number(pid), "SIGKILL");
    }
    while ((await fields())[0] !== "Z");
    const boot = await read("sys/kernel/random/boot_id");
    await writeFile(join(place.folder, `lock-${pid}-${boot.slice(0, 8)}.${(await fields())[19]}`), "");
    expect(await contentsOf(place.store())).toEqual([]);
  });

  test("is not this one's", async () => {
    await using place = await placeInFiles();
    await place.store().open();
    await expect(place.store().open()).rejects.toEqual(
      new InvalidStateError(`the store in ${place.folder} is open in this process (${process.pid}) already`),
    );
  });
});

describe("the store of a worker thread", () => {
  /** Run a script with an open `store` in a thread of this process; it says `open` when that is done, and more if it likes. */
  async function startWorker(folder: string, script = ""): Promise<Worker> {
    const file = join(built, `worker-${++workers}.mjs`);
    await writeFile(
      file,
      `import { parentPort, workerData } from "node:worker_threads";
      import { fileStore } from "./file.mjs";
      const store = fileStore(workerData);
      await store.open();
      parentPort.on("message", () => process.exit());
      parentPort.postMessage("open");
      ${script}`,
    );
    const worker = new Worker(file, { workerData: folder });
    const [message] = (await once(worker, "message")) as [string];
    expect(message).toBe("open");
    return worker;
  }
  let workers = 0;
  const isTold = existsSync("/proc/thread-self");

  test("is refused to the others while that lives, busy or not, also to those of other processes", async () => {
    await using place = await placeInFiles();
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const worker = await startWorker(
      place.folder,
      `parentPort.on("message", () => undefined);
      parentPort.once("message", (gate) => Atomics.wait(gate, 0, 0));`,
    );
    try {
      const error = new InvalidStateError(
        `the store in ${place.folder} is open in this process (${process.pid}) already`,
      );
      await expect(place.store().open()).rejects.toEqual(error);
      await expect(startWorker(place.folder)).rejects.toMatchObject({ message: error.message });
      const other = join(built, "other.mjs");
      await writeFile(
        other,
        `import { fileStore } from "./file.mjs";
        await fileStore(process.argv[2]).open().catch(({ message }) => console.log(message));`,
      );
      await using child = await start(process.execPath, [other, place.folder]);
      expect(await child.lines.next()).toMatchObject({
        value: `the store in ${place.folder} is open in process ${process.pid} already`,
      });
    } finally {
      Atomics.store(gate, 0, 1);
      await worker.terminate();
    }
  });

  test.for(["is terminated", "ends by itself", "throws"])("is taken over when that %s", async (end, { skip }) => {
    skip(!isTold, "the system does not tell what became of a thread");
    await using place = await placeInFiles();
    for (let round = 0; round < 3; round++) {
      const more = end === "throws" ? `setTimeout(() => { throw new Error("made up"); });` : "";
      const worker = await startWorker(place.folder, `await store.add(${JSON.stringify(send(`${round}`))}); ${more}`);
      worker.on("error", () => undefined);
      const ended = once(worker, "exit").catch(() => once(worker, "exit"));
      if (end === "is terminated") await worker.terminate();
      else if (end === "ends by itself") worker.postMessage("exit");
      await ended;
    }
    const store = place.store();
    await store.open();
    expect(await readdir(place.folder)).toEqual([expect.stringMatching(`^lock-${process.pid}-`), "sends.log"]);
    await store.close();
    expect(await readdir(place.folder)).toEqual(["sends.log"]);
  });

  test("is taken over by another thread, and is closed by its own", async ({ skip }) => {
    skip(!isTold, "the system does not tell what became of a thread");
    await using place = await placeInFiles();
    const first = await startWorker(place.folder);
    await first.terminate();
    const second = await startWorker(place.folder);
    await expect(place.store().open()).rejects.toBeInstanceOf(InvalidStateError);
    await second.terminate();
    const third = await startWorker(place.folder, `await store.close(); parentPort.postMessage("closed");`);
    await once(third, "message");
    expect(await contentsOf(place.store())).toEqual([]);
    await third.terminate();
  });

  test("is not this thread's, though another has its number by now", async ({ skip }) => {
    skip(!isTold, "the system does not tell what became of a thread");
    await using place = await placeInFiles();
    await mkdir(place.folder, { recursive: true });
    const store = place.store();
    await store.open();
    const [lock] = await readdir(place.folder);
    await store.close();
    const own = lock?.split("-").slice(0, 3).join("-"); // the tests themselves may run in a thread
    for (const thread of [`${process.pid}.1`, "1.1"]) await writeFile(join(place.folder, `${own}-${thread}`), "");
    expect(await contentsOf(place.store())).toEqual([]);
  });
});

test("a process ends although it has a store open", async () => {
  await using place = await placeInFiles();
  await using child = await run(`await store.add(${JSON.stringify(send("a"))});`, place.folder);
  expect(await endOf(child.process)).toBe(0);
  expect(keysOf(await contentsOf(place.store()))).toEqual(["a"]);
});

test("a store that nobody has any more stays open", async () => {
  await using place = await placeInFiles();
  const file = join(built, "forgetful.mjs");
  await writeFile(
    file,
    `import { fileStore } from "./file.mjs";
    process.on("warning", ({ message }) => console.log(message));
    const collected = new Promise((resolve) => {
      globalThis.registry = new FinalizationRegistry(resolve);
    });
    await (async () => {
      const store = fileStore(process.argv[2]);
      registry.register(store);
      await store.open();
    })();
    const timer = setInterval(gc, 10);
    await collected;
    clearInterval(timer);
    for (let more = 0; more < 3; more++) await new Promise((resolve) => setImmediate(() => resolve(gc()))); // what belonged to it
    console.log("collected");`,
  );
  await using child = await start(process.execPath, ["--expose-gc", file, place.folder]);
  // A file that is collected while it is open is closed with a warning, and in later versions of Node ends the process.
  expect(await child.lines.next()).toMatchObject({ value: "collected" });
  expect(await endOf(child.process)).toBe(0);
}, 20_000);

test("what a process was told to be kept is there after it was killed, and nothing comes back that it was told to be forgotten", async () => {
  await using place = await placeInFiles();
  const added = new Set<string>();
  const deleted = new Set<string>();
  for (let round = 0; round < 5; round++) {
    // Adds as fast as it can, several at a time; every third is deleted again. It tells what is done.
    const script = `
      const send = { destination: "/queue/a", headers: [], contentLength: true };
      for (let index = 0; ; index++) {
        const key = \`${round} \${index}\`;
        const done = store.add({ ...send, key, body: new Uint8Array(index % 3000) }).then(() => console.log("+" + key));
        if (index % 3 === 0) done.then(() => store.delete(key)).then(() => console.log("-" + key));
        if (index % 10 === 0) await done;
      }`;
    await using child = await run(script, place.folder);
    for (let lines = 0; ; lines++) {
      const { value, done } = await child.lines.next();
      if (done === true) break;
      // Lines are whole, but for the last.
      const [, sign, key] = /^([+-])(\d+ \d+)$/.exec(value) ?? [];
      if (sign === "+") added.add(key!);
      else if (sign === "-") deleted.add(key!);
      if (lines === 100 * (round + 1)) child.process.kill("SIGKILL");
    }
    await endOf(child.process);
    const store = place.store();
    const found = new Set(keysOf(await store.open()));
    await store.close();
    // A deletion may have been done and not told any more; it is of a key whose index is a multiple of 3.
    const lost = [...added].filter(
      (key) => !found.has(key) && !deleted.has(key) && Number(key.split(" ")[1]) % 3 !== 0,
    );
    expect(lost).toEqual([]);
    expect([...deleted].filter((key) => found.has(key))).toEqual([]);
  }
  expect(added.size).toBeGreaterThan(500);
  expect(deleted.size).toBeGreaterThan(50);
  expect((await readdir(place.folder)).filter((name) => name.includes("damaged"))).toEqual([]);
}, 60_000);
