import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FrameDecoder } from "../../src/protocol/index.js";

/** Names of headers that the frames below have, always or sometimes, once or twice. */
const NAMES = ["subscription", "a", "c", "id", "content-length", "last", "b", "none", "a\\cb", "a:b", "__proto__"];

/** What a decoder makes of a frame: the parts of it and how many EOLs follow, or what is wrong. */
function read(decoder: FrameDecoder, chunk: string | Uint8Array): unknown {
  try {
    const { eols } = decoder;
    decoder.push(chunk);
    const frame = decoder.next();
    if (frame === undefined) return "not whole";
    const { command, headers } = frame;
    const single = NAMES.map((name) => [headers.get(name), headers.has(name)]); // before anything is parsed
    const parts = [command, single, [...headers.pairs()], frame.text()];
    return decoder.next() === undefined ? [...parts, decoder.eols - eols] : "more than a frame";
  } catch (error) {
    return (error as Error).message;
  }
}

const value = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      "1",
      "2",
      "/queue/a.b",
      "x:y",
      "a\\cb",
      "(+*",
      "é",
      "",
      "T@@1",
      "T@@2",
      "T@@",
      "a-b-1",
      "a-c",
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom("\\t", "a\rb", "a\nb:c", "a\nnone", "z".repeat(3000)) },
);
const count = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom("\ncontent-length:4", "") },
  { weight: 1, arbitrary: fc.constantFrom("\ncontent-length:04", "\ncontent-length:x", "\ncontent-length:4\nlast:1") },
);
const single = fc.oneof(
  {
    weight: 9,
    arbitrary: fc
      .tuple(
        fc.constantFrom("MESSAGE", "MESSAGE", "ERROR"),
        value,
        value,
        fc.constantFrom("a:b", "c:d", "a:b\na:d", "c: d \nid:x", "a\\cb:1"),
        count,
      )
      .map(
        ([command, one, two, fixed, counted]) =>
          `${command}\nsubscription:${one}\n${fixed}\nid:${two}${counted}\n\nbody\0`,
      ),
  },
  { weight: 1, arbitrary: fc.constantFrom("MESSAGE\n\nbody\0", "MESSAGE\n\n\nbody\0", "MESSAGE\n\n\n\0") },
);

/** As it comes: some peers put EOLs after each frame, and there are heart-beats before it. */
const frame = fc
  .tuple(fc.constantFrom("", "", "", "\n"), single, fc.constantFrom("", "\n", "\n", "\n\n", "\r\n", "\n\r\n"))
  .map((parts) => parts.join(""));

describe("whatever heads came before, a head is read as a new decoder reads it", () => {
  const encoder = new TextEncoder();
  test.each(
    (["1.0", "1.1", "1.2"] as const).flatMap(
      (version) =>
        [
          [version, "as text", (text: string) => text],
          [version, "as octets", (text: string) => encoder.encode(text)],
        ] as const,
    ),
  )("STOMP %s, %s", (version, _, chunkOf) => {
    fc.assert(
      fc.property(fc.array(frame, { minLength: 3, maxLength: 40 }), (frames) => {
        const decoder = new FrameDecoder({ version });
        for (const text of frames) {
          const expected = read(new FrameDecoder({ version }), chunkOf(text));
          expect(read(decoder, chunkOf(text))).toEqual(expected);
          if (!Array.isArray(expected)) return; // after a fault there is nothing more
        }
      }),
      { numRuns: 600 },
    );
  });
});

test("limits hold for heads that are known", () => {
  const limits = { headerBytes: 60, headers: 3, bodyBytes: 10 };
  const frameOf = (id: string, length: number): string => {
    return `MESSAGE\nid:${id}\na:b\ncontent-length:${length}\n\n${"x".repeat(length)}\0`;
  };
  for (const [bad, message] of [
    [frameOf("5", 11), "frame body is 11 bytes, limit is 10"],
    [frameOf("5".repeat(40), 1), "frame headers are more than 60 bytes, limit is 60"],
    [frameOf("5\nc:d", 1), "frame has 4 headers, limit is 3"],
  ] as const) {
    const decoder = new FrameDecoder({ version: "1.2", limits });
    for (let i = 0; i < 10; i++) expect(read(decoder, frameOf(String(i), 5))).toBeInstanceOf(Array);
    expect(read(decoder, bad)).toBe(message);
  }
});
