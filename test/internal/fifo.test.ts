import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Fifo } from "../../src/internal/fifo.js";

describe("Fifo", () => {
  test("gives items back in their order, and then none", () => {
    const fifo = new Fifo<string>();
    for (const item of ["a", "b", "c"]) fifo.push(item);
    expect([fifo.length, fifo.shift(), fifo.shift(), fifo.shift(), fifo.shift(), fifo.length]).toEqual([
      ...[3, "a", "b", "c"],
      ...[undefined, 0],
    ]);
  });

  test("can be cleared, and used again", () => {
    const fifo = new Fifo<number>();
    fifo.push(1);
    fifo.push(2);
    fifo.shift();
    fifo.clear();
    expect([fifo.length, fifo.shift()]).toEqual([0, undefined]);
    fifo.push(3);
    expect([fifo.length, fifo.shift()]).toEqual([1, 3]);
  });

  test("counts an item that is undefined", () => {
    const fifo = new Fifo<undefined>();
    fifo.push(undefined);
    expect(fifo.length).toBe(1);
    fifo.shift();
    expect(fifo.length).toBe(0);
  });

  test("behaves as an array does, also with thousands of items, where it moves them", () => {
    // Positive: push so many; negative: shift so many.
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -2000, max: 2000 }), { maxLength: 20 }), (steps) => {
        const fifo = new Fifo<number>();
        const model: number[] = [];
        let next = 0;
        for (const step of steps) {
          for (let count = 0; count < step; count += 1) {
            fifo.push(next);
            model.push(next++);
          }
          for (let count = 0; count > step; count -= 1) {
            if (fifo.shift() !== model.shift()) return false;
          }
          if (fifo.length !== model.length) return false;
        }
        return true;
      }),
    );
  });
});
