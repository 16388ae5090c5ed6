import { expect, test } from "vitest";
import { entriesOf, exportedOf, reportsOf, writtenReports } from "../../scripts/api-report.mjs";

const exported = exportedOf(entriesOf());

test("what is public is what is written down in api/; `npm run api` writes it anew", () => {
  expect(exported.length).toBeGreaterThan(100);
  expect(Object.fromEntries(reportsOf(exported))).toEqual(Object.fromEntries(writtenReports()));
});

test("everything public has a doc comment", () => {
  expect(exported.flatMap(({ entry, undocumented }) => undocumented.map((name) => `${entry}: ${name}`))).toEqual([]);
});

test("every type that a public one names is public as well, in the same entry or in the main one", () => {
  const main = new Set(exported.filter(({ entry }) => entry === ".").map(({ name }) => name));
  const others = new Set(exported.filter(({ entry }) => entry === "./broker").map(({ name }) => name));
  const forgotten = exported.flatMap(({ entry, name, forgotten: names }) =>
    names.filter((one) => !main.has(one) && !others.has(one)).map((one) => `${entry}: ${name} names ${one}`),
  );
  expect(forgotten).toEqual([]);
});
