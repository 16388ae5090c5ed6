import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type SpringServer, startSpring } from "../brokers/spring.js";
import { readRecipes } from "../recipes/recipes.js";
import { PAGE, transportRecipe, withinFolder } from "./sock-js.js";
import { describeSpring } from "./with-spring.js";

const recipes = await readRecipes(PAGE);
const module = await transportRecipe();
const programs = recipes.filter(({ prints }) => prints.length > 0);

test("the page is one module, and programs that say what they print", () => {
  expect(programs.map(({ title }) => title)).toEqual(["Over WebSocket", "Over SockJS"]);
  expect(recipes).toHaveLength(programs.length + 1);
});

describeSpring("the examples for Spring print what they say", () => {
  let server: SpringServer;
  beforeAll(async () => {
    server = await startSpring({ ordered: true });
  });
  afterAll(() => server.stop());

  test.each(programs)("$title", async ({ code, prints }) => {
    const placed = code
      .replaceAll("ws://localhost:8080/stomp", server.address.endpoints.ws)
      .replaceAll("http://localhost:8080/sockjs", server.address.endpoints.sockjs)
      .replaceAll("./sockjs-transport.js", "./sockjs-transport.mjs");
    const output = await withinFolder(async (folder) => {
      await writeFile(path.join(folder, "sockjs-transport.mjs"), module.code);
      const file = path.join(folder, "program.mjs");
      await writeFile(file, placed);
      const { stdout } = await promisify(execFile)(process.execPath, [file], { timeout: 30_000 });
      return stdout;
    });
    expect(output.trim().split("\n")).toEqual(prints);
  });
});
