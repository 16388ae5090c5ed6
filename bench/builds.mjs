/** The builds of this library that are measured: the one in `dist`, and those that `--with` adds. */
import { existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * @typedef {object} Build
 * @property {string} name of its column
 * @property {string} protocol the specifier or URL of its protocol core
 * @property {string | undefined} client the specifier or URL of its client; `undefined`: end-to-end leaves this build out
 */

/** @type {Build} */
export const OWN = { name: "stompede", protocol: "stompede/protocol", client: "stompede" };

/**
 * Find the build that a `--with` names: `NAME=FOLDER` is a whole `dist`, `NAME=FILE` a protocol core alone.
 *
 * @param {string} pair
 * @returns {Build}
 * @throws {Error} if there is no such file, or the folder is not a built `dist`
 */
export function buildOf(pair) {
  const [, name, path] = /^([^=]+)=(.+)$/.exec(pair) ?? [];
  if (name === undefined || path === undefined) {
    throw new Error(`--with ${pair}: expected NAME=FOLDER, where FOLDER is a built dist, or NAME=FILE`);
  }
  if (!existsSync(path)) throw new Error(`--with ${pair}: there is no ${resolve(path)}`);
  if (!statSync(path).isDirectory()) return { name, protocol: urlOf(path), client: undefined };
  const [protocol = "", client = ""] = ["protocol.js", "index.js"].map((file) => {
    if (!existsSync(join(path, file))) throw new Error(`--with ${pair}: this is not a built dist, it has no ${file}`);
    return urlOf(join(path, file));
  });
  return { name, protocol, client };
}

function urlOf(/** @type {string} */ path) {
  return pathToFileURL(resolve(path)).href;
}
