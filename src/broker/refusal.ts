/** Why the broker answers a frame with ERROR. */

/** Thrown by what handles a frame; the connection makes an ERROR of it. It never leaves the broker. */
export class Refusal extends Error {
  static {
    this.prototype.name = "Refusal";
  }
}

const LONGEST = 100;

/** Show a name of the client's in a message: in quotes, short, and without anything that a header cannot have. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
}
