import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ProtocolError } from "../../src/errors.js";
import { ClientSession, FrameDecoder, FrameEncoder, ServerSession, VERSIONS } from "../../src/protocol/index.js";
import { cut, cuts, frameOfVersion, joined } from "../support/frames.js";

const LIMITS = { headerBytes: 200, headers: 10, bodyBytes: 300 };

interface Reader {
  push(chunk: Uint8Array | string): void;
  next(): unknown;
  end(): void;
}

/** Read to the end or to the first fault, which must be one of the peer's. */
function readAll(reader: Reader, chunks: readonly (Uint8Array | string)[]): void {
  try {
    for (const chunk of chunks) {
      reader.push(chunk);
      while (reader.next() !== undefined);
    }
    reader.end();
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
  }
}

/** Octets that look like frames often enough to get far. */
const likely = fc
  .array(
    fc.oneof(
      fc.constantFrom("MESSAGE\n", "RECEIPT\n", "ERROR\r\n", "SEND\n", "CONNECTED\n", "content-length:", "5", "-1"),
      fc.constantFrom(
        "\n",
        "\n\n",
        "\0",
        "\r\n",
        ":",
        "\\",
        "\\c",
        "a",
        "é",
        "😀",
        "destination:/q\n",
        "receipt-id:1\n",
      ),
    ),
    { maxLength: 40 },
  )
  .map((parts) => joined(parts));
const octets = fc.oneof(fc.uint8Array({ maxLength: 400 }), likely);

describe.each(VERSIONS)("whatever comes, in STOMP %s", (version) => {
  test.each([true, false])("strict: %s, a decoder throws nothing but ProtocolError", (strict) => {
    fc.assert(
      fc.property(octets, cuts, (whole, places) => {
        readAll(new FrameDecoder({ version, strict, limits: LIMITS }), cut(whole, places));
      }),
      { numRuns: 500 },
    );
  });

  test("text in any pieces, lone surrogates among it, neither", () => {
    const text = fc.array(fc.string({ unit: fc.constantFrom("\ud83d", "\ude00", "\n", "\0", ":", "a", "MESSAGE\n") }));
    fc.assert(
      fc.property(text, (chunks) => {
        readAll(new FrameDecoder({ version, limits: LIMITS }), chunks);
      }),
      { numRuns: 500 },
    );
  });

  test("a frame with octets changed, neither", () => {
    const change = fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat(255));
    fc.assert(
      fc.property(frameOfVersion(version), fc.array(change, { maxLength: 5 }), cuts, (frame, changes, places) => {
        const { command, headers, body } = frame;
        const whole = joined([new FrameEncoder({ version }).encode(command, headers, body)]);
        for (const [place, octet] of changes) whole[Math.floor(place * whole.length)] = octet;
        readAll(new FrameDecoder({ version, limits: LIMITS }), cut(whole, places));
      }),
      { numRuns: 500 },
    );
  });
});

test("sessions of both sides throw nothing but ProtocolError either", () => {
  fc.assert(
    fc.property(octets, cuts, fc.boolean(), (whole, places, isConnected) => {
      const client = new ClientSession({ limits: LIMITS });
      client.connect([["host", "/"]]);
      const server = new ServerSession({ limits: LIMITS });
      if (isConnected) {
        client.push("CONNECTED\nversion:1.1\n\n\0");
        client.next();
        server.push("CONNECT\naccept-version:1.1\nhost:/\n\n\0");
        server.next();
        server.connected();
      }
      readAll(client, cut(whole, places));
      readAll(server, cut(whole, places));
    }),
    { numRuns: 500 },
  );
});

describe("what is beyond a limit is refused before memory is spent", () => {
  const { headerBytes, headers, bodyBytes } = LIMITS;

  test("an announced length: at the head", () => {
    const decoder = new FrameDecoder({ version: "1.2", limits: LIMITS });
    decoder.push("MESSAGE\ncontent-length:301\n\n");
    expect(() => decoder.next()).toThrow(
      expect.objectContaining({ message: "frame body is 301 bytes, limit is 300", actual: 301, limit: bodyBytes }),
    );
  });

  test.each([
    ["octets of a head without an end", "MESSAGE\nname:", headerBytes],
    ["octets of a body without an end", "MESSAGE\n\n", bodyBytes],
  ])("%s: as soon as there are too many, octet by octet", (_, begin, limit) => {
    const decoder = new FrameDecoder({ version: "1.2", limits: LIMITS });
    const octet = Uint8Array.of(0x61);
    decoder.push(begin);
    let taken = 0;
    const endless = (): void => {
      for (; taken < 10 * limit; taken++) {
        expect(decoder.next()).toBeUndefined();
        decoder.push(octet);
      }
    };
    expect(endless).toThrow(expect.objectContaining({ reason: "too-large", limit }));
    expect(taken).toBeLessThanOrEqual(limit + 1);
  });

  test.each(["\n", "\r\n"])("header lines that end in %j: one too many", (eol) => {
    const decoder = new FrameDecoder({ version: "1.2", limits: LIMITS });
    decoder.push(`MESSAGE${eol}${`a:b${eol}`.repeat(headers)}${eol}\0`);
    expect(decoder.next()?.headers.all("a")).toHaveLength(headers);
    decoder.push(`MESSAGE${eol}${`a:b${eol}`.repeat(headers + 1)}${eol}\0`);
    expect(() => decoder.next()).toThrow("frame has 11 headers, limit is 10");
  });

  test.each([
    ["in one chunk", (head: string) => [head]],
    ["octet by octet", (head: string) => Array.from(head)],
  ])("a head of just as much as is allowed is read, %s", (_, chunksOf) => {
    const begin = "MESSAGE\nname:";
    const fits = `${begin}${"x".repeat(headerBytes - begin.length - 1)}\n`;
    for (const [head, isGood] of [
      [fits, true],
      [fits.replace("x", "xx"), false],
    ] as const) {
      const decoder = new FrameDecoder({ version: "1.2", limits: LIMITS });
      for (const chunk of chunksOf(`${head}\n\0`)) decoder.push(chunk);
      if (isGood) expect(decoder.next()?.command).toBe("MESSAGE");
      else expect(() => decoder.next()).toThrow("frame headers are more than 200 bytes, limit is 200");
    }
  });
});
