/** Installs the runtimes from npm, each version once for this clone. */
import { createHash } from "node:crypto";
import { access, cp, mkdir, mkdtemp, readFile, readdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runNpm } from "../package/run.js";

const MANIFEST = fileURLToPath(new URL("package.json", import.meta.url));
const NPMRC = fileURLToPath(new URL("../../.npmrc", import.meta.url));
const CACHE = fileURLToPath(new URL("../../node_modules/.cache/stompede-runtimes/", import.meta.url));

/** Where what `package.json` here names is installed, or why it cannot be. What a platform has not is left out. */
export interface Installed {
  readonly folder: string;
  readonly problem: string | undefined;
}

/** Make sure that the runtimes are there. */
export async function installRuntimes(): Promise<Installed> {
  const manifest = await readFile(MANIFEST);
  const name = createHash("sha256").update(manifest).digest("hex").slice(0, 16);
  const folder = path.join(CACHE, name);
  const wanted = wantedOf(manifest);
  if ((await missingIn(folder, wanted)).length === 0) return { folder, problem: undefined };
  // npm takes what is optional and could not be fetched for what does not exist: that is tried for again.
  await rm(folder, { recursive: true, force: true });
  console.log("installing the runtimes");
  await mkdir(CACHE, { recursive: true });
  const fresh = await mkdtemp(path.join(CACHE, "new-"));
  try {
    await cp(MANIFEST, path.join(fresh, "package.json"));
    await cp(NPMRC, path.join(fresh, ".npmrc"));
    await runNpm(["install", "--no-package-lock", "--prefer-offline", "--loglevel", "error"], fresh);
    await rename(fresh, folder).catch(async (error: unknown) => {
      if (!(await exists(folder))) throw error; // else somebody was faster
    });
    const others = (await readdir(CACHE)).filter((other) => /^[0-9a-f]{16}$/.test(other) && other !== name);
    await Promise.all(others.map((other) => rm(path.join(CACHE, other), { recursive: true, force: true })));
    return { folder, problem: undefined };
  } catch (error) {
    return { folder, problem: `npm could not install it: ${String(error).slice(0, 300)}` };
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** The packages that there are for this platform: all are optional, since npm then leaves out those that are for another one. */
function wantedOf(manifest: Buffer): string[] {
  const { optionalDependencies } = JSON.parse(manifest.toString()) as { optionalDependencies: object };
  const others = ["x64", "arm64"].filter((arch) => process.platform !== "linux" || arch !== process.arch);
  return Object.keys(optionalDependencies).filter((name) => !others.some((arch) => name.endsWith(`-${arch}`)));
}

async function missingIn(folder: string, wanted: readonly string[]): Promise<string[]> {
  const there = await Promise.all(wanted.map((name) => exists(path.join(folder, "node_modules", name))));
  return wanted.filter((_, index) => there[index] !== true);
}

/** The executable of an installed package, or why there is none. */
export async function executableIn(installed: Installed, file: string): Promise<{ file: string; problem?: string }> {
  const full = path.join(installed.folder, "node_modules", file);
  if (installed.problem !== undefined) return { file: full, problem: installed.problem };
  if (await exists(full)) return { file: full };
  return { file: full, problem: `npm has installed nothing for ${process.platform} on ${process.arch}` };
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
