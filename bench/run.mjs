/**
 * `npm run bench -- [--quick] [--only decode|encode|end-to-end] [--rows KEY,…] [--json FILE] [--with NAME=FILE]`
 *
 * Measures the built library against @stomp/stompjs, stompit, webstomp-client, and a floor. `--with` adds another build of
 * the protocol core as a column, to see what a change brought.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { resolve } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { measureDecoding } from "./decode.mjs";
import { ENCODE_KEYS, measureEncoding } from "./encode.mjs";
import { measureEndToEnd } from "./end-to-end.mjs";
import { headLine, rowData, rowLine } from "./report.mjs";
import { DECODE_KEYS } from "./workloads.mjs";

/** @type {Readonly<Record<string, { measure: (options: any, report: (row: import("./report.mjs").Row) => void) => Promise<void>, keys?: readonly string[] }>>} */
const GROUPS = {
  // Each row in a process of its own: what the engine has learnt in one is not the next one's burden.
  decode: { measure: measureDecoding, keys: DECODE_KEYS },
  encode: { measure: measureEncoding, keys: ENCODE_KEYS },
  "end-to-end": { measure: measureEndToEnd },
};

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    rows: { type: "string" },
    json: { type: "string" },
    with: { type: "string", multiple: true, default: [] },
    without: { type: "boolean", default: false },
    // One row, sent to the process that asked for it.
    row: { type: "string" },
  },
});
const settings = values.quick ? { rounds: 5, roundTime: 15 } : { rounds: 15, roundTime: 40 };
const names = [...(values.without ? [] : ["stompede"]), ...values.with.map((pair) => pair.split("=", 1)[0] ?? "")];
const columns = [...names, "stompjs", "stompit", "webstomp", "floor"];

/** The builds of the protocol core to measure. @returns {Promise<[string, any][]>} */
async function loadCores() {
  /** @type {[string, any][]} */
  const cores = values.without ? [] : [["stompede", await import("stompede/protocol")]];
  for (const pair of values.with) {
    const [name = "", file = ""] = pair.split("=");
    cores.push([name, await import(pathToFileURL(resolve(file)).href)]);
  }
  return cores;
}

/** Measure one row in a process of its own. */
async function rowOf(/** @type {string} */ group, /** @type {string} */ key) {
  const child = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), "--only", group, "--row", key]);
  /** @type {{ line: string, data: unknown } | undefined} */
  let answer;
  child.on("message", (message) => (answer = /** @type {any} */ (message)));
  const [code] = await once(child, "close");
  if (code !== 0 || answer === undefined) throw new Error(`the row ${key} ended with ${code}`);
  return answer;
}

if (values.row !== undefined) {
  const measure = GROUPS[values.only ?? ""]?.measure;
  await measure?.({ cores: await loadCores(), rows: [values.row], ...settings }, (row) => {
    process.send?.({ line: rowLine(row, columns), data: rowData(row) });
  });
} else {
  console.log(
    `Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model ?? "CPU"}, ${settings.rounds} rounds\n`,
  );
  const wanted = values.rows?.split(",");
  const data = [];
  for (const [group, { measure, keys }] of Object.entries(GROUPS)) {
    if (values.only !== undefined && values.only !== group) continue;
    console.log(`${group}\n${headLine(columns)}`);
    for (const key of keys ?? []) {
      if (wanted !== undefined && !wanted.includes(key)) continue;
      const row = await rowOf(group, key);
      console.log(row.line);
      data.push(row.data);
    }
    if (keys === undefined) {
      await measure({ rows: wanted, ...settings }, (row) => {
        console.log(rowLine(row, columns));
        data.push(rowData(row));
      });
    }
    console.log();
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(data, undefined, 2)}\n`);
}
