/** A broker in a process of its own, under a keeper: a script that ends it when its standard input closes. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import type { BrokerAddress, RunningBroker } from "./broker.js";

/** How long a start may take, in ms. */
const START_TIME = 90_000;
/** How often it is looked, in ms. */
const INTERVAL = 100;

export abstract class KeptBroker<A extends BrokerAddress> implements RunningBroker {
  readonly address: A;
  readonly #keeper: ChildProcess;

  constructor(address: A, keeper: ChildProcess) {
    this.address = address;
    this.#keeper = keeper;
  }

  /** Whether it takes logins. Rejects when it never will. */
  protected abstract isReady(): Promise<boolean>;

  /** Wait until it takes logins. */
  async ready(): Promise<void> {
    for (const end = Date.now() + START_TIME; ;) {
      if (this.#keeper.exitCode !== null) throw new Error("it ended at once");
      if (await this.isReady()) return;
      if (Date.now() > end) throw new Error(`no login within ${String(START_TIME)} ms`);
      await pause(INTERVAL);
    }
  }

  async signal(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): Promise<void> {
    process.kill(Number(await readFile(path.join(this.address.base, "pid"), "utf8")), signal);
  }

  async restart(): Promise<void> {
    this.#keeper.stdin?.write("start\n");
    await this.ready();
  }

  async stop(): Promise<void> {
    if (this.#keeper.exitCode !== null) return;
    const exited = once(this.#keeper, "exit");
    this.#keeper.stdin?.end();
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
