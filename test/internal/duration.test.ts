import { describe, expect, test } from "vitest";
import { checkDuration, checkTimeout } from "../../src/internal/duration.js";

describe("checkDuration", () => {
  test.each([0, 0.5, 2000, 2_147_483_647])("lets %d ms through", (ms) => {
    expect(checkDuration("closeTimeout", ms)).toBe(ms);
  });

  test.each([
    [-1, "-1"],
    [2_147_483_648, "2147483648"],
    [Infinity, "Infinity"],
    [NaN, "NaN"],
  ])("refuses %d, which timers cannot wait", (ms, shown) => {
    expect(() => checkDuration("closeTimeout", ms)).toThrow(
      new RangeError(`closeTimeout must be from 0 to 2147483647 ms, not ${shown}`),
    );
  });

  test.each([
    ["2000", "string"],
    [null, "object"],
    [undefined, "undefined"],
    [true, "boolean"],
  ])("refuses %j, which is no number", (ms, type) => {
    expect(() => checkDuration("latency", ms as unknown as number)).toThrow(
      new TypeError(`latency must be a number of ms, not ${type}`),
    );
  });
});

describe("checkTimeout", () => {
  test.each([1, 0.5, 10_000_000_000, Infinity])("lets %d ms through", (ms) => {
    expect(checkTimeout("receiptTimeout", ms)).toBe(ms);
  });

  test.each([
    [0, "0"],
    [-1, "-1"],
    [NaN, "NaN"],
    ["5", "5"],
    [null, "null"],
    [undefined, "undefined"],
  ])("refuses %j", (ms, shown) => {
    expect(() => checkTimeout("receiptTimeout", ms as unknown as number)).toThrow(
      new RangeError(`receiptTimeout must be a positive number of ms, not ${shown}`),
    );
  });
});
