import fc from "fast-check";
import { expect, test } from "vitest";
import { FrameEncoder } from "../../src/protocol/index.js";

const name = fc.constantFrom("a", "b", "c:d");
const value = fc.oneof(fc.constantFrom("1", "x:y", "z".repeat(300)), fc.constantFrom<number | boolean>(1, 2, true));
const bad = fc.constantFrom<[string, string]>(["", "1"], ["a", "\0"]);
const heads = fc.array(
  fc.tuple(
    fc.constantFrom("SEND" as const, "MESSAGE" as const),
    fc.array(fc.oneof({ weight: 20, arbitrary: fc.tuple(name, value) }, { weight: 1, arbitrary: bad }), {
      maxLength: 5,
    }),
  ),
  { minLength: 2, maxLength: 12 },
);

test("whatever was written before, and also where it was refused, a head is what a new encoder makes of it", () => {
  const written = (
    encoder: FrameEncoder,
    [command, headers]: [command: "SEND" | "MESSAGE", [string, unknown][]],
  ): unknown => {
    try {
      return encoder.encodeHead(command, headers as [string, string][], 0, false);
    } catch (error) {
      return (error as Error).message;
    }
  };
  fc.assert(
    fc.property(heads, (frames) => {
      const encoder = new FrameEncoder({ version: "1.2" });
      for (const frame of frames) {
        expect(written(encoder, frame)).toBe(written(new FrameEncoder({ version: "1.2" }), frame));
      }
    }),
    { numRuns: 2000 },
  );
});
