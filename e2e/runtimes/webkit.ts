/** WebKit (WebKitGTK), driven as W3C WebDriver has it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { installPackages } from "../brokers/packages.js";
import { freePorts, isOpen } from "../brokers/ports.js";
import type { OpenBrowser } from "./browsers.js";
import { findExecutable } from "./executables.js";

const NEEDED = { WebKitWebDriver: "webkit2gtk-driver", Xvfb: "xvfb" } as const;
const START_TIME = 30_000;

/** Make sure that it is there. Resolves with what is wrong where it cannot be had. */
export async function ensureWebKit(): Promise<string | undefined> {
  const missing: string[] = [];
  for (const [program, name] of Object.entries(NEEDED)) {
    if ((await findExecutable([program])) === undefined) missing.push(name);
  }
  return missing.length === 0 ? undefined : installPackages(...missing);
}

/** Open a browser: a driver of its own, which has one session. */
export async function openWebKit(): Promise<OpenBrowser> {
  const [port = 0] = await freePorts(1);
  const keeper = spawn(fileURLToPath(new URL("keep-webkit.sh", import.meta.url)), [String(port)], {
    stdio: ["pipe", "ignore", "inherit"],
    detached: true, // Ctrl-C is for the tests; the keeper sees that they have ended
  });
  const driver = new Driver(keeper, `http://127.0.0.1:${port}`);
  try {
    await driver.start(port);
    return driver;
  } catch (error) {
    await driver[Symbol.asyncDispose]();
    throw error;
  }
}

class Driver implements OpenBrowser {
  version = "";
  readonly #keeper: ChildProcess;
  readonly #base: string;
  #session = "";

  constructor(keeper: ChildProcess, base: string) {
    this.#keeper = keeper;
    this.#base = base;
  }

  async start(port: number): Promise<void> {
    for (const end = Date.now() + START_TIME; !(await isOpen(port)); await pause(50)) {
      if (this.#keeper.exitCode !== null) throw new Error("WebKit's driver ended at once");
      if (Date.now() > end) throw new Error(`WebKit's driver did not start within ${START_TIME} ms`);
    }
    const alwaysMatch = { "webkitgtk:browserOptions": { args: ["--automation"] } };
    const answer = await this.#command("POST", "/session", { capabilities: { alwaysMatch } });
    const { sessionId, capabilities } = answer as { sessionId: string; capabilities: { browserVersion: string } };
    this.#session = `/session/${sessionId}`;
    this.version = capabilities.browserVersion;
  }

  async goTo(url: string): Promise<void> {
    await this.#command("POST", `${this.#session}/url`, { url });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#session !== "") await this.#command("DELETE", this.#session).catch(() => undefined);
    if (this.#keeper.exitCode !== null) return;
    const exited = once(this.#keeper, "exit");
    this.#keeper.stdin?.end();
    await exited;
  }

  async #command(method: string, where: string, body?: object): Promise<unknown> {
    const response = await fetch(this.#base + where, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(START_TIME),
    });
    const { value } = (await response.json()) as { value: { error?: string; message?: string } | null };
    if (value?.error !== undefined) throw new Error(`${value.error}: ${value.message ?? ""}`);
    return value;
  }
}
