import { createRequire } from "node:module";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import { build } from "esbuild";
import { rollup } from "rollup";
import { describe, expect, inject, test } from "vitest";
import { runNode } from "./run.js";

const { project } = inject("packed");
const page = join(project, "page.mjs");

interface Bundle {
  readonly code: string;
  readonly modules: readonly string[];
}

async function bundleWithEsbuild(platform: "browser" | "neutral"): Promise<Bundle> {
  const result = await build({
    entryPoints: [page],
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform,
    absWorkingDir: project,
    logLevel: "silent",
  });
  return { code: result.outputFiles[0]?.text ?? "", modules: Object.keys(result.metafile.inputs) };
}

async function bundleWithRollup(options: { browser: boolean }): Promise<Bundle> {
  const warnings: string[] = [];
  const bundle = await rollup({
    input: page,
    plugins: [nodeResolve(options)],
    onLog: (_, log) => warnings.push(log.message),
  });
  const { output } = await bundle.generate({ format: "es" });
  await bundle.close();
  expect(warnings).toEqual([]);
  return { code: output[0].code, modules: output[0].moduleIds };
}

/** A stand-in for a page: Node with a global WebSocket, and the bundle. */
const RUN = `
  import { createRequire } from "node:module";
  const require = createRequire(import.meta.url);
  const { startBroker } = require("./broker.cjs");
  const { main } = await import(process.argv[2]);
  const server = await startBroker();
  globalThis.WebSocket = require("ws").WebSocket; // after the bundle was loaded: it is looked up when it is needed
  console.log(JSON.stringify(await main(server.webSocket)));
  server.close();
`;

describe("bundled for a browser, it has nothing of Node in it and works", () => {
  test.each([
    ["esbuild", () => bundleWithEsbuild("browser")],
    ["esbuild for no platform in particular", () => bundleWithEsbuild("neutral")],
    ["rollup", () => bundleWithRollup({ browser: true })],
    ["rollup, not told that it is for a browser", () => bundleWithRollup({ browser: false })],
  ])("by %s", async (name, bundle) => {
    const { code, modules } = await bundle();
    expect(modules.filter((path) => /node_modules[/\\](?!stompede[/\\])/.test(path))).toEqual([]);
    expect(modules.some((path) => /stompede[/\\]dist[/\\]websocket-web\.js$/.test(path))).toBe(true);
    expect(code).not.toMatch(/^import\b|\brequire\(|node:|\bBuffer\b/m);

    const file = `bundle-${name.replaceAll(/\W+/g, "-")}.mjs`;
    await writeFile(join(project, file), code);
    await writeFile(join(project, "run-bundle.mjs"), RUN);
    const { overTcp } = JSON.parse(await runNode(["run-bundle.mjs", `./${file}`], project)) as { overTcp: string };
    expect(overTcp).toMatch(/TCP/);
  });

  test("by esbuild as CommonJS, which is required", async () => {
    const { outputFiles, metafile } = await build({
      stdin: { contents: 'module.exports = require("stompede");', resolveDir: project },
      bundle: true,
      write: false,
      metafile: true,
      format: "cjs",
      platform: "browser",
    });
    expect(Object.keys(metafile.inputs).filter((path) => /node_modules[/\\]ws[/\\]/.test(path))).toEqual([]);
    const file = join(project, "bundle-required.cjs");
    await writeFile(file, outputFiles[0]?.text ?? "");
    expect(createRequire(file)(file)).toHaveProperty("connect");
  });
});
