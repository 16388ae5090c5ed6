import { describe, expect, test } from "vitest";
import { LimitError, ProtocolError } from "../../src/errors.js";
import { ClientSession, FrameDecoder, FrameEncoder, type Frame, HEART_BEAT } from "../../src/protocol/index.js";
import {
  type Vector,
  type VectorFrame,
  base64Of,
  octetsOf,
  seeded,
  textOf,
  vectors,
  waysToCut,
} from "../support/vectors.js";
import messages from "../vectors/messages.json" with { type: "json" };

interface Outcome {
  readonly frames: readonly VectorFrame[];
  readonly error: ProtocolError | undefined;
  readonly eols: number;
  readonly last: Frame | undefined;
}

const plain = (frame: Frame): VectorFrame => ({
  command: frame.command,
  headers: [...frame.headers.pairs()],
  body: base64Of(frame.body),
});

/** Push the chunks, then the end of the stream, and take what comes of it. */
function decode(vector: Vector, chunks: readonly (Uint8Array | string)[], strict: boolean): Outcome {
  const { state, version, limits = {} } = vector;
  const decoder = new FrameDecoder({ ...(state === "connecting" ? {} : { version }), limits, strict });
  const frames: Frame[] = [];
  let error: ProtocolError | undefined;
  try {
    for (const chunk of chunks) {
      decoder.push(chunk);
      for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
        frames.push(frame);
        if (frame.command === "CONNECTED") decoder.version = version;
      }
    }
    decoder.end();
  } catch (thrown) {
    if (!(thrown instanceof ProtocolError)) throw thrown;
    error = thrown;
    // After a fault nothing more is delivered, whatever follows.
    decoder.push("MESSAGE\n\n\0");
    expect(() => decoder.next()).toThrow(thrown);
  }
  return { frames: frames.map(plain), error, eols: decoder.eols, last: frames.at(-1) };
}

/** The good outcomes, the one to prefer first: the frames, and the reasons of which one is to follow. */
function goodOutcomes({
  frames = [],
  error,
  errors = [],
  or = [],
}: Vector): (readonly [frames: unknown, reasons: readonly unknown[]])[] {
  return [
    [frames, error === undefined ? [undefined] : [error, ...errors]],
    ...or.map((other) => [other.frames ?? [], [other.error]] as const),
  ];
}

function expectGood(vector: Vector, outcome: Outcome, strict: boolean): void {
  const { frames, error, eols, last } = outcome;
  const good = goodOutcomes(vector);
  const allowed = strict ? good : good.slice(0, 1); // by default what the vectors prefer
  const isGood = allowed.some(([theirs, reasons]) => {
    return JSON.stringify(theirs) === JSON.stringify(frames) && reasons.includes(error?.reason);
  });
  if (!isGood) expect({ frames, error: error?.reason }).toEqual({ frames: vector.frames ?? [], error: vector.error });
  expect(error instanceof LimitError).toBe(error?.reason === "too-large");
  if (JSON.stringify(frames) !== JSON.stringify(vector.frames ?? [])) return;
  if (vector.eols !== undefined && error === undefined) expect(eols).toBe(vector.eols);
  for (const [name, value] of vector.get ?? []) expect(last?.headers.get(name) ?? null).toBe(value);
}

const decoded = vectors.filter(({ kind, of }) => kind === "decode" || of === "decode");
const invalid = decoded.filter(({ kind }) => kind === "reject");
// Which commands a server may send is known to the session, not to the decoder.
const OF_SESSION = "client-command-from-server";
// 1.0 has no such padding in its grammar, only in its examples: strictly it is no count.
const PADDED = "10-padded-content-length";

describe.each([
  ["by default", false],
  ["strictly", true],
] as const)("octets are decoded %s, however they are cut,", (_, strict) => {
  const others = [OF_SESSION, ...(strict ? [PADDED] : [])];
  test.each(decoded.filter(({ name }) => !others.includes(name)))("$name", (vector) => {
    const octets = octetsOf(vector.bytes ?? "");
    const random = seeded(octets.length + 1);
    for (const chunks of waysToCut(octets, random)) expectGood(vector, decode(vector, chunks, strict), strict);
    const text = textOf(octets);
    if (text === undefined) return;
    for (const chunks of waysToCut(text, random)) expectGood(vector, decode(vector, chunks, strict), strict);
  });
});

const messageOf = new Map<string, string>(Object.entries(messages));

describe("what is wrong with octets is said exactly", () => {
  test.each(invalid.filter(({ name }) => name !== OF_SESSION))("$name", (vector) => {
    const outcome = decode(vector, [octetsOf(vector.bytes ?? "")], true);
    expect(outcome.error?.message).toBe(messageOf.get(vector.name));
  });

  test("10-padded-content-length, strictly", () => {
    const padded = decoded.filter(({ name }) => name === PADDED);
    expect(padded.map((vector) => decode(vector, [octetsOf(vector.bytes ?? "")], true).error?.message)).toEqual([
      'content-length " 3" is not a number of bytes',
    ]);
  });

  test("client-command-from-server", () => {
    const vector = decoded.find(({ name }) => name === OF_SESSION);
    const session = new ClientSession();
    session.connect([["host", "/"]]);
    session.push("CONNECTED\nversion:1.2\n\n\0");
    expect(session.next()?.command).toBe("CONNECTED");
    session.push(octetsOf(vector?.bytes ?? ""));
    expect(() => session.next()).toThrow(
      expect.objectContaining({ reason: vector?.error, message: messageOf.get(OF_SESSION) }),
    );
  });
});

const octetsFrom = (chunk: string | Uint8Array): Uint8Array =>
  typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk;

describe("frames are encoded", () => {
  const encoded = vectors.filter(({ kind }) => kind === "encode");
  test.each(encoded)("$name", (vector) => {
    const good = [vector.bytes, ...(vector.or ?? []).map(({ bytes }) => bytes)];
    const [frame] = vector.frames ?? [];
    if (frame === undefined) {
      expect(good).toContain(base64Of(octetsFrom(HEART_BEAT)));
      return;
    }
    const encoder = new FrameEncoder({ version: vector.version });
    const body = octetsOf(frame.body);
    expect(good).toContain(base64Of(octetsFrom(encoder.encode(frame.command, frame.headers, body))));
    const text = textOf(body);
    if (text !== undefined) {
      expect(good).toContain(base64Of(octetsFrom(encoder.encode(frame.command, frame.headers, text))));
    }
  });

  const refused = vectors.filter(({ of }) => of === "encode");
  test.each(refused)("or refused before an octet leaves: $name", (vector) => {
    const [frame] = vector.frames ?? [];
    const encoder = new FrameEncoder({ version: vector.version });
    const headers = frame?.headers ?? [];
    const isCounted = headers.some(([name]) => name === "content-length");
    const encode = (): unknown =>
      encoder.encode(frame?.command ?? "SEND", headers, octetsOf(frame?.body ?? ""), isCounted);
    expect(encode).toThrow(TypeError);
    expect(encode).toThrow(messageOf.get(vector.name));
  });
});

test("each invalid vector has its message, and no message is left over", () => {
  const names = vectors.filter(({ kind }) => kind === "reject").map(({ name }) => name);
  expect([...messageOf.keys()].sort()).toEqual(names.sort());
});
