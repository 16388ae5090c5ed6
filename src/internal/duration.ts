/** The longest delay that timers take, in ms; a longer one would fire at once. */
export const LONGEST_DELAY = 2_147_483_647;

/**
 * Check a duration that a caller gave, in ms.
 *
 * @throws TypeError if it is no number; RangeError if it is negative, not finite, or longer than timers can wait.
 */
export function checkDuration(name: string, ms: number): number {
  if (typeof ms !== "number") throw new TypeError(`${name} must be a number of ms, not ${typeof ms}`);
  if (!(ms >= 0 && ms <= LONGEST_DELAY))
    throw new RangeError(`${name} must be from 0 to ${LONGEST_DELAY} ms, not ${ms}`);
  return ms;
}

/**
 * Check a time-out that a caller gave, in ms: positive, and perhaps `Infinity`.
 *
 * @throws RangeError otherwise.
 */
export function checkTimeout(name: string, ms: number): number {
  if (typeof ms !== "number" || !(ms > 0)) {
    throw new RangeError(`${name} must be a positive number of ms, not ${String(ms)}`);
  }
  return ms;
}
