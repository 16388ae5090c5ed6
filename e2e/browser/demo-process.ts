/** The demonstration as a process of its own, as `npm start` runs it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";

export class DemoProcess implements AsyncDisposable {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  /** Start it, and wait until it prints the address of its page. */
  static async start(...args: string[]): Promise<DemoProcess> {
    const script = fileURLToPath(new URL("../../demo/start.mjs", import.meta.url));
    const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const url = await new Promise<string>((resolve, reject) => {
      const read = (chunk: Buffer): void => {
        output += chunk.toString();
        const found = /^page: +(\S+)$/m.exec(output)?.[1];
        if (found !== undefined) resolve(found);
      };
      child.stdout.on("data", read);
      child.stderr.on("data", read);
      child.once("error", reject);
      child.once("exit", (code) => {
        reject(new Error(`the demonstration ended with ${String(code)}:\n${output}`));
      });
    });
    return new DemoProcess(child, url);
  }

  /** Stop it as Ctrl-C does. Resolves with its exit code. */
  async stop(): Promise<number | null> {
    if (this.#child.exitCode !== null) return this.#child.exitCode;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGINT");
    const killer = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
    const [code] = (await exited) as [number | null];
    clearTimeout(killer);
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
