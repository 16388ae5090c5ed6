import { describe, expect, test } from "vitest";
import { LinkedList } from "../../src/internal/linked-list.js";

describe("a linked list", () => {
  test("keeps items in order, and gives the first", () => {
    const list = new LinkedList<number>();
    expect([list.size, list.first, list.last, list.shift()]).toEqual([0, undefined, undefined, undefined]);
    for (const item of [1, 2, 3]) list.push(item);
    expect([...list]).toEqual([1, 2, 3]);
    expect([list.first?.value, list.last?.value, list.shift(), list.size]).toEqual([1, 3, 1, 2]);
  });

  test("takes items out of any place", () => {
    for (const index of [0, 1, 2]) {
      const list = new LinkedList<number>();
      const nodes = [0, 1, 2].map((item) => list.push(item));
      list.remove(nodes[index]!);
      const rest = [0, 1, 2].filter((item) => item !== index);
      expect([...list]).toEqual(rest);
      expect([list.first?.value, list.last?.value, list.size]).toEqual([rest[0], rest[1], 2]);
    }
  });

  test("puts items before others", () => {
    const list = new LinkedList<string>();
    const c = list.push("c");
    const a = list.insertBefore(c, "a");
    list.insertBefore(c, "b");
    list.insertBefore(undefined, "d");
    expect([...list]).toEqual(["a", "b", "c", "d"]);
    expect(list.first).toBe(a);
  });

  test("is empty again when all are out, and can be filled again", () => {
    const list = new LinkedList<number>();
    list.remove(list.push(1));
    expect([...list]).toEqual([]);
    list.push(2);
    expect([...list]).toEqual([2]);
  });
});
