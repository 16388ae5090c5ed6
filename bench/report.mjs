/** Turns results into lines of a table. */

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

const TITLE_WIDTH = 36;
const COLUMN_WIDTH = 13;

/** The line above the rows. */
export function headLine(/** @type {readonly string[]} */ columns) {
  return [
    "workload".padEnd(TITLE_WIDTH),
    ...columns.map((name) => name.padStart(COLUMN_WIDTH)),
    "× stompjs".padStart(11),
    "× floor".padStart(9),
  ].join("");
}

/** One row. */
export function rowLine(/** @type {Row} */ row, /** @type {readonly string[]} */ columns) {
  const cells = columns.map((name) => cellOf(row, name).padStart(COLUMN_WIDTH));
  return [
    row.title.padEnd(TITLE_WIDTH),
    ...cells,
    ratio(row, "stompjs", columns[0]).padStart(11),
    ratio(row, columns[0], "floor").padStart(9),
  ].join("");
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

/** How many times the time of `one` is that of `other`; for rates, too: it is the time that is compared. */
function ratio(
  /** @type {Row} */ { results },
  /** @type {string | undefined} */ one,
  /** @type {string | undefined} */ other,
) {
  const dividend = results.get(one ?? "")?.median;
  const divisor = results.get(other ?? "")?.median;
  return dividend === undefined || divisor === undefined ? "" : numberText(dividend / divisor);
}

/** Three digits that count, thousands apart. */
export function numberText(/** @type {number} */ value) {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 0.1 ? 2 : 4;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
