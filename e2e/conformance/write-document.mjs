/** `npm run docs:brokers`: write docs/brokers.md anew, as the conformance suite has it. */
import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

const args = ["node_modules/vitest/vitest.mjs", "run", "--project=node", "test/brokers-document.node.test.ts"];
const vitest = spawn(process.execPath, args, {
  cwd: fileURLToPath(new URL("../..", import.meta.url)),
  env: { ...process.env, DOCS_BROKERS: "write" },
  stdio: "inherit",
});
vitest.once("exit", (code) => (process.exitCode = code ?? 1));
