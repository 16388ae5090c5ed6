import { readFile, readdir, writeFile } from "node:fs/promises";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { format, resolveConfig } from "prettier";
import { describe, expect, test } from "vitest";
import { CATALOGUE } from "../e2e/conformance/catalogue.js";
import { brokersPage } from "../e2e/conformance/document.js";

const FILE = fileURLToPath(new URL("../docs/brokers.md", import.meta.url));
const SUITE = fileURLToPath(new URL("../e2e/conformance/", import.meta.url));

describe("docs/brokers.md", () => {
  test("is what the conformance suite expects: npm run docs:brokers writes it", async () => {
    const page = await format(brokersPage(), { ...(await resolveConfig(FILE)), parser: "markdown" });
    if (process.env["DOCS_BROKERS"] === "write") await writeFile(FILE, page);
    expect(await readFile(FILE, "utf8")).toBe(page);
  });

  test("says nothing that is not observed", async () => {
    const files = (await readdir(SUITE)).filter((name) => name.endsWith(".test.ts"));
    const suite = (await Promise.all(files.map((name) => readFile(SUITE + name, "utf8")))).join("\n");
    const behaviours = Object.values(CATALOGUE).flatMap(({ behaviours }) => Object.keys(behaviours));
    expect(behaviours.length).toBeGreaterThan(40);
    expect(behaviours.filter((id) => !suite.includes(`conform("${id}"`) && id !== "crash")).toEqual([]);
    expect(suite).toContain('behaviour("crash")');
  });
});
