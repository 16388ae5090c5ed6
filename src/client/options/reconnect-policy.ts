/** When to try to connect again. */
import { checkAtLeast } from "../../internal/checks.js";
import type { StompError } from "../../errors.js";

/**
 * Decides what follows a failed attempt to connect, or a lost connection: how long to wait before the next attempt, in ms,
 * or `false` to give up. `attempt` is the number of the attempt to come, from 1; it begins anew once a session has lasted
 * for 5 s. `error` is what went wrong last.
 */
export type ReconnectPolicy = (attempt: number, error: StompError) => number | false;

/** Options of {@link exponentialBackoff}. */
export interface BackoffOptions {
  /** The delay before the first attempt, in ms. @default 500 */
  readonly initial?: number;
  /** The longest delay, in ms. @default 30000 */
  readonly max?: number;
  /** How many times longer each delay is than the one before. @default 2 */
  readonly factor?: number;
  /**
   * Which part of a delay is left to chance, from 0 to 1. With 1 it is anywhere between nothing and the whole delay, so that
   * the clients of a broker that comes back do not all come at once.
   * @default 1
   */
  readonly jitter?: number;
  /** Give up after so many attempts. @default Infinity */
  readonly attempts?: number;
  /** Chance: a number from 0 to below 1. @default Math.random */
  readonly random?: () => number;
}

/**
 * Wait longer after each failure, up to a limit, and by chance a little less: a policy of reconnecting.
 *
 * @throws RangeError for options out of range.
 */
export function exponentialBackoff(options: BackoffOptions = {}): ReconnectPolicy {
  const { initial = 500, max = 30_000, factor = 2, jitter = 1, attempts = Infinity, random = Math.random } = options;
  for (const [name, value] of Object.entries({ initial, max, attempts })) checkAtLeast(name, 0, value);
  checkAtLeast("factor", 1, factor);
  if (!(jitter >= 0 && jitter <= 1)) throw new RangeError(`jitter must be from 0 to 1, not ${String(jitter)}`);
  return (attempt) => {
    if (attempt > attempts) return false;
    // Of many attempts the power is infinite, and 0 times that is no number.
    const delay = Math.min(max, initial * Math.min(factor ** (attempt - 1), Number.MAX_VALUE));
    return Math.round(delay * (1 - jitter * random()));
  };
}
