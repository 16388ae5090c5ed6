import { describe, expect, test } from "vitest";
import { FrameDecoder, FrameHeaders, type HeadersInit, hasHeader, headerPairs } from "../../src/protocol/index.js";

function received(lines: string): FrameHeaders {
  const decoder = new FrameDecoder({ version: "1.2" });
  decoder.push(`MESSAGE\n${lines}\n\0`);
  return decoder.next()?.headers ?? FrameHeaders.of({});
}

describe("the headers of a frame", () => {
  const lines = "foo:World\nfoo:Hello\nna\\cme:a\\nb\nempty:\n__proto__:own\nconstructor:c\n";

  // Looked up one by one they are found in the block; once all were asked for, in a map.
  test.each([
    ["before", (headers: FrameHeaders) => headers],
    ["after", (headers: FrameHeaders) => (headers.size > 0 ? headers : headers)],
  ])("are looked up as in a Map, %s all were parsed", (_, prepare) => {
    const headers = prepare(received(lines));
    expect(headers.get("foo")).toBe("World");
    expect(headers.get("na:me")).toBe("a\nb");
    expect(headers.get("empty")).toBe("");
    expect(headers.get("__proto__")).toBe("own");
    expect(headers.get("constructor")).toBe("c");
    for (const name of ["toString", "hasOwnProperty", "oo", "World", "Foo", "foo:World", "", "a\nb", "na\\cme"]) {
      expect(headers.get(name)).toBeUndefined();
      expect(headers.has(name)).toBe(false);
    }
    expect(headers.has("foo") && headers.has("na:me") && headers.has("__proto__")).toBe(true);
  });

  test("are iterated in order, the first of each name; or all of them", () => {
    const headers = received(lines);
    expect([...headers.keys()]).toEqual(["foo", "na:me", "empty", "__proto__", "constructor"]);
    expect([...headers.values()]).toEqual(["World", "a\nb", "", "own", "c"]);
    expect([...headers]).toEqual([...headers.entries()]);
    expect(headers.size).toBe(5);
    const seen: unknown[] = [];
    headers.forEach((value, name, map) => seen.push([name, value, map === headers]));
    expect(seen).toEqual([...headers].map(([name, value]) => [name, value, true]));
    expect(headers.all("foo")).toEqual(["World", "Hello"]);
    expect(headers.all("none")).toEqual([]);
    expect([...headers.pairs()]).toHaveLength(6);
    expect(JSON.stringify(received("a:b\n"))).toBe('[["a","b"]]');
  });

  test("a value is not taken for a name", () => {
    const headers = received("a:x\\nb\\c1\nc:d:e\n");
    expect(headers.get("b")).toBeUndefined();
    expect(headers.get("d")).toBeUndefined();
    expect(headers.get("c")).toBe("d:e");
  });

  test("can be made of pairs, and then show just those", () => {
    const headers = FrameHeaders.of([
      ["a:\\\n\r", "b:\\\n\r"],
      ["n", 1],
      ["no", undefined],
      ["n", 2],
    ]);
    expect([...headers.pairs()]).toEqual([
      ["a:\\\n\r", "b:\\\n\r"],
      ["n", "1"],
      ["n", "2"],
    ]);
    expect(headers.get("a:\\\n\r")).toBe("b:\\\n\r");
    expect(FrameHeaders.of({}).size).toBe(0);
  });
});

describe("headers as a caller gives them", () => {
  const same: [string, HeadersInit][] = [
    ["an object", { a: "1", b: undefined, c: 0 }],
    ["an object without a prototype", Object.assign(Object.create(null) as object, { a: "1", b: undefined, c: 0 })],
    [
      "a Map",
      new Map<string, string | number | undefined>([
        ["a", "1"],
        ["b", undefined],
        ["c", 0],
      ]),
    ],
    [
      "pairs",
      [
        ["a", "1"],
        ["b", undefined],
        ["c", 0],
      ],
    ],
  ];

  test.each(same)("may be %s, and are not changed", (_, headers) => {
    const before = [...headerPairs(headers)];
    expect(before).toEqual([
      ["a", "1"],
      ["b", undefined],
      ["c", 0],
    ]);
    expect([hasHeader(headers, "a"), hasHeader(headers, "b"), hasHeader(headers, "c")]).toEqual([true, false, true]);
    expect(hasHeader(headers, "toString")).toBe(false);
    expect([...headerPairs(headers)]).toEqual(before);
  });

  test("may be headers of a frame that was received", () => {
    expect([...headerPairs(received("a:b\n"))]).toEqual([["a", "b"]]);
  });
});
