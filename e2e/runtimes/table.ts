/** The table of docs/runtimes.md: made from a run, and compared with one. */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { STEP_NAMES } from "./inside/scenario.mjs";
import { CARRIERS, type Report } from "./stand.js";

/** What a run of the scenario came to. */
export interface Row {
  readonly runtime: string;
  readonly way: string;
  /** As the runtime reports it. */
  readonly version: string;
  readonly report: Report;
  /** Whether nothing was left that would have kept it alive: a process has ended by itself. */
  readonly ended: boolean;
}

const FILE = fileURLToPath(new URL("../../docs/runtimes.md", import.meta.url));
const BEGIN = "<!-- made by: npm run docs:runtimes -->";
const END = "<!-- end of what is made -->";
const TITLES = { ws: "WebSocket", tcp: "TCP", tls: "TLS" } as const;

/** The lines of the table. */
export function tableOf(rows: readonly Row[]): string[] {
  const head = ["runtime", "package as", ...CARRIERS.map((carrier) => TITLES[carrier]), ...STEP_NAMES, "end"];
  return [head, head.map(() => "---"), ...rows.map(cellsOf)].map((cells) => `| ${cells.join(" | ")} |`);
}

function cellsOf({ runtime, way, version, report: { outcomes }, ended }: Row): string[] {
  const mark = (matches: (one: { carrier: string; step: string }) => boolean): string => {
    const these = outcomes.filter(matches);
    if (these.length === 0) return "?";
    if (these.some(({ outcome }) => outcome !== "ok")) return "fails";
    return these.every(({ step }) => step === "unavailable") ? "–" : "✓";
  };
  return [
    runtime.replace(/ \d+$/, "") + ` ${version}`,
    way,
    ...CARRIERS.map((carrier) => mark((one) => one.carrier === carrier)),
    ...STEP_NAMES.map((step) => mark((one) => one.step === step)),
    ended ? "✓" : "fails",
  ];
}

/** The lines of the table in the document. */
export async function documented(): Promise<string[]> {
  const [, made] = split(await readFile(FILE, "utf8"));
  return made.split("\n").filter((line) => line.startsWith("|"));
}

/** Write the table into the document. */
export async function writeTable(rows: readonly Row[]): Promise<void> {
  const [before, , after] = split(await readFile(FILE, "utf8"));
  await writeFile(FILE, `${before}${BEGIN}\n\n${aligned(tableOf(rows)).join("\n")}\n\n${END}${after}`);
}

/**
 * What is compared of a line: exact versions differ from one machine to the next, those of the system's browsers from one month to
 * the next, and the width of columns says nothing.
 */
export function comparable(line: string): string {
  return line
    .replace(/^(\| (?:Chromium|Firefox|WebKit)) [\d.]+/, "$1")
    .replaceAll(/ +/g, " ")
    .replaceAll(/-{3,}/g, "---")
    .replaceAll(/(\d+)([.-]\d+)+/g, "$1");
}

function split(text: string): [before: string, made: string, after: string] {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin === -1 || end === -1) throw new Error(`docs/runtimes.md lacks "${BEGIN}" or "${END}"`);
  return [text.slice(0, begin), text.slice(begin + BEGIN.length, end), text.slice(end + END.length)];
}

/** The same lines with columns of even width, as Prettier writes them. */
function aligned(lines: readonly string[]): string[] {
  const cells = lines.map((line) => line.slice(2, -2).split(" | "));
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells.map((row) => {
    const padded = row.map((cell, column) => cell.padEnd(widths[column] ?? 0, cell === "---" ? "-" : " "));
    return `| ${padded.join(" | ")} |`;
  });
}
