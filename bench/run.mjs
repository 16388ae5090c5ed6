/**
 *     npm run bench -- [--quick] [--only decode|encode|end-to-end] [--rows KEY,…] [--json FILE]
 *                      [--with NAME=FOLDER|NAME=FILE]… [--peers none|NAME,…]
 *
 * Measures the built library against @stomp/stompjs, stompit, webstomp-client, and a floor. `--with` adds another build of
 * the library as a column, to see what a change brought.
 */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { OWN, buildOf } from "./builds.mjs";
import { CandidateProcess } from "./candidate-process.mjs";
import { decodeGroup } from "./decode.mjs";
import { encodeGroup } from "./encode.mjs";
import { measureEndToEnd } from "./end-to-end.mjs";
import { compare } from "./measure.mjs";
import { headLine, layoutOf, rowData, rowLine } from "./report.mjs";

/** @typedef {import("./report.mjs").Row} Row */

const PEERS = ["stompjs", "stompit", "webstomp"];
const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    rows: { type: "string" },
    json: { type: "string" },
    with: { type: "string", multiple: true, default: [] },
    peers: { type: "string", default: PEERS.join() },
  },
});
const settings = values.quick ? { rounds: 5, roundTime: 60 } : { rounds: 11, roundTime: 250 };
const builds = [OWN, ...values.with.map(buildOf)];
const peers = values.peers === "none" ? [] : values.peers.split(",");
const rows = values.rows?.split(",");

const unknown = peers.find((name) => !PEERS.includes(name));
if (unknown !== undefined) throw new Error(`--peers ${values.peers}: expected none, or some of ${PEERS.join()}`);
const names = [...builds.map(({ name }) => name), ...PEERS, "floor"];
const twice = names.find((name, at) => names.indexOf(name) < at);
if (twice !== undefined) throw new Error(`--with ${twice}=…: another column has this name`);

/** @type {unknown[]} */
const data = [];
/** @returns {(row: Row) => void} */
function reporter(/** @type {import("./report.mjs").Layout} */ layout) {
  return (row) => {
    console.log(rowLine(row, layout));
    data.push(rowData(row));
  };
}

/** Measure the rows of a group, each candidate in a process of its own. */
async function measureGroup(
  /** @type {string} */ name,
  /** @type {import("./candidate-process.mjs").Group} */ group,
  /** @type {(row: Row) => void} */ report,
) {
  for (const key of group.keys) {
    if (rows !== undefined && !rows.includes(key)) continue;
    const others = group.peersOf(key).filter((peer) => peer === "floor" || peers.includes(peer));
    const processes = [...builds, ...others.map((peer) => ({ ...OWN, name: peer }))].map(
      (candidate) => new CandidateProcess(name, key, candidate.name, candidate.protocol),
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

/** A file that `--with` names has no client. */
const clients = builds.filter(({ client }) => client !== undefined);

/** @type {Readonly<Record<string, { builds: typeof builds, measure: (report: (row: Row) => void) => Promise<void> }>>} */
const GROUPS = {
  decode: { builds, measure: (report) => measureGroup("decode", decodeGroup, report) },
  encode: { builds, measure: (report) => measureGroup("encode", encodeGroup, report) },
  "end-to-end": {
    builds: clients,
    measure: (report) => measureEndToEnd({ rows, builds: clients, peers, ...settings }, report),
  },
};

console.log(
  `Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model ?? "CPU"}, ${settings.rounds} rounds\n`,
);
for (const [name, group] of Object.entries(GROUPS)) {
  if (values.only !== undefined && values.only !== name) continue;
  const layout = layoutOf(group.builds, peers);
  console.log(`${name}\n${headLine(layout)}`);
  await group.measure(reporter(layout));
  console.log();
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(data, undefined, 2)}\n`);
