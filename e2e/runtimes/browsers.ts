/** Browsers: Chromium and Firefox by way of Playwright, WebKit by its own driver. */
import { fileURLToPath } from "node:url";
import { type Browser, chromium, firefox } from "playwright";
import { CHROMIUM_ARGS, ensureChromium } from "../../scripts/browser.mjs";
import { installPackages } from "../brokers/packages.js";
import { findExecutable } from "./executables.js";
import type { Runtime, Way } from "./runtime.js";
import type { Stand } from "./stand.js";
import { ensureWebKit, openWebKit } from "./webkit.js";

/** An open browser. */
export interface OpenBrowser extends AsyncDisposable {
  readonly version: string;
  /** Open a page. Resolves when it is loaded. */
  goTo(url: string): Promise<void>;
}

function browserOf(name: string, problem: string | undefined, open: () => Promise<OpenBrowser>): Runtime {
  let version = "unknown";
  const way = (title: string, page: string): Way => ({
    name: title,
    run: async (stand: Stand) => {
      await using browser = await open();
      ({ version } = browser);
      await browser.goTo(stand.page(page));
      await stand.report;
    },
  });
  return {
    name,
    carriers: ["ws"],
    ways: [
      way("page, ES module", "module"),
      way("page, script", "script"),
      way("worker, ES module", "module-worker"),
      way("worker, script", "script-worker"),
    ],
    problem,
    version: () => Promise.resolve(version),
  };
}

async function byPlaywright(launched: Promise<Browser>): Promise<OpenBrowser> {
  const browser = await launched;
  return {
    version: browser.version(),
    goTo: async (url) => {
      const page = await browser.newPage();
      await page.goto(url);
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}

function chromiumRuntime(): Runtime {
  const executablePath = ensureChromium();
  const problem = executablePath === undefined ? "there is none, and it could not be installed" : undefined;
  const options = { executablePath: executablePath ?? "", args: CHROMIUM_ARGS };
  return browserOf("Chromium", problem, () => byPlaywright(chromium.launch(options)));
}

async function firefoxRuntime(): Promise<Runtime> {
  const names = ["firefox-esr", "firefox"];
  let problem: string | undefined;
  if ((await findExecutable(names)) === undefined) problem = await installPackages("firefox-esr");
  const executable = await findExecutable(names);
  if (executable === undefined) problem ??= "it was installed, but is not in PATH";
  const options = {
    channel: "moz-firefox", // a Firefox that is not Playwright's own build
    executablePath: fileURLToPath(new URL("keep-firefox.sh", import.meta.url)),
    env: { ...process.env, FIREFOX: executable ?? "" },
  };
  return browserOf("Firefox", problem, () => byPlaywright(firefox.launch(options)));
}

/** Every browser. What is installed is installed one by one: package managers hold locks. */
export async function browsers(): Promise<Runtime[]> {
  return [chromiumRuntime(), await firefoxRuntime(), browserOf("WebKit", await ensureWebKit(), openWebKit)];
}
