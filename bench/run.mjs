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
import { CandidateProcess } from "./candidate-process.mjs";
import { decodeGroup } from "./decode.mjs";
import { encodeGroup } from "./encode.mjs";
import { measureEndToEnd } from "./end-to-end.mjs";
import { compare } from "./measure.mjs";
import { headLine, rowData, rowLine } from "./report.mjs";

/** @typedef {import("./report.mjs").Row} Row */

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
const settings = values.quick ? { rounds: 5, roundTime: 60 } : { rounds: 11, roundTime: 250 };
const OWN = "stompede/protocol";
/** The builds of the protocol core to measure. @type {Map<string, string>} */
const cores = new Map(values.without ? [] : [["stompede", OWN]]);
for (const pair of values.with) {
  const [name = "", file = ""] = pair.split("=");
  cores.set(name, pathToFileURL(resolve(file)).href);
}
const columns = [...cores.keys(), "stompjs", "stompit", "webstomp", "floor"];
const rows = values.rows?.split(",");

/** @type {unknown[]} */
const data = [];
function report(/** @type {Row} */ row) {
  console.log(rowLine(row, columns));
  data.push(rowData(row));
}

/** Measure the rows of a group, each candidate in a process of its own. */
async function measureGroup(/** @type {string} */ name, /** @type {import("./candidate-process.mjs").Group} */ group) {
  for (const key of group.keys) {
    if (rows !== undefined && !rows.includes(key)) continue;
    const processes = [...cores.keys(), ...group.peersOf(key)].map(
      (candidate) => new CandidateProcess(name, key, candidate, cores.get(candidate) ?? OWN),
    );
    try {
      const able = [];
      const marks = new Map();
      let about = { title: "", per: 1 };
      const checked = await Promise.all(
        processes.map(async (candidate) => ({ candidate, ...(await candidate.ready()) })),
      );
      for (const { candidate, mark, title, per } of checked) {
        about = { title, per };
        if (mark === undefined) able.push(candidate);
        else marks.set(candidate.name, mark);
      }
      report({ group: name, key, ...about, unit: "ns", results: await compare(able, settings), marks });
    } finally {
      for (const candidate of processes) candidate.end();
    }
  }
}

/** @type {Readonly<Record<string, () => Promise<void>>>} */
const GROUPS = {
  decode: () => measureGroup("decode", decodeGroup),
  encode: () => measureGroup("encode", encodeGroup),
  "end-to-end": () => measureEndToEnd({ rows, ...settings }, report),
};

console.log(
  `Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model ?? "CPU"}, ${settings.rounds} rounds\n`,
);
for (const [name, measure] of Object.entries(GROUPS)) {
  if (values.only !== undefined && values.only !== name) continue;
  console.log(`${name}\n${headLine(columns)}`);
  await measure();
  console.log();
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(data, undefined, 2)}\n`);
