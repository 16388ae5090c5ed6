import { fileURLToPath } from "node:url";
import { describe, expect, inject, test } from "vitest";
import { runNode } from "./run.js";

const { project } = inject("packed");
const tsc = fileURLToPath(new URL("../../node_modules/typescript/bin/tsc", import.meta.url));

describe("installed into an empty project, it works", () => {
  test("as ES modules", async () => {
    expect(await runNode(["use.mjs"], project)).toBe("ESM works\n");
  });

  test("as CommonJS", async () => {
    expect(await runNode(["use.cjs"], project)).toBe("CommonJS works\n");
  });
});

// Neither @types/node nor @types/ws is installed there, and the declarations themselves are checked too.
describe("its types compile without those of Node and ws", () => {
  const options = ["--noEmit", "--strict", "--skipLibCheck", "false", "--target", "es2022"];

  test.each([
    ["nodenext", ["--module", "nodenext", "types.mts", "types.cts"]],
    ["bundler", ["--module", "esnext", "--moduleResolution", "bundler", "types.mts"]],
    [
      "bundler, with the libraries of a browser named",
      ["--module", "esnext", "--moduleResolution", "bundler", "--lib", "es2022,dom", "types.mts"],
    ],
  ])("with moduleResolution %s", async (_, more) => {
    expect(await runNode([tsc, ...options, ...more], project)).toBe("");
  });
});
