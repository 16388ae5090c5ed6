/** The SockJS transport of docs/spring.md, as a module: what is tested is what is shown. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Dial } from "../../src/transport.js";
import { type Recipe, readRecipes } from "../recipes/recipes.js";

export const PAGE = "docs/spring.md";
const results = fileURLToPath(new URL("../../test-results/", import.meta.url)); // in the project: packages are found from there

/** What the page's module exports. */
export type SockJsDial = (
  url: string,
  options?: { readonly transports?: readonly string[]; readonly timeout?: number },
) => Dial;

/** For the option `timeout`, in ms: SockJS gives a transport half a second after a quick answer, and a busy machine needs more. */
export const PATIENT = 15_000;

/** The block of code that is the module. */
export async function transportRecipe(): Promise<Recipe> {
  const recipe = (await readRecipes(PAGE)).find(({ code }) => code.includes("export function sockJs"));
  if (recipe === undefined) throw new Error(`${PAGE} has no function sockJs`);
  return recipe;
}

/** Run `use` with a folder in which programs find this project's packages; it is removed afterwards. */
export async function withinFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(results, { recursive: true });
  const folder = await mkdtemp(path.join(results, "spring-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Import the module. */
export async function loadSockJs(): Promise<SockJsDial> {
  // SockJS asks by Node's own agent, and does not ask again: an idle connection that the server closes just then would fail a test.
  http.globalAgent = new http.Agent({ keepAlive: false });
  const { code } = await transportRecipe();
  return withinFolder(async (folder) => {
    const file = path.join(folder, "sockjs-transport.mjs");
    await writeFile(file, code);
    const { sockJs } = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as { sockJs: SockJsDial };
    return sockJs;
  });
}
