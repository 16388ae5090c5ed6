/** workerd, the runtime of Cloudflare Workers. */
import { copyFile, mkdtemp, writeFile } from "node:fs/promises";
import path from "node:path";
import { build } from "esbuild";
import { type Installed, executableIn } from "./installed.js";
import { runProgram, versionOf } from "./processes.js";
import type { Project, Runtime } from "./runtime.js";
import type { Stand } from "./stand.js";

/** What bundlers for workerd ask packages for. */
const CONDITIONS = ["workerd", "worker", "browser"];
const COMPATIBILITY_DATE = "2026-11-01";

/** A configuration with one worker of these modules, the first of which is the main one. Texts are quoted as in JSON. */
function configOf(modules: readonly string[], stand: Stand): string {
  const quoted = (name: string): string => JSON.stringify(name);
  const list = modules.map((name) => `(name = ${quoted(name)}, esModule = embed ${quoted(name)})`);
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [
  (name = "main", worker = (
    modules = [${list.join(", ")}],
    bindings = [(name = "PLACES", json = ${quoted(JSON.stringify(stand.places))})],
    compatibilityDate = ${quoted(COMPATIBILITY_DATE)},
  )),
  (name = "internet", network = (allow = ["public", "private"])),
]);
`;
}

/** workerd, with the package bundled, and with its file for browsers as a module. */
export async function workerd(installed: Installed): Promise<Runtime> {
  const { file, problem } = await executableIn(installed, "workerd/bin/workerd");

  async function serve(folder: string, modules: readonly string[], stand: Stand): Promise<void> {
    await writeFile(path.join(folder, "config.capnp"), configOf(modules, stand));
    await runProgram(file, ["test", "config.capnp"], folder);
  }
  async function bundled(stand: Stand, project: Project): Promise<void> {
    const folder = await mkdtemp(path.join(project.folder, "workerd-"));
    await build({
      entryPoints: [path.join(project.folder, "workerd-bundled.mjs")],
      outfile: path.join(folder, "worker.mjs"),
      bundle: true,
      format: "esm",
      platform: "browser",
      conditions: CONDITIONS,
      logLevel: "silent",
    });
    await serve(folder, ["worker.mjs"], stand);
  }
  async function asModules(stand: Stand, project: Project): Promise<void> {
    const folder = await mkdtemp(path.join(project.folder, "workerd-"));
    const names = ["workerd-modules.mjs", "report.mjs", "scenario.mjs"];
    for (const name of names) await copyFile(path.join(project.folder, name), path.join(folder, name));
    const library = path.join(project.folder, "node_modules/stompede/dist/browser/stompede.js");
    await copyFile(library, path.join(folder, "stompede.js"));
    await serve(folder, [...names, "stompede.js"], stand);
  }
  return {
    name: "workerd",
    carriers: ["ws"],
    ways: [
      { name: "bundled", run: bundled },
      { name: "browser file, ES module", run: asModules },
    ],
    problem,
    version: () => versionOf(file),
  };
}
