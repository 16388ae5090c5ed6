/** Arbitrary frames, chunks and octets, for property tests. */
import fc from "fast-check";
import type { Command, Version } from "../../src/protocol/index.js";

/** Text of every kind of character that UTF-8 has; much of it of those that matter to STOMP. */
const text = fc.string({
  unit: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom("\n", "\r", ":", "\\", "c", "n", "r", "t", " ", "a", "é", "語", "😀") },
    { weight: 1, arbitrary: fc.string({ unit: "binary", minLength: 1, maxLength: 1 }) },
  ),
  maxLength: 12,
});

/** Anything that a caller may try to send in a header. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  text,
  fc.string({ unit: fc.constantFrom("\0", "\ud800", "\udc00", "\n", "\r", ":", "\\", "a"), maxLength: 6 }),
  fc.constantFrom("__proto__", "constructor", "a\n\nb", "x\nreceipt:1", "\0\nSEND\n\n\0"),
);

/** What a version can express in a header. */
function expressible(version: Version, part: "name" | "value"): fc.Arbitrary<string> {
  return text.map((raw) => {
    let shown = raw.replaceAll("\0", "0");
    if (version !== "1.2") shown = shown.replaceAll("\r", "");
    if (version === "1.0") shown = shown.replaceAll("\n", "");
    if (version === "1.0" && part === "name") shown = shown.replaceAll(":", "");
    return part === "name" && shown === "" ? "name" : shown;
  });
}

export interface ArbitraryFrame {
  readonly command: Command;
  readonly headers: [string, string][];
  readonly body: string | Uint8Array;
}

const octets = fc.uint8Array({ maxLength: 300 });

/** Any frame that can be expressed in a version once its session is established. */
export function frameOfVersion(version: Version): fc.Arbitrary<ArbitraryFrame> {
  const headers = fc.array(fc.tuple(expressible(version, "name"), expressible(version, "value")), { maxLength: 6 });
  const withBody = fc.record({
    command: fc.constantFrom<Command>("SEND", "MESSAGE", "ERROR"),
    headers,
    body: fc.oneof(octets, fc.string({ unit: "binary", maxLength: 100 })),
  });
  const without = fc.record({
    command: fc.constantFrom<Command>(
      ...(["SUBSCRIBE", "UNSUBSCRIBE", "ACK", "NACK", "BEGIN", "COMMIT", "ABORT", "DISCONNECT", "RECEIPT"] as const),
    ),
    headers,
    body: fc.constant(""),
  });
  // A count that the caller gives is checked against the body: that is tested elsewhere.
  return fc
    .oneof(withBody, without)
    .map((frame) => ({ ...frame, headers: frame.headers.filter(([name]) => name !== "content-length") }));
}

/** How to cut something up: parts of its length at which cuts are made. */
export const cuts: fc.Arbitrary<number[]> = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

/** Cut octets or text at parts of its length. */
export function cut<T extends Uint8Array | string>(whole: T, at: readonly number[]): T[] {
  const places = [...new Set(at.map((part) => Math.floor(part * whole.length)))].sort((a, b) => a - b);
  return [0, ...places].map((from, i) => whole.slice(from, places[i] ?? whole.length) as T); // a slice of the same kind
}

/** Join text and octets to octets. */
export function joined(chunks: readonly (string | Uint8Array)[]): Uint8Array {
  const encoder = new TextEncoder();
  const all = chunks.map((chunk) => (typeof chunk === "string" ? encoder.encode(chunk) : chunk));
  const whole = new Uint8Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of all) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
