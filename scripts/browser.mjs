/**
 * Find the Chromium that the tests run in. It is the system's: nothing is downloaded behind npm's back.
 *
 * `CHROMIUM` in the environment names another executable.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";

/** Flags that make it run in a container, as root, and without asking the network for anything of its own. */
export const CHROMIUM_ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome.exe"];
const PLACES = [
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
];

const isExecutable = (path) => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** The path of a Chromium (or Chrome), or `undefined` when this machine has none. */
export function findChromium() {
  const named = process.env.CHROMIUM;
  if (named) return isExecutable(named) ? named : undefined;
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  return [...folders.flatMap((folder) => NAMES.map((name) => join(folder, name))), ...PLACES].find(isExecutable);
}

/**
 * `findChromium`, after an attempt to install Debian's package where that is possible without asking anybody: as root,
 * and on Debian. The result may still be `undefined`.
 */
export function ensureChromium() {
  const found = findChromium();
  if (found || process.env.CHROMIUM) return found;
  if (process.getuid?.() !== 0 || !existsSync("/etc/debian_version")) return undefined;
  console.log("no Chromium found: installing Debian's package");
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const aptGet = (...args) =>
    spawnSync("apt-get", ["-qq", ...args], { stdio: ["ignore", "ignore", "inherit"], env: environment }).status === 0;
  if (!aptGet("update") || !aptGet("install", "-y", "--no-install-recommends", "chromium")) {
    console.log("apt-get could not install chromium");
  }
  return findChromium();
}
