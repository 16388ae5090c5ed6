/** How much memory a process holds on to. */
import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Octets that are in use once the garbage is collected: the heap, and what buffers have outside of it. */
export function memoryInUse(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** The middle one of some numbers. */
export function median(numbers: readonly number[]): number {
  return [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? 0;
}

/** The medians of the first, the second and the last third. */
export function thirds(numbers: readonly number[]): [first: number, second: number, last: number] {
  const size = Math.floor(numbers.length / 3);
  return [median(numbers.slice(0, size)), median(numbers.slice(size, 2 * size)), median(numbers.slice(2 * size))];
}
