import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FrameDecoder, FrameEncoder, type Frame, VERSIONS } from "../../src/protocol/index.js";
import { anyText, cut, cuts, frameOfVersion, joined } from "../support/frames.js";
import { base64Of } from "../support/vectors.js";

function decodeAll(decoder: FrameDecoder, chunks: readonly (Uint8Array | string)[]): Frame[] {
  const frames: Frame[] = [];
  for (const chunk of chunks) {
    decoder.push(chunk);
    for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) frames.push(frame);
  }
  decoder.end();
  return frames;
}

const octetsOfBody = (body: string | Uint8Array): string =>
  base64Of(typeof body === "string" ? new TextEncoder().encode(body) : body);

describe.each(VERSIONS)("in STOMP %s", (version) => {
  // Lenient decoding trims the values of 1.0, which is not the letter.
  const decoder = (): FrameDecoder => new FrameDecoder({ version });

  test("what is decoded is the frame that was encoded, however it is cut", () => {
    const frames = fc.array(frameOfVersion(version), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(frames, cuts, fc.boolean(), (sent, places, eols) => {
        const encoder = new FrameEncoder({ version });
        const chunks = sent.map(({ command, headers, body }) => encoder.encode(command, headers, body));
        const between = eols ? chunks.flatMap((chunk) => [chunk, "\n"]) : chunks;
        const whole = joined(between);
        const got = decodeAll(decoder(), cut(whole, places));
        expect(got.map(({ command }) => command)).toEqual(sent.map(({ command }) => command));
        for (const [i, frame] of got.entries()) {
          const { headers, body } = sent[i] ?? { headers: [], body: "" };
          const value = (text: string): string => (version === "1.0" ? text.replace(/^ +| +$/g, "") : text);
          const own = [...frame.headers.pairs()].filter(([name]) => name !== "content-length");
          expect(own).toEqual(headers.map(([name, text]) => [name, value(text)]));
          expect(base64Of(frame.body)).toBe(octetsOfBody(body));
        }
        // As text messages too, each frame its own, and cut.
        const texts = chunks.filter((chunk) => typeof chunk === "string");
        const fromText = decodeAll(decoder(), cut(texts.join(""), places));
        expect(fromText.map((frame) => base64Of(frame.body))).toEqual(
          sent.filter((_, i) => typeof chunks[i] === "string").map(({ body }) => octetsOfBody(body)),
        );
      }),
    );
  });

  test("nothing is injected: a header is refused, or arrives as it was given", () => {
    const headers = fc.array(fc.tuple(anyText, anyText), { maxLength: 4 });
    fc.assert(
      fc.property(headers, (given) => {
        const wanted = given.filter(([name]) => name !== "content-length");
        let chunk: string | Uint8Array;
        try {
          chunk = new FrameEncoder({ version }).encode("SEND", wanted, "body");
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError);
          return;
        }
        const frames = decodeAll(new FrameDecoder({ version, strict: version !== "1.0" }), [chunk]);
        expect(frames).toHaveLength(1);
        const got = [...(frames[0]?.headers.pairs() ?? [])];
        const value = (text: string): string => (version === "1.0" ? text.replace(/^ +| +$/g, "") : text);
        expect(got).toEqual([...wanted.map(([name, text]) => [name, value(text)]), ["content-length", "4"]]);
      }),
      { numRuns: 300 },
    );
  });
});

test("nothing is injected into CONNECT either, with escapes or without", () => {
  fc.assert(
    fc.property(anyText, fc.boolean(), (passcode, escapeConnect) => {
      let chunk: string | Uint8Array;
      try {
        chunk = new FrameEncoder({ escapeConnect }).encode("CONNECT", { login: "a", passcode, host: "/" });
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError);
        expect((error as Error).message).toMatch(/^header "passcode" has /); // what it has, never the passcode
        return;
      }
      const [frame, ...others] = decodeAll(new FrameDecoder(), [chunk]);
      expect(others).toEqual([]);
      expect([...(frame?.headers.keys() ?? [])]).toEqual(["login", "passcode", "host"]);
      if (!escapeConnect) expect(frame?.headers.get("passcode")).toBe(passcode);
    }),
    { numRuns: 300 },
  );
});
