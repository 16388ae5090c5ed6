import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BackoffOptions, exponentialBackoff } from "../../../src/client/options/reconnect-policy.js";
import { ConnectError } from "../../../src/errors.js";

const error = new ConnectError("dial", "nobody there");

function delays(options: BackoffOptions, attempts: number): (number | false)[] {
  const policy = exponentialBackoff(options);
  return Array.from({ length: attempts }, (_, index) => policy(index + 1, error));
}

describe("an exponential back-off", () => {
  test.each<[string, BackoffOptions, (number | false)[]]>([
    ["doubles from 500 ms up to 30 s", { jitter: 0 }, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]],
    ["grows by its factor", { jitter: 0, initial: 10, factor: 3, max: 100 }, [10, 30, 90, 100]],
    ["stays the same with the factor 1", { jitter: 0, initial: 250, factor: 1 }, [250, 250, 250]],
    [
      "never waits with an initial delay of 0, not after thousands of attempts either",
      { initial: 0 },
      Array.from({ length: 2000 }, () => 0),
    ],
    ["is never longer than its maximum, even at first", { jitter: 0, initial: 900, max: 100 }, [100, 100]],
    ["gives up after so many attempts", { jitter: 0, attempts: 2 }, [500, 1000, false, false]],
    ["gives up at once when there are to be no attempts", { attempts: 0 }, [false]],
    ["leaves the whole delay to chance: the longest", { random: () => 0 }, [500, 1000, 2000]],
    ["leaves the whole delay to chance: a half of it", { random: () => 0.5 }, [250, 500, 1000]],
    ["leaves a part of the delay to chance", { jitter: 0.2, random: () => 0.5 }, [450, 900, 1800]],
    ["gives whole numbers of ms", { initial: 333, random: () => 0.123 }, [292, 584]],
  ])("%s", (_title, options, expected) => {
    expect(delays(options, expected.length)).toEqual(expected);
  });

  test("gives a number of ms for any attempt, however many there were", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        fc.double({ min: 0, max: 1e6, noNaN: true }),
        fc.double({ min: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (attempt, initial, factor, jitter) => {
          const delay = exponentialBackoff({ initial, factor, jitter, max: 60_000 })(attempt, error);
          expect(delay).toBeGreaterThanOrEqual(0);
          expect(delay).toBeLessThanOrEqual(60_000);
        },
      ),
    );
  });

  test("by itself it spreads clients over the delay", () => {
    const drawn = delays({ initial: 1000, factor: 1, max: 1000 }, 200);
    expect(new Set(drawn).size).toBeGreaterThan(50);
    for (const delay of drawn) expect(delay).toBeLessThanOrEqual(1000);
  });

  test.each<[BackoffOptions, string]>([
    [{ initial: -1 }, "initial must be at least 0, not -1"],
    [{ max: Number.NaN }, "max must be at least 0, not NaN"],
    [{ factor: 0.5 }, "factor must be at least 1, not 0.5"],
    [{ factor: Number.NaN }, "factor must be at least 1, not NaN"],
    [{ jitter: 1.5 }, "jitter must be from 0 to 1, not 1.5"],
    [{ jitter: -0.1 }, "jitter must be from 0 to 1, not -0.1"],
    [{ attempts: -1 }, "attempts must be at least 0, not -1"],
  ])("%o is refused", (options, message) => {
    expect(() => exponentialBackoff(options)).toThrow(new RangeError(message));
  });
});
