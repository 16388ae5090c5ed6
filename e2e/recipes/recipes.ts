/** The examples of README.md and of docs/, as programs. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** The longest that an example may take, in ms. */
const TIMEOUT = 30_000;

/** One block of code. */
export interface Recipe {
  /** The file that it is in. */
  readonly page: string;
  /** The heading above it. */
  readonly title: string;
  readonly language: string;
  readonly code: string;
  /** What its comments say that it prints. */
  readonly prints: readonly string[];
  /** Why it cannot be run; `undefined`: it can. */
  readonly notRun: string | undefined;
}

/** README.md, and the pages in docs/. */
export async function pages(): Promise<readonly string[]> {
  const docs = await readdir(path.join(root, "docs"));
  return ["README.md", ...docs.filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)];
}

/** All blocks of code in a page. One after a comment `<!-- not run: why -->` is not to be run. */
export async function readRecipes(page: string): Promise<readonly Recipe[]> {
  const text = await readFile(path.join(root, page), "utf8");
  const recipes: Recipe[] = [];
  let title = "";
  let reason: string | undefined;
  for (const [, heading, why, language = "", code = ""] of text.matchAll(
    /^#+ (.*)$|^<!-- not run: (.*) -->$|^```(\w+)\n([^]*?)^```$/gm,
  )) {
    if (heading !== undefined) title = heading;
    else if (why !== undefined) reason = why;
    else {
      const prints = [...code.matchAll(/\/\/ prints: (.*)$/gm)].map(([, line]) => line ?? "");
      recipes.push({ page, title, language, code, prints, notRun: reason });
      reason = undefined;
    }
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
