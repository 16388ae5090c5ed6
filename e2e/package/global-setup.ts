/** Packs the package as it would be published, and installs it into an empty project, once for all tests of it. */
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
import { runNpm } from "./run.js";

export interface PackedPackage {
  /** The tarball. */
  readonly tarball: string;
  /** The paths in it. */
  readonly files: readonly string[];
  /** A project that has installed it, and nothing else. */
  readonly project: string;
}

declare module "vitest" {
  interface ProvidedContext {
    packed: PackedPackage;
  }
}

const root = fileURLToPath(new URL("../..", import.meta.url));

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  if (!existsSync(join(root, "dist/index.d.ts"))) throw new Error("there is nothing to pack: run npm run build");
  const folder = await realpath(await mkdtemp(join(tmpdir(), "stompede-package-")));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    project.provide("packed", await packAndInstall(folder));
  } catch (error) {
    await remove();
    throw error;
  }
  return remove;
}

/** Pack the package into a folder, and install it into a project there. */
export async function packAndInstall(folder: string): Promise<PackedPackage> {
  const report = await runNpm(["pack", "--ignore-scripts", "--json", "--pack-destination", folder], root);
  const [packed] = JSON.parse(report) as { filename: string; files: { path: string }[] }[];
  if (packed === undefined) throw new Error("npm pack has packed nothing");
  const tarball = join(folder, packed.filename);

  const consumer = join(folder, "consumer");
  await mkdir(consumer);
  await writeFile(join(consumer, "package.json"), '{ "name": "consumer", "version": "1.0.0", "private": true }\n');
  await runNpm(["install", "--prefer-offline", "--no-audit", "--no-fund", tarball], consumer);
  await cp(fileURLToPath(new URL("consumer", import.meta.url)), consumer, { recursive: true });
  return { tarball, files: packed.files.map(({ path }) => path), project: consumer };
}
