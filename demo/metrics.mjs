/** Real figures of this machine, taken anew at each call. */
import { readFile, readdir } from "node:fs/promises";
import os from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import process from "node:process";

/**
 * @typedef {{ idle: number, total: number }} CpuTimes
 * @typedef {{ pid: number, name: string, cpu: number, memory: number }} ProcessFigures cpu in percent of one core, memory in bytes
 */

const CLOCK_TICKS = 100; // USER_HZ, which Linux has fixed at 100 for what /proc shows
const PAGE_SIZE = 4096;
const MOST_PROCESSES = 12;
const RESOLUTION = 10; // ms between two looks at the event loop; Node's figures contain it

/** Takes figures; rates are those since its last call of the same name. */
export class Metrics {
  #cores = coreTimes();
  #delay = monitorEventLoopDelay({ resolution: RESOLUTION });
  /** @type {Map<number, number>} CPU time in ms by process */
  #processTimes = new Map();
  #processesAt = performance.now();

  constructor() {
    this.#delay.enable();
  }

  /** CPU use in percent: of all cores, and of each. */
  cpu() {
    const now = coreTimes();
    const cores = now.map((core, i) => busy(this.#cores[i], core));
    this.#cores = now;
    const all = cores.reduce((sum, core) => sum + core, 0) / Math.max(1, cores.length);
    return { at: Date.now(), all: round(all), cores: cores.map(round) };
  }

  /** Memory in bytes. */
  memory() {
    const total = os.totalmem();
    return { at: Date.now(), total, used: total - os.freemem(), process: process.memoryUsage.rss() };
  }

  /** Load averages over 1, 5 and 15 minutes (0 on Windows). */
  load() {
    const [one = 0, five = 0, fifteen = 0] = os.loadavg();
    return {
      at: Date.now(),
      one: round(one),
      five: round(five),
      fifteen: round(fifteen),
      cores: os.availableParallelism(),
    };
  }

  /** How late the event loop of this process was since the last call, in ms. */
  eventLoop() {
    const { mean, max } = this.#delay;
    const p99 = this.#delay.percentile(99);
    this.#delay.reset();
    return { at: Date.now(), mean: delay(mean), p99: delay(p99), max: delay(max) };
  }

  /** The busiest processes; where the system does not tell (all but Linux), this one. */
  async processes() {
    const now = performance.now();
    const elapsed = Math.max(1, now - this.#processesAt);
    this.#processesAt = now;
    /** @type {Map<number, number>} */
    const times = new Map();
    /** @type {ProcessFigures[]} */
    const figures = [];
    for (const { pid, name, cpuTime, memory } of await processTable()) {
      times.set(pid, cpuTime);
      const before = this.#processTimes.get(pid);
      figures.push({ pid, name, cpu: round(before === undefined ? 0 : ((cpuTime - before) / elapsed) * 100), memory });
    }
    this.#processTimes = times;
    figures.sort((a, b) => b.cpu - a.cpu || b.memory - a.memory);
    return { at: Date.now(), count: figures.length, top: figures.slice(0, MOST_PROCESSES) };
  }

  /** Stop measuring. */
  close() {
    this.#delay.disable();
  }
}

/** @returns {CpuTimes[]} */
function coreTimes() {
  return os.cpus().map(({ times }) => {
    const total = times.user + times.nice + times.sys + times.idle + times.irq;
    return { idle: times.idle, total };
  });
}

/**
 * @param {CpuTimes | undefined} before
 * @param {CpuTimes} now
 */
function busy(before, now) {
  const total = now.total - (before?.total ?? 0);
  return total <= 0 ? 0 : 100 * (1 - (now.idle - (before?.idle ?? 0)) / total);
}

async function processTable() {
  const names = await readdir("/proc").catch(() => []);
  const rows = await Promise.all(names.filter((name) => /^[0-9]+$/.test(name)).map(processRow));
  const found = rows.filter((row) => row !== undefined);
  if (found.length > 0) return found;
  const { user, system } = process.cpuUsage();
  return [{ pid: process.pid, name: "node", cpuTime: (user + system) / 1000, memory: process.memoryUsage.rss() }];
}

/** @param {string} pid */
async function processRow(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => ""); // it may have ended meanwhile
  // proc(5): the name stands in parentheses and may hold any character; the fields after it are counted from 3.
  const nameEnd = stat.lastIndexOf(")");
  if (nameEnd < 0) return undefined;
  const field = stat.slice(nameEnd + 2).split(" ");
  const ticks = Number(field[14 - 3]) + Number(field[15 - 3]);
  return {
    pid: Number(pid),
    name: stat.slice(stat.indexOf("(") + 1, nameEnd),
    cpuTime: (ticks * 1000) / CLOCK_TICKS,
    memory: Number(field[24 - 3]) * PAGE_SIZE,
  };
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 100) / 100;
}

/** @param {number} nanoseconds NaN when nothing was measured yet */
function delay(nanoseconds) {
  return Number.isFinite(nanoseconds) ? Math.max(0, round(nanoseconds / 1e6 - RESOLUTION)) : 0;
}
