/** Build the JavaScript unless what is in `dist` is newer than every source. */
import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = new URL("../", import.meta.url);
const BUILT = ["dist/index.js", "dist/index.cjs", "dist/browser/stompede.js", "dist/browser/stompede.min.js"];
const SOURCES = ["src", "rollup.config.mjs", "package.json"];

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
if (Math.min(...BUILT.map((path) => built(at(path)))) < Math.max(...SOURCES.map((path) => changed(at(path))))) {
  console.log("building");
  const { status } = spawnSync(
    process.execPath,
    [at("node_modules/rollup/dist/bin/rollup"), "--config", "--silent", "--environment", "ONLY:js"],
    { cwd: at("."), stdio: "inherit" },
  );
  process.exitCode = status ?? 1;
}
