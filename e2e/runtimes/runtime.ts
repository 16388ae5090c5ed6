/** What the tests know of a runtime or an engine, whichever it is. */
import type { Carrier, Stand } from "./stand.js";

/** A way in which a program gets the package there. */
export interface Way {
  readonly name: string;
  /**
   * Let the scenario be gone through. Resolves when that has ended by itself, which a page does not: then once `stand.report` is
   * settled. Rejects with what the runtime says when it fails.
   */
  run(stand: Stand, project: Project): Promise<void>;
}

/** A project that has installed the package, and has the files of `inside`. */
export interface Project {
  readonly folder: string;
}

/** A runtime, or an engine. */
export interface Runtime {
  readonly name: string;
  /** What it carries STOMP over. */
  readonly carriers: readonly Carrier[];
  readonly ways: readonly Way[];
  /** Why it cannot be had, where it cannot. */
  readonly problem: string | undefined;
  /** The version that it reports; known once it has been run. */
  version(): Promise<string>;
}
