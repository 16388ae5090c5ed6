import { describe, expect, it } from "vitest";
import { readRecipes, runRecipe } from "./recipes.js";

const all = await readRecipes("docs/trace-context.md");
const programs = all.filter(({ language }) => language === "js");

describe("the examples of docs/trace-context.md", () => {
  it("are there, and each says what it prints; what needs OpenTelemetry is marked as TypeScript that is not run", () => {
    expect(all.map(({ title, language }) => [title, language])).toEqual([
      ["By hand", "js"],
      ["Messages that are iterated", "js"],
      ["OpenTelemetry", "ts"],
    ]);
    expect(programs.filter(({ prints }) => prints.length === 0)).toEqual([]);
  });

  it.each(programs)("print what they say: $title", async ({ code, prints }) => {
    expect(await runRecipe(code)).toEqual(prints);
  });
});
