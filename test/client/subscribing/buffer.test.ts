import { describe, expect, test } from "vitest";
import { MessageBuffer } from "../../../src/client/subscribing/buffer.js";

interface Item {
  readonly frame: { readonly bodySize: number };
}

function unreadOf(messages: number, bytes = Infinity): { unread: MessageBuffer<Item>; crowded: boolean[] } {
  const crowded: boolean[] = [];
  return { unread: new MessageBuffer<Item>({ messages, bytes }, (isCrowded) => crowded.push(isCrowded)), crowded };
}

const item = (bodySize: number): Item => ({ frame: { bodySize } });

describe("unread messages", () => {
  test("are taken in their order, and counted with their bodies", () => {
    const { unread } = unreadOf(10);
    const items = [item(3), item(0), item(5)];
    for (const one of items) expect(unread.add(one)).toBe(true);
    expect([unread.length, unread.bytes]).toEqual([3, 8]);
    expect([unread.take(), unread.take(), unread.take(), unread.take()]).toEqual([...items, undefined]);
    expect([unread.length, unread.bytes]).toEqual([0, 0]);
  });

  test("are no more than the bound on messages", () => {
    const { unread } = unreadOf(2);
    expect([unread.add(item(1)), unread.add(item(1)), unread.add(item(0))]).toEqual([true, true, false]);
    expect([unread.length, unread.bytes]).toEqual([2, 2]);
    unread.take();
    expect(unread.add(item(1))).toBe(true);
  });

  test("are no more than the bound on bytes, but for one that is alone", () => {
    const { unread } = unreadOf(100, 10);
    expect([unread.add(item(6)), unread.add(item(5)), unread.add(item(4)), unread.add(item(0))]).toEqual([
      true,
      false,
      true,
      true,
    ]);
    unread.clear();
    expect([unread.add(item(11)), unread.add(item(0)), unread.bytes]).toEqual([true, false, 11]);
  });

  test("are crowded from a tenth of a bound on, and not any more at half of that", () => {
    const { unread, crowded } = unreadOf(100);
    for (let i = 0; i < 9; i++) unread.add(item(1));
    expect(crowded).toEqual([]);
    unread.add(item(1));
    unread.add(item(1));
    expect(crowded).toEqual([true]);
    for (let left = 11; left > 6; left--) unread.take();
    expect(crowded).toEqual([true]);
    unread.take();
    expect(crowded).toEqual([true, false]);
    unread.take();
    expect(crowded).toEqual([true, false]);
  });

  test("are crowded by bytes as by messages, and not any more when both are few", () => {
    const { unread, crowded } = unreadOf(100, 1000);
    unread.add(item(99));
    expect(crowded).toEqual([]);
    unread.add(item(1));
    expect(crowded).toEqual([true]);
    unread.take();
    expect(crowded).toEqual([true, false]);
    for (let i = 0; i < 10; i++) unread.add(item(0));
    expect(crowded).toEqual([true, false, true]);
  });

  test("of a buffer for one are crowded by one, and free without", () => {
    const { unread, crowded } = unreadOf(1);
    unread.add(item(1));
    unread.take();
    expect(crowded).toEqual([true, false]);
  });

  test("that are dropped, or do not matter any more, crowd nothing", () => {
    const { unread, crowded } = unreadOf(1);
    unread.add(item(1));
    unread.clear();
    unread.clear();
    expect([crowded, unread.length, unread.bytes]).toEqual([[true, false], 0, 0]);
    unread.add(item(1));
    unread.release();
    expect([crowded, unread.length]).toEqual([[true, false, true, false], 1]);
  });
});
