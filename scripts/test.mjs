/**
 * Run everything that this project tests, and say how it went: the last line is `N passed, N failed, N skipped`.
 *
 *     node scripts/test.mjs                  everything
 *     node scripts/test.mjs unit package     some of the stages; STAGES has them all
 *
 * What is skipped is named at the end, with the reason. With CI=true a test that is skipped because there is no browser
 * or no broker has failed.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { ensureChromium } from "./browser.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));
const reports = mkdtempSync(join(tmpdir(), "stompede-test-"));
const strict = process.env.CI === "true";
const NO_BROWSER = "no Chromium found: install it (Debian: apt-get install chromium), or name one in CHROMIUM";

/** Run one of the development tools. Resolves with its exit code, and with what it wrote if that is to be read. */
function run(tool, args, { environment = {}, read = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, "node_modules", tool), ...args], {
      cwd: root,
      env: { ...process.env, ...environment },
      stdio: ["ignore", read ? "pipe" : "inherit", "inherit"],
    });
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (text) => (output += text));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

const ROLLUP = "rollup/dist/bin/rollup";
const VITEST = "vitest/vitest.mjs";
const PLAYWRIGHT = "@playwright/test/cli.js";

const skippedForBrowser = (name) => ({ name, state: "skipped", reason: NO_BROWSER, absence: true });
const read = (path) => JSON.parse(readFileSync(path, "utf8"));

async function build() {
  const { code } = await run(ROLLUP, ["--config", "--silent"]);
  return code === 0 ? [] : [{ name: "the build", state: "failed", reason: `rollup ended with ${code}` }];
}

/** Run some of Vitest's projects. */
async function vitest(stage, projects) {
  const file = join(reports, `${stage}.json`);
  const { code } = await run(
    VITEST,
    [
      "run",
      ...projects.map((name) => `--project=${name}`),
      "--passWithNoTests",
      "--reporter=default",
      "--reporter=./scripts/vitest-report.mjs",
    ],
    { environment: { REPORT_FILE: file } },
  );
  let outcomes;
  try {
    outcomes = read(file).map(({ project, file, name, state, reason, before }) => ({
      name: [project, file, name].filter(Boolean).join(" › "),
      state,
      reason,
      before,
      file,
      title: name,
    }));
  } catch (error) {
    return [{ name: "vitest", state: "failed", reason: `it ended with ${code} and left no report (${error.message})` }];
  }
  if (code !== 0 && !outcomes.some(({ state }) => state === "failed")) {
    outcomes.push({ name: "vitest", state: "failed", reason: `it ended with ${code}` });
  }
  return outcomes;
}

/** The unit tests, in Node and in Chromium. */
async function unit(chromium) {
  const outcomes = await vitest("unit", chromium ? ["node", "chromium"] : ["node"]);
  if (chromium) return outcomes;
  const inBoth = outcomes.filter(({ file }) => file && !file.endsWith(".node.test.ts"));
  const inBrowsers = readdirSync(join(root, "test"), { recursive: true }).filter((file) =>
    file.endsWith(".browser.test.ts"),
  );
  const names = [...inBoth.map(({ file, title }) => `${file} › ${title}`), ...inBrowsers.map((file) => `test/${file}`)];
  return [...outcomes, ...names.map((name) => skippedForBrowser(`chromium › ${name}`))];
}

/** Tests that need something of the system, each project by itself: what they skip, they skip for want of that. */
async function needing(...projects) {
  const outcomes = [];
  for (const project of projects) outcomes.push(...(await vitest(project, [project])));
  return outcomes.map((outcome) => ({ ...outcome, absence: true }));
}

/** Every test in a report of Playwright's. */
function playwrightTests(suite, path) {
  return [
    ...(suite.specs ?? []).flatMap((spec) =>
      spec.tests.map((test) => ({ name: [...path, spec.title].join(" › "), test })),
    ),
    ...(suite.suites ?? []).flatMap((child) => playwrightTests(child, [...path, child.title])),
  ];
}

/** The pages, in Chromium. */
async function browser(chromium) {
  const file = join(reports, "browser.json");
  if (!chromium) {
    const { output } = await run(PLAYWRIGHT, ["test", "--list", "--reporter=json", "--pass-with-no-tests"], {
      read: true,
    });
    const names = playwrightTests(JSON.parse(output), ["browser"]).map(({ name }) => name);
    return names.map(skippedForBrowser);
  }
  const { code } = await run(PLAYWRIGHT, ["test", "--reporter=list,json", "--pass-with-no-tests"], {
    environment: { PLAYWRIGHT_JSON_OUTPUT_FILE: file },
  });
  let outcomes;
  try {
    outcomes = playwrightTests(read(file), ["browser"]).map(({ name, test }) => ({
      name,
      state: test.status === "skipped" ? "skipped" : test.status === "expected" ? "passed" : "failed",
      reason:
        test.annotations
          .map(({ description }) => description)
          .filter(Boolean)
          .join("; ") || test.status,
      absence: true,
    }));
  } catch (error) {
    return [
      { name: "playwright", state: "failed", reason: `it ended with ${code} and left no report (${error.message})` },
    ];
  }
  if (code !== 0 && !outcomes.some(({ state }) => state === "failed")) {
    outcomes.push({ name: "playwright", state: "failed", reason: `it ended with ${code}` });
  }
  return outcomes;
}

const STAGES = {
  build,
  unit,
  e2e: () => needing("e2e"),
  browser,
  package: () => vitest("package", ["package"]),
  brokers: () => needing("brokers", "spring", "interop"),
  runtimes: () => needing("runtimes"),
  faults: () => needing("faults"),
};

/** The outcomes of one stage; what goes wrong outside of its tests is a failure of its own. */
async function outcomesOf(stage, chromium) {
  let outcomes;
  try {
    outcomes = await STAGES[stage](chromium);
  } catch (error) {
    outcomes = [{ name: stage, state: "failed", reason: String(error) }];
  }
  if (outcomes.length === 0 && stage !== "build") {
    outcomes = [{ name: stage, state: "failed", reason: "there is not one test in it" }];
  }
  return outcomes.map((outcome) =>
    strict && outcome.state === "skipped" && outcome.absence
      ? { ...outcome, state: "failed", reason: `skipped, which CI=true forbids: ${outcome.reason}` }
      : outcome,
  );
}

process.on("SIGINT", () => {}); // the stage that runs has it too, and stops what it started

const asked = process.argv.slice(2);
const unknown = asked.filter((stage) => !Object.hasOwn(STAGES, stage));
if (unknown.length > 0) {
  console.error(`no such stage: ${unknown.join(", ")}; there are ${Object.keys(STAGES).join(", ")}`);
  process.exit(2);
}
const stages = asked.length > 0 ? [...new Set(["build", ...asked])] : Object.keys(STAGES);

const outcomes = [];
try {
  const chromium = stages.includes("unit") || stages.includes("browser") ? ensureChromium() : undefined;
  for (const stage of stages) {
    const begin = performance.now();
    console.log(`\n── ${stage} ──`);
    outcomes.push(...(await outcomesOf(stage, chromium)));
    console.log(`── ${stage}: ${((performance.now() - begin) / 1000).toFixed(1)} s`);
    if (stage === "build" && outcomes.length > 0) break; // nothing else would tell more
  }
} finally {
  rmSync(reports, { recursive: true, force: true });
}

const late = outcomes.filter(({ before }) => before !== undefined);
if (late.length > 0) console.log("\nPASSED AT THE SECOND ATTEMPT ONLY:");
for (const { name, before } of late) console.log(`  ${name}\n    ${before.split("\n")[0]}`);
for (const state of ["skipped", "failed"]) {
  const these = outcomes.filter((outcome) => outcome.state === state);
  if (these.length > 0) console.log(`\n${state.toUpperCase()}:`);
  for (const { name, reason } of these) console.log(`  ${name}\n    ${String(reason).split("\n")[0]}`);
}
const count = (wanted) => outcomes.filter(({ state }) => state === wanted).length;
process.exitCode = count("failed") > 0 ? 1 : 0;
console.log(`\n${count("passed")} passed, ${count("failed")} failed, ${count("skipped")} skipped`);
