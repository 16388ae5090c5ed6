/** The examples of README.md and of docs, as programs. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** The longest that an example may take, in ms. */
const TIMEOUT = 30_000;

/** One block of code. */
export interface Recipe {
  /** The heading above it. */
  readonly title: string;
  readonly language: string;
  readonly code: string;
  /** What its comments say that it prints. */
  readonly prints: readonly string[];
}

/** All blocks of code in README.md, or in another file of the project. */
export async function readRecipes(file = "README.md"): Promise<readonly Recipe[]> {
  const text = await readFile(path.join(root, file), "utf8");
  const recipes: Recipe[] = [];
  let title = "";
  for (const [, heading, language = "", code = ""] of text.matchAll(/^#+ (.*)$|^```(\w+)\n([^]*?)^```$/gm)) {
    if (heading !== undefined) title = heading;
    else
      recipes.push({
        title,
        language,
        code,
        prints: [...code.matchAll(/\/\/ prints: (.*)$/gm)].map(([, line]) => line ?? ""),
      });
  }
  return recipes;
}

/** Where the brokers that the examples name really are. */
export interface Places {
  readonly ws: string;
  readonly tcp: string;
}

/** Run an example as a module of its own against a broker. Resolves with the lines that it printed. */
export async function runRecipe(code: string, places?: Places): Promise<readonly string[]> {
  const results = path.join(root, "test-results"); // in the project: there "stompede" is the built package itself
  await mkdir(results, { recursive: true });
  const folder = await mkdtemp(path.join(results, "recipe-"));
  try {
    const file = path.join(folder, "recipe.mjs");
    await writeFile(file, places === undefined ? code : placed(code, places));
    const output = await run(file);
    return output
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function placed(code: string, { ws, tcp }: Places): string {
  return code.replaceAll("ws://localhost:15674/ws", ws).replaceAll("stomp://localhost:61613", tcp);
}

function run(file: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [file], { timeout: TIMEOUT }, (error, output, errors) => {
      if (error === null) resolve(output);
      else
        reject(
          new Error(
            `the example failed (${error.killed === true ? "time-out" : String(error.code)}):\n${output}${errors}`,
          ),
        );
    });
  });
}
