/** The vectors of `test/vectors`, as its README describes them. */
import contentLength from "../vectors/content-length.json" with { type: "json" };
import encode from "../vectors/encode.json" with { type: "json" };
import escapes from "../vectors/escapes.json" with { type: "json" };
import framing from "../vectors/framing.json" with { type: "json" };
import headers from "../vectors/headers.json" with { type: "json" };
import heartBeats from "../vectors/heart-beats.json" with { type: "json" };
import utf8 from "../vectors/utf-8.json" with { type: "json" };
import type { ProtocolErrorReason } from "../../src/errors.js";
import type { Command, Version } from "../../src/protocol/index.js";

/** A frame of a vector; the body in base64. */
export interface VectorFrame {
  readonly command: Command;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

export interface Vector {
  readonly name: string;
  readonly version: Version;
  readonly kind: "decode" | "encode" | "reject";
  readonly of?: "decode" | "encode";
  readonly bytes?: string;
  readonly frames?: readonly VectorFrame[];
  readonly error?: ProtocolErrorReason;
  readonly errors?: readonly ProtocolErrorReason[];
  readonly eols?: number;
  readonly get?: readonly (readonly [string, string | null])[];
  readonly state?: "connecting";
  readonly limits?: { readonly headerBytes?: number; readonly headers?: number; readonly bodyBytes?: number };
  readonly or?: readonly {
    readonly frames?: readonly VectorFrame[];
    readonly error?: ProtocolErrorReason;
    readonly bytes?: string;
  }[];
}

// The types that are inferred from JSON are wider than what the README says of it.
export const vectors = [
  ...contentLength,
  ...encode,
  ...escapes,
  ...framing,
  ...headers,
  ...heartBeats,
  ...utf8,
] as unknown as readonly Vector[];

/** Octets of base64. */
export function octetsOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** Base64 of octets. */
export function base64Of(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) text += String.fromCharCode(octet);
  return btoa(text);
}

/** A source of numbers from 0 to 1 that is the same in each run. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    // The generator of Park and Miller.
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

/** Cut at each of the offsets, ascending. */
export function cutAt<T extends Uint8Array | string>(whole: T, offsets: readonly number[]): T[] {
  const slices: T[] = [];
  let from = 0;
  for (const to of [...offsets, whole.length]) {
    slices.push(whole.slice(from, to) as T); // of the same kind as what it is a slice of
    from = to;
  }
  return slices.filter(({ length }) => length > 0);
}

/** Every way to cut that is tried: whole, at each place, after each unit, and at random places. */
export function waysToCut<T extends Uint8Array | string>(whole: T, random: () => number): T[][] {
  const places = Array.from({ length: Math.max(0, whole.length - 1) }, (_, i) => i + 1);
  const ways = [cutAt(whole, []), cutAt(whole, places), ...places.map((place) => cutAt(whole, [place]))];
  for (let i = 0; i < 10; i++) {
    const often = random();
    ways.push(
      cutAt(
        whole,
        places.filter(() => random() < often),
      ),
    );
  }
  return ways;
}

/** The text that octets are, if they are UTF-8 and so can come as text. */
export function textOf(octets: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    return undefined;
  }
}
