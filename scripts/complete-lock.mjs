/**
 * Complete package-lock.json with the platform packages that the registry of the moment did not serve.
 *
 * Packages with native parts (rollup, esbuild, …) name one optional dependency per platform. npm leaves those out of the
 * lock that its registry does not have, as happens with a mirror for one platform, and `npm ci` then refuses the lock
 * everywhere. Their exact versions are known from who names them, so entries are added that say only that: version,
 * platform, optional. Where a platform needs one, npm fetches it by name and version.
 *
 *     node scripts/complete-lock.mjs           complete the lock
 *     node scripts/complete-lock.mjs --check   exit with 1 if it is incomplete, or names where packages came from
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";

const FILE = new URL("../package-lock.json", import.meta.url);
const SYSTEMS = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"];
const PROCESSORS = ["arm64", "arm", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "wasm32", "x64"];

/** The key of the entry that `name` resolves to from the package at `place`: its own folder first, then those above. */
function resolve(packages, place, name) {
  const owners = place === "" ? [] : place.slice("node_modules/".length).split("/node_modules/");
  for (let depth = owners.length; depth >= 0; depth--) {
    const key = [...owners.slice(0, depth), name].map((owner) => `node_modules/${owner}`).join("/");
    if (packages[key]) return key;
  }
  return undefined;
}

/** What the name of a platform package says about where it runs. */
function platformOf(name) {
  const words = name.replace(/^@[^/]+\//, "").split(/[-.]/);
  const os = SYSTEMS.find((system) => words.includes(system)) ?? (words.includes("windows") ? "win32" : undefined);
  const cpu =
    PROCESSORS.find((processor) => words.includes(processor)) ?? (words.includes("aarch64") ? "arm64" : undefined);
  const libc = words.some((word) => word.startsWith("musl")) ? "musl" : words.includes("gnu") ? "glibc" : undefined;
  return { os: os && [os], cpu: cpu && [cpu], libc: os === "linux" && libc ? [libc] : undefined };
}

/** The entries that `lock` lacks, by their keys. */
function missingEntries(lock) {
  const missing = {};
  for (const [place, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const known = { ...lock.packages, ...missing };
      const found = resolve(known, place, name);
      if (!/^\d+\.\d+\.\d+(-[\w.-]+)?$/.test(version)) {
        if (!found)
          throw new Error(`${place || "the project"} wants ${name} ${version}: not one version, cannot complete`);
        continue;
      }
      if (found && known[found].version === version) continue;
      const key = found ? `${place}/node_modules/${name}` : `node_modules/${name}`;
      const { os, cpu, libc } = platformOf(name);
      missing[key] = { version, cpu, dev: entry.dev, libc, optional: true, os }; // in npm's order, for a quiet diff
    }
  }
  return missing;
}

const text = readFileSync(FILE, "utf8");
const lock = JSON.parse(text);
const places = text.split("\n").filter((line) => /"resolved"|"file:/.test(line));
const missing = missingEntries(lock);
if (process.argv.includes("--check")) {
  for (const key of Object.keys(missing)) console.error(`package-lock.json lacks ${key}: run npm run lock`);
  for (const place of places) console.error(`package-lock.json names a place: ${place.trim()}`);
  process.exitCode = Object.keys(missing).length > 0 || places.length > 0 ? 1 : 0;
} else {
  lock.packages = Object.fromEntries(
    Object.entries({ ...lock.packages, ...missing }).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
  );
  for (const entry of Object.values(lock.packages)) delete entry.resolved;
  writeFileSync(FILE, `${JSON.stringify(lock, undefined, 2)}\n`);
  console.log(`package-lock.json: ${Object.keys(missing).length} entries added`);
}
