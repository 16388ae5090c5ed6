/** Turns results into lines of a table. */
import { OWN } from "./builds.mjs";

/**
 * @typedef {object} Row
 * @property {string} group
 * @property {string} key
 * @property {string} title
 * @property {"ns" | "per-second" | "µs" | "MiB"} unit of the figures in the table
 * @property {number} per how many units one run of the work has
 * @property {Map<string, import("./measure.mjs").Result>} results
 * @property {Map<string, string>} marks what stands where there is no figure: "–", "wrong", "fails"
 */

/**
 * The columns of a table: figures, then ratios.
 *
 * @typedef {object} Layout
 * @property {readonly string[]} columns the candidates
 * @property {readonly Ratio[]} ratios
 */

/** @typedef {{ title: string, one: string, other: string }} Ratio the time of `one` divided by that of `other` */

const TITLE_WIDTH = 36;
const COLUMN_WIDTH = 13;
const RATIO_WIDTH = 11;

/**
 * Lay out a table. All ratios are of the own build; `× NAME` of another build is below 1 where the own one is faster.
 *
 * @param {readonly import("./builds.mjs").Build[]} builds
 * @param {readonly string[]} peers
 * @returns {Layout}
 */
export function layoutOf(builds, peers) {
  const own = OWN.name;
  const others = builds.map(({ name }) => name).filter((name) => name !== own);
  return {
    columns: [own, ...others, ...peers, "floor"],
    ratios: [
      ...(peers.includes("stompjs") ? [{ title: "× stompjs", one: "stompjs", other: own }] : []),
      ...["floor", ...others].map((other) => ({ title: `× ${other}`, one: own, other })),
    ],
  };
}

/** The line above the rows. */
export function headLine(/** @type {Layout} */ { columns, ratios }) {
  return [
    "workload".padEnd(TITLE_WIDTH),
    ...columns.map((name) => name.padStart(widthOf(name, COLUMN_WIDTH))),
    ...ratios.map(({ title }) => title.padStart(widthOf(title, RATIO_WIDTH))),
  ].join("");
}

/** One row. */
export function rowLine(/** @type {Row} */ row, /** @type {Layout} */ { columns, ratios }) {
  return [
    row.title.padEnd(TITLE_WIDTH),
    ...columns.map((name) => cellOf(row, name).padStart(widthOf(name, COLUMN_WIDTH))),
    ...ratios.map((ratio) => ratioText(row, ratio).padStart(widthOf(ratio.title, RATIO_WIDTH))),
  ].join("");
}

function widthOf(/** @type {string} */ title, /** @type {number} */ least) {
  return Math.max(least, title.length + 2);
}

/** A row as data. */
export function rowData(/** @type {Row} */ row) {
  const { group, key, title, unit } = row;
  const figures = Object.fromEntries(
    [...row.results.keys()].map((name) => [name, { value: figure(row, name), spread: row.results.get(name)?.spread }]),
  );
  return { group, key, title, unit, figures, marks: Object.fromEntries(row.marks) };
}

function figure(/** @type {Row} */ { unit, per, results }, /** @type {string} */ name) {
  const result = results.get(name);
  if (result === undefined) return undefined;
  if (unit === "per-second") return (1e9 * per) / result.median;
  if (unit === "µs") return result.median / per / 1e3;
  return result.median / per;
}

function cellOf(/** @type {Row} */ row, /** @type {string} */ name) {
  const value = figure(row, name);
  return value === undefined ? (row.marks.get(name) ?? "–") : numberText(value);
}

/** Times are compared, also where the figures are rates. */
function ratioText(/** @type {Row} */ { results }, /** @type {Ratio} */ { one, other }) {
  const dividend = results.get(one)?.median;
  const divisor = results.get(other)?.median;
  return dividend === undefined || divisor === undefined ? "" : numberText(dividend / divisor);
}

/** Three digits that count, thousands apart. */
export function numberText(/** @type {number} */ value) {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 0.1 ? 2 : 4;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
