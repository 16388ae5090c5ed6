import { expect, test } from "vitest";
import { randomOf } from "./random.js";

const take = (seed: number, count = 1000): number[] => {
  const random = randomOf(seed);
  return Array.from({ length: count }, () => random.next());
};

test("the same seed gives the same numbers, another seed gives others", () => {
  expect(take(1)).toEqual(take(1));
  const others = new Set(take(2));
  expect(take(1).filter((number) => others.has(number))).toEqual([]);
});

test.each([0, 1, 2, -1, 2 ** 31])(
  "numbers of the seed %i lie evenly from 0 to below 1, and follow no pattern",
  (seed) => {
    const numbers = take(seed, 20_000);
    const tenths = Array.from({ length: 10 }, (_, tenth) => numbers.filter((n) => Math.floor(n * 10) === tenth).length);
    for (const share of tenths) expect(Math.abs(share - 2000)).toBeLessThan(250);
    const mean = numbers.reduce((sum, n) => sum + n, 0) / numbers.length;
    const successive = numbers.slice(1).reduce((sum, n, index) => sum + (n - mean) * ((numbers[index] ?? 0) - mean), 0);
    expect(Math.abs(successive / numbers.length)).toBeLessThan(0.004);
  },
);

test("whole numbers have both ends among them", () => {
  const random = randomOf(3);
  const numbers = new Set(Array.from({ length: 200 }, () => random.integer(4, 7)));
  expect([...numbers].sort()).toEqual([4, 5, 6, 7]);
});

test("a fork depends on the seed and its name alone, and changes nothing", () => {
  const [one, other] = [randomOf(5), randomOf(5)];
  one.next();
  expect(one.fork("a").next()).toBe(other.fork("a").next());
  expect(one.fork("a").next()).not.toBe(one.fork("b").next());
  expect(one.fork(1).next()).not.toBe(randomOf(6).fork(1).next());
  other.next();
  expect(one.next()).toBe(other.next());
});
