/**
 * `npm run bench -- [--quick] [--only decode|encode|end-to-end] [--rows KEY,…] [--json FILE] [--with NAME=FILE]`
 *
 * Measures the built library against @stomp/stompjs, stompit, webstomp-client, and a floor. `--with` adds another build of
 * the protocol core as a column, to see what a change brought.
 */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { measureDecoding } from "./decode.mjs";
import { measureEncoding } from "./encode.mjs";
import { measureEndToEnd } from "./end-to-end.mjs";
import { headLine, rowData, rowLine } from "./report.mjs";

/** @type {Readonly<Record<string, (options: any, report: (row: import("./report.mjs").Row) => void) => Promise<void>>>} */
const GROUPS = { decode: measureDecoding, encode: measureEncoding, "end-to-end": measureEndToEnd };

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    rows: { type: "string" },
    json: { type: "string" },
    with: { type: "string", multiple: true, default: [] },
    without: { type: "boolean", default: false },
  },
});

const cores = [];
if (!values.without) cores.push(["stompede", await import("stompede/protocol")]);
for (const pair of values.with) {
  const [name = "", file = ""] = pair.split("=");
  cores.push([name, await import(pathToFileURL(resolve(file)).href)]);
}
const columns = [...cores.map(([name]) => name), "stompjs", "stompit", "webstomp", "floor"];
const settings = values.quick ? { rounds: 5, roundTime: 15 } : { rounds: 15, roundTime: 40 };
const rows = values.rows?.split(",");

console.log(
  `Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model ?? "CPU"}, ${settings.rounds} rounds\n`,
);
const data = [];
for (const [group, measure] of Object.entries(GROUPS)) {
  if (values.only !== undefined && values.only !== group) continue;
  console.log(`${group}\n${headLine(columns)}`);
  await measure({ cores, rows, ...settings }, (row) => {
    data.push(rowData(row));
    console.log(rowLine(row, columns));
  });
  console.log();
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(data, undefined, 2)}\n`);
