/**
 * The packed package in every runtime and engine that can be had here, against a RabbitMQ. `npm run docs:runtimes` writes what
 * comes out into docs/runtimes.md.
 */
import { cp, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packAndInstall } from "../package/global-setup.js";
import { describeRabbitMq, rabbitmq } from "../rabbitmq/with-rabbitmq.js";
import { browsers } from "./browsers.js";
import { STEP_NAMES } from "./inside/scenario.mjs";
import { installRuntimes } from "./installed.js";
import { processes } from "./processes.js";
import type { Runtime, Way } from "./runtime.js";
import { CARRIERS, Stand } from "./stand.js";
import { type Row, comparable, documented, tableOf, writeTable } from "./table.js";
import { workerd } from "./workerd.js";

/** What needs the network, a compiler or a browser may take its time on a machine that is busy. */
const RUN_TIME = 120_000;

const installed = await installRuntimes();
const RUNTIMES: readonly Runtime[] = [...(await processes(installed)), await workerd(installed), ...(await browsers())];

describeRabbitMq("the package, with RabbitMQ", () => {
  let folder = "";
  let project = "";
  const rows = new Map<string, Row>();

  beforeAll(async () => {
    folder = await realpath(await mkdtemp(path.join(tmpdir(), "stompede-runtimes-")));
    ({ project } = await packAndInstall(folder));
    await cp(fileURLToPath(new URL("inside", import.meta.url)), project, { recursive: true });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function prove(runtime: Runtime, way: Way): Promise<void> {
    await using stand = await Stand.start(rabbitmq, runtime.carriers, project);
    const run = way.run(stand, { folder: project });
    const over = run.then(() => Promise.reject(new Error("it ended without a report")));
    const report = await Promise.race([stand.report, over]);
    const row = { runtime: runtime.name, way: way.name, version: await runtime.version(), report, ended: false };
    rows.set(keyOf(runtime, way), row);
    const lacking = CARRIERS.filter((carrier) => !runtime.carriers.includes(carrier));
    const expected = [
      ...lacking.map((carrier) => ({ carrier, step: "unavailable", outcome: "ok" })),
      ...runtime.carriers.flatMap((carrier) => STEP_NAMES.map((step) => ({ carrier, step, outcome: "ok" }))),
    ];
    expect(report.outcomes.map(({ carrier, step, outcome }) => ({ carrier, step, outcome }))).toEqual(expected);
    expect(report.faults).toEqual([]);
    await run; // a process ends by itself: nothing of the client keeps it
    rows.set(keyOf(runtime, way), { ...row, ended: true });
  }

  describe.concurrent("goes through the scenario in", () => {
    for (const runtime of RUNTIMES) {
      for (const way of runtime.ways) {
        const title = `${runtime.name} (${way.name})`;
        if (runtime.problem === undefined) test(title, () => prove(runtime, way), RUN_TIME);
        else absent(title, runtime.problem);
      }
    }
  });

  test("and docs/runtimes.md tells how it went", async () => {
    const all = RUNTIMES.flatMap((runtime) => runtime.ways.map((way) => ({ runtime, way })));
    const known = all.flatMap(({ runtime, way }) => rows.get(keyOf(runtime, way)) ?? []);
    if (process.env["DOCS_RUNTIMES"] === "write") {
      expect(known, "a table of a part would say less than the one that is there").toHaveLength(all.length);
      await writeTable(known);
    }
    const there = (await documented()).map(comparable);
    for (const line of tableOf(known).map(comparable)) {
      expect(there, "docs/runtimes.md is stale: npm run docs:runtimes writes it").toContain(line);
    }
    // A runtime that cannot be had here has its lines from elsewhere.
    if (known.length === all.length) expect(there).toHaveLength(all.length + 2);
  });
});

function keyOf(runtime: Runtime, way: Way): string {
  return `${runtime.name} (${way.name})`;
}

/** A test of what cannot be had: skipped by name, and with the reason; in continuous integration that is a failure. */
function absent(title: string, reason: string): void {
  if (process.env["CI"] !== "true") test.skip(`${title}: ${reason}`);
  else
    test(title, () => {
      throw new Error(`it cannot be had: ${reason}`);
    });
}
