import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { Broker } from "../../src/broker/index.js";
import { serve } from "../../src/broker/node.js";
import { describeRabbitMq, rabbitmq } from "../rabbitmq/with-rabbitmq.js";
import { pages, readRecipes, runRecipe } from "./recipes.js";

const recipes = (await Promise.all((await pages()).map(readRecipes))).flat();
const programs = recipes.filter(({ language, notRun }) => language === "js" && notRun === undefined);
const withBroker = programs.filter(({ code }) => /localhost:(15674|61613)/.test(code));
const alone = programs.filter((recipe) => !withBroker.includes(recipe));

test("the pages have examples, and each says what it prints", () => {
  expect(withBroker.filter(({ page }) => page === "README.md").length).toBeGreaterThan(5);
  expect(withBroker.filter(({ page }) => page !== "README.md").length).toBeGreaterThan(4);
  expect(alone.length).toBeGreaterThan(2);
  expect(programs.filter(({ prints }) => prints.length === 0)).toEqual([]);
});

test("what is not run says why", () => {
  const notRun = recipes.filter((recipe) => recipe.language === "js" && !programs.includes(recipe));
  expect(notRun.every(({ notRun: why }) => why !== undefined && why.length > 5)).toBe(true);
  expect(notRun.length).toBeLessThan(programs.length / 4);
});

test("README.md names the commands that really are the main job and the test", async () => {
  const commands = recipes
    .filter(({ page, language }) => page === "README.md" && language === "sh")
    .map(({ code }) => code.trim());
  expect(commands).toEqual(["npm install && npm start", "npm it", "npm install stompede"]);
  expect(await readFile(new URL("../../.ci/run", import.meta.url), "utf8")).toMatch(/^npm it\b/m);
});

describe("the examples that need no broker print what they say", () => {
  test.each(alone)("$page: $title", async ({ code, prints }) => {
    expect(await runRecipe(code)).toEqual(prints);
  });
});

describe("the examples print what they say with the in-memory broker", () => {
  test.each(withBroker)("$page: $title", async ({ code, prints }) => {
    await using broker = new Broker();
    await using served = await serve(broker);
    expect(await runRecipe(code, { ws: served.ws?.url ?? "", tcp: served.tcp?.url ?? "" })).toEqual(prints);
  });
});

describeRabbitMq("the examples print what they say with RabbitMQ", () => {
  test.each(withBroker)("$page: $title", async ({ code, prints }) => {
    expect(await runRecipe(code, rabbitmq.endpoints)).toEqual(prints);
  });
});
