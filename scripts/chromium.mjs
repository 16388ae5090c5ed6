/** Where Chromium is, and how it is had where it is missing. */
import { execFileSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import process from "node:process";

/** Flags for a Chromium in a container or a closed network: no sandbox for root, no talk with its maker's hosts. */
export const CHROMIUM_ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const CANDIDATES = [
  process.env["CHROMIUM"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
];

/**
 * Find an installed Chromium or Chrome; the variable CHROMIUM names another.
 *
 * @returns {string | undefined}
 */
export function findChromium() {
  return CANDIDATES.find((path) => path !== undefined && isExecutable(path));
}

/**
 * Find Chromium, or install Debian's package where that can be done.
 *
 * @returns {string | undefined} its path
 */
export function ensureChromium() {
  return findChromium() ?? (installPackages("chromium") ? findChromium() : undefined);
}

/**
 * Install Debian packages, where we are root and there is apt-get. Whether it went well.
 *
 * @param {...string} names
 */
export function installPackages(...names) {
  if (process.getuid?.() !== 0 || !isExecutable("/usr/bin/apt-get")) return false;
  const apt = (/** @type {string[]} */ ...args) =>
    execFileSync("/usr/bin/apt-get", ["-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3", ...args], {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
  try {
    console.log(`installing ${names.join(" ")}`);
    try {
      apt("update");
    } catch {
      // the lists that are there may do
    }
    apt("install", "-y", "--no-install-recommends", ...names);
    return true;
  } catch (error) {
    console.log(`could not install ${names.join(" ")}: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
