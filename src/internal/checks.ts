/** Checks of what a caller gave. */

/**
 * Check a number that must not be too small.
 *
 * @throws RangeError otherwise.
 */
export function checkAtLeast(name: string, least: number, value: number): number {
  if (value >= least) return value;
  throw new RangeError(`${name} must be at least ${least}, not ${String(value)}`);
}

/**
 * Check a function that may be left out.
 *
 * @throws TypeError for anything else.
 */
export function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function") throw new TypeError(`${name} must be a function`);
}
