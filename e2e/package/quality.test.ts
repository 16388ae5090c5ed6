import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { expect, inject, test } from "vitest";
import { runNode } from "./run.js";

const { tarball } = inject("packed");
const root = fileURLToPath(new URL("../..", import.meta.url));

test("publint has nothing to say of it, strictly", async () => {
  const { buffer } = new Uint8Array(await readFile(tarball));
  const { messages, pkg } = await publint({ strict: true, pack: { tarball: buffer } });
  expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
});

test("its types are right for ES modules, CommonJS and bundlers", async () => {
  // Not for "moduleResolution": "node10": that knows no "exports", so the entries beside the main one cannot be there.
  const attw = join(root, "node_modules/@arethetypeswrong/cli/dist/index.js");
  // It ends with 1, and so rejects, if there is any problem.
  const report = await runNode([attw, tarball, "--profile", "node16", "--no-color", "--no-emoji"], root);
  expect(report).toMatch(/"stompede\/broker\/node".* OK \(CJS\).* OK \(ESM\).* OK /);
});
