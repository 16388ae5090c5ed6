/**
 * Build unless what is in `dist` is newer than every source.
 *
 *     node scripts/build-if-stale.mjs         the JavaScript
 *     node scripts/build-if-stale.mjs types   the types
 */
import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = new URL("../", import.meta.url);
const BUILT = {
  js: ["dist/index.js", "dist/index.cjs", "dist/browser/stompede.js", "dist/browser/stompede.min.js"],
  types: ["dist/index.d.ts", "dist/index.d.cts"],
};
const SOURCES = ["src", "rollup.config.mjs", "tsconfig.json", "package.json"];

/** When `path` was changed, in ms; of a folder, when the youngest thing in it was. */
function changed(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => changed(`${path}/${name}`)));
}

/** When `path` was built; in the beginning of time if it is not there. */
function built(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

const at = (path) => fileURLToPath(new URL(path, root));
const only = process.argv[2] ?? "js";
if (Math.min(...BUILT[only].map((path) => built(at(path)))) < Math.max(...SOURCES.map((path) => changed(at(path))))) {
  console.log("building");
  const { status } = spawnSync(
    process.execPath,
    [at("node_modules/rollup/dist/bin/rollup"), "--config", "--silent", "--environment", `ONLY:${only}`],
    { cwd: at("."), stdio: "inherit" },
  );
  process.exitCode = status ?? 1;
}
