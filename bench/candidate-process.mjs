/**
 * A candidate of a row, in a process of its own: neither what the engine has learnt of another one nor another one's garbage is its
 * burden. They take turns all the same.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("candidate.mjs", import.meta.url));

/**
 * @typedef {object} Prepared
 * @property {string} title of the row
 * @property {number} per how many units one run of the work has
 * @property {string | undefined} mark what stands where there is no figure: "–", "wrong", "fails"
 * @property {(times: number) => Promise<number>} run does the work so many times; resolves to the nanoseconds that it took
 */

/**
 * @typedef {object} Group
 * @property {readonly string[]} keys its rows
 * @property {(key: string) => readonly string[]} peersOf the candidates of a row, without the builds of the library
 * @property {(key: string, name: string, core: any) => Promise<Prepared>} prepare
 */

/** The candidate as the process has it that compares them. */
export class CandidateProcess {
  /** @type {string} */
  name;
  #child;

  constructor(
    /** @type {string} */ group,
    /** @type {string} */ key,
    /** @type {string} */ name,
    /** @type {string} */ core,
  ) {
    this.name = name;
    this.#child = fork(SCRIPT, [group, key, name, core]);
  }

  /** Resolves when it is checked. @returns {Promise<{ title: string, per: number, mark: string | undefined }>} */
  async ready() {
    return /** @type {any} */ (await this.#answer());
  }

  /** @returns {Promise<number>} */
  async time(/** @type {number} */ times) {
    this.#child.send(times);
    return /** @type {any} */ (await this.#answer());
  }

  end() {
    if (this.#child.connected) this.#child.disconnect();
  }

  async #answer() {
    const left = new AbortController();
    const { signal } = left;
    const ended = once(this.#child, "exit", { signal }).then(([code]) => {
      throw new Error(`the process of ${this.name} ended with ${code}`);
    });
    try {
      return (await Promise.race([once(this.#child, "message", { signal }), ended]))[0];
    } finally {
      ended.catch(() => undefined);
      left.abort();
    }
  }
}
