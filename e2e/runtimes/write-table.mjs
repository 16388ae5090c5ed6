/** `npm run docs:runtimes`: run the tests in all runtimes, and write what came out into docs/runtimes.md. */
import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
// Everything must be there: a table without a runtime would say less than the one that it replaces.
const env = { ...process.env, CI: "true", DOCS_RUNTIMES: "write" };
const vitest = spawn(process.execPath, ["node_modules/vitest/vitest.mjs", "run", "e2e/runtimes"], {
  cwd: root,
  env,
  stdio: "inherit",
});
vitest.once("exit", (code) => (process.exitCode = code ?? 1));
