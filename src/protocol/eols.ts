/** The EOLs between frames: heart-beats, and the EOLs that peers put after each frame. */
import type { HeadRules } from "./head.js";

const LF = 0x0a;
const CR = 0x0d;

/** Which lines of a head may end in CR LF: any line, all lines if the command line does, or no line. */
export type LineEnds = "each" | "all" | "none";

/** Look up which lines may end in CR LF. Before a version is agreed on, the rule of 1.2 holds. */
export function lineEndsOf({ version, strict }: HeadRules): LineEnds {
  if (version === "1.2" || version === undefined) return "each";
  // STOMP 1.0 and 1.1: a line ends in LF alone. Some peers use CR LF for all lines all the same.
  return strict ? "none" : "all";
}

/** Skips the EOLs between frames, and NULs there unless the rules are strict. Counts the EOLs. */
export class Eols {
  /** How many EOLs there were so far. */
  count = 0;

  /** Skip the EOLs of a text from `from` on. Returns where the next frame begins, or the length of the text. */
  skipInText(text: string, from: number, rules: HeadRules): number {
    let at = from;
    let { count } = this;
    for (; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      if (unit === LF) count++;
      else if (unit === CR && text.charCodeAt(at + 1) === LF && lineEndsOf(rules) !== "none") continue;
      else if (unit !== 0 || rules.strict) break;
    }
    this.count = count;
    return at;
  }

  /** Skip the EOLs of `bytes` from `from` on. Returns where the next frame begins, or the number of bytes. */
  skipInBytes(bytes: Uint8Array, from: number, rules: HeadRules): number {
    let at = from;
    let { count } = this;
    for (; at < bytes.length; at++) {
      const byte = bytes[at];
      if (byte === LF) count++;
      else if (byte === CR && bytes[at + 1] === LF && lineEndsOf(rules) !== "none") continue;
      else if (byte !== 0 || rules.strict) break;
    }
    this.count = count;
    return at;
  }

  /** Count `next`, the unit or byte after a frame, if it is an LF. Returns whether it is. */
  takeAfterFrame(next: number | undefined): boolean {
    if (next !== LF) return false;
    this.count++;
    return true;
  }
}
