import { expect, test } from "vitest";
import { randomOf } from "./random.js";
import { scheduleOf, weatherOf } from "./schedule.js";

const LENGTH = 100_000;
const SEEDS = Array.from({ length: 20 }, (_, seed) => seed);

test("the same seed plans the same run, another one another", () => {
  expect(scheduleOf(randomOf(1), LENGTH)).toEqual(scheduleOf(randomOf(1), LENGTH));
  expect(scheduleOf(randomOf(2), LENGTH)).not.toEqual(scheduleOf(randomOf(1), LENGTH));
  expect(weatherOf(randomOf(1), 7)).toEqual(weatherOf(randomOf(1), 7));
});

test.each(SEEDS)("the run of seed %i has every trouble in it, in time, and kills the broker more than once", (seed) => {
  const { incidents, blows } = scheduleOf(randomOf(seed), LENGTH);
  const types = new Set(incidents.map(({ trouble }) => trouble.type));
  expect([...types].sort()).toEqual(["cut", "refuse", "stall", "storm", "throttle", "vanish"]);
  for (const list of [incidents, blows]) {
    const times = list.map(({ at }) => at);
    expect(times).toEqual([...times].sort((one, other) => one - other));
    expect(times.at(-1)).toBeLessThan(LENGTH);
  }
  expect(blows.filter(({ type }) => type === "kill").length).toBeGreaterThanOrEqual(2);
  expect(blows.some(({ type }) => type === "hang")).toBe(true);
});

test("of many connections some are split, some are slow, some are cut, and most are not cut", () => {
  const all = Array.from({ length: 400 }, (_, number) => weatherOf(randomOf(1), number));
  const share = (has: (weather: (typeof all)[number]) => boolean): number => all.filter(has).length / all.length;
  expect(Math.abs(share(({ pieces }) => pieces !== undefined) - 0.5)).toBeLessThan(0.1);
  expect(Math.abs(share(({ delay }) => delay > 0) - 0.3)).toBeLessThan(0.1);
  expect(Math.abs(share(({ cut }) => cut.toBroker < Infinity) - 0.1)).toBeLessThan(0.06);
});
