/**
 * Check a duration in ms that a caller gave.
 *
 * @throws RangeError unless it is a positive number; `Infinity` is one.
 */
export function checkDuration(name: string, value: number): number {
  if (typeof value !== "number" || !(value > 0)) {
    throw new RangeError(`${name} must be a positive number of ms, not ${String(value)}`);
  }
  return value;
}
