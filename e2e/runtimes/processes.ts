/** Runtimes that are processes: Node, Bun, Deno. */
import { execFile } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { build } from "esbuild";
import { type Installed, executableIn } from "./installed.js";
import type { Project, Runtime, Way } from "./runtime.js";
import type { Stand } from "./stand.js";

/** A process that has not ended by then never will: something in it still waits. */
const RUN_TIME = 90_000;

/** Run a program to its end. Rejects with what it wrote if it fails, or does not end. */
export async function runProgram(file: string, args: readonly string[], folder: string, places = ""): Promise<string> {
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME, PLACES: places, DENO_DIR: path.join(folder, "deno"), DENO_NO_UPDATE_CHECK: "1" };
  const { stdout } = await promisify(execFile)(file, args, { cwd: folder, env, timeout: RUN_TIME });
  return stdout;
}

/** The version in what a program says of itself. */
export async function versionOf(file: string, args: readonly string[] = ["--version"]): Promise<string> {
  const told = await runProgram(file, args, "/");
  const version = /\d+([.-]\d+)+/.exec(told)?.[0];
  if (version === undefined) throw new Error(`${file} told no version: ${told}`);
  return version;
}

interface Program {
  readonly file: string;
  readonly problem?: string;
}

/** The scripts that get the package in one way or the other. */
type Script = "import.mjs" | "require.cjs" | "import-native.mjs";

const WAYS: readonly (readonly [title: string, script: Script])[] = [
  ["ES module", "import.mjs"],
  ["CommonJS", "require.cjs"],
];
/** Node has had a WebSocket since 22. */
const NODE_WAYS = [...WAYS, ["ES module, own WebSocket", "import-native.mjs"]] as const;

function programOf(
  name: string,
  { file, problem }: Program,
  optionsOf: (project: Project, script: Script) => string[] = () => [],
  ways = WAYS,
): Runtime {
  const way = (title: string, script: Script): Way => ({
    name: title,
    run: async (stand: Stand, project) => {
      const places = JSON.stringify(stand.places);
      await runProgram(file, [...optionsOf(project, script), script], project.folder, places);
    },
  });
  return {
    name,
    carriers: ["ws", "tcp", "tls"],
    ways: ways.map(([title, script]) => way(title, script)),
    problem,
    version: () => versionOf(file),
  };
}

/** The Node that runs the tests, and other versions, oldest first. */
async function nodes(installed: Installed): Promise<Runtime[]> {
  const running = Number(process.versions.node.split(".")[0]);
  const others = [22, 24, 26].filter((major) => major !== running);
  const found = await Promise.all(
    others.map(async (major): Promise<[number, Program]> => {
      const file = `node${major}-${process.arch}/bin/node`;
      return [major, await executableIn(installed, file)];
    }),
  );
  const all: [number, Program][] = [[running, { file: process.execPath }], ...found];
  return all
    .sort(([a], [b]) => a - b)
    .map(([major, program]) => programOf(`Node ${major}`, program, undefined, major < 22 ? WAYS : NODE_WAYS));
}

/** Deno, allowed nothing but what the library needs: required, it gets `ws`, which looks at two variables. */
function denoOptions({ folder }: Project, script: Script): string[] {
  const variables = script === "import.mjs" ? "PLACES" : "PLACES,WS_NO_BUFFER_UTIL,WS_NO_UTF_8_VALIDATE";
  const allowed = [`--allow-net=127.0.0.1`, `--allow-read=${folder}`, `--allow-env=${variables}`];
  return ["run", "--no-prompt", "--no-remote", "--node-modules-dir=manual", ...allowed];
}

/** Bun with what was bundled for Node: so it gets `ws` instead of its own WebSocket, and puts a `ws` of its own in its place. */
function bunBundled({ file }: Program): Way {
  return {
    name: "bundled for Node",
    run: async (stand, { folder }) => {
      const outfile = path.join(await mkdtemp(path.join(folder, "bun-")), "bundle.mjs");
      await build({
        entryPoints: [path.join(folder, "import.mjs")],
        outfile,
        bundle: true,
        format: "esm",
        platform: "node",
        external: ["ws", "isomorphic-ws"],
        logLevel: "silent",
      });
      await runProgram(file, [outfile], folder, JSON.stringify(stand.places));
    },
  };
}

/** Every runtime that is a process. */
export async function processes(installed: Installed): Promise<Runtime[]> {
  const bun = await executableIn(installed, "bun/bin/bun.exe"); // so named on all platforms
  const deno = await executableIn(installed, "deno/deno");
  const bunRuntime = programOf("Bun", bun);
  return [
    ...(await nodes(installed)),
    { ...bunRuntime, ways: [...bunRuntime.ways, bunBundled(bun)] },
    programOf("Deno", deno, denoOptions),
  ];
}
