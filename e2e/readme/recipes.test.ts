import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { Broker } from "../../src/broker/index.js";
import { serve } from "../../src/broker/node.js";
import { describeRabbitMq, rabbitmq } from "../rabbitmq/with-rabbitmq.js";
import { readRecipes, runRecipe } from "./recipes.js";

const all = await readRecipes();
const programs = all.filter(({ language }) => language === "js");
const withBroker = programs.filter(({ code }) => /localhost:(15674|61613)/.test(code));
const alone = programs.filter((recipe) => !withBroker.includes(recipe));

it("README.md has examples, and each says what it prints", () => {
  expect(withBroker.length).toBeGreaterThan(3);
  expect(alone.length).toBeGreaterThan(2);
  expect(programs.filter(({ prints }) => prints.length === 0)).toEqual([]);
});

it("README.md names the commands that really are the main job and the test", async () => {
  const commands = all.filter(({ language }) => language === "sh").map(({ code }) => code.trim());
  expect(commands).toEqual(["npm install && npm start", "npm it", "npm install stompede"]);
  expect(await readFile(new URL("../../.ci/run", import.meta.url), "utf8")).toMatch(/^npm it\b/m);
});

describe("the examples of README.md that need no broker print what they say", () => {
  it.each(alone)("$title", async ({ code, prints }) => {
    expect(await runRecipe(code)).toEqual(prints);
  });
});

describe("the examples of README.md print what they say with the in-memory broker", () => {
  it.each(withBroker)("$title", async ({ code, prints }) => {
    await using broker = new Broker();
    await using served = await serve(broker);
    expect(await runRecipe(code, { ws: served.ws?.url ?? "", tcp: served.tcp?.url ?? "" })).toEqual(prints);
  });
});

describeRabbitMq("the examples of README.md print what they say with RabbitMQ", () => {
  it.each(withBroker)("$title", async ({ code, prints }) => {
    expect(await runRecipe(code, rabbitmq)).toEqual(prints);
  });
});
