/** A program as a process of its own, which tests can kill. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";

export class Program implements AsyncDisposable {
  /** What it has printed, line by line. */
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown[]>;
  #rest = "";
  #errors = "";
  #printed: () => void = () => undefined;

  constructor(script: URL, ...args: string[]) {
    const child = spawn(process.execPath, [script.pathname, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const lines = (this.#rest + text).split("\n");
      this.#rest = lines.pop() ?? "";
      this.lines.push(...lines);
      this.#printed();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#errors += text));
    this.#exited = once(child, "close");
    this.#child = child;
  }

  /** Wait until `isEnough` says so of what it has printed. */
  async until(isEnough: (lines: readonly string[]) => boolean): Promise<void> {
    await Promise.race([
      new Promise<void>((resolve) => {
        this.#printed = () => {
          if (isEnough(this.lines)) resolve();
        };
        this.#printed();
      }),
      this.end().then(() => {
        throw new Error(`it ended before:\n${this.#errors}`);
      }),
    ]);
  }

  /** Wait for its end. Rejects when it has failed. */
  async end(): Promise<void> {
    await this.#exited;
    if (this.#child.exitCode !== 0 && this.#child.signalCode === null) throw new Error(this.#errors);
  }

  /** End it as a crash does. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
