/** The carrier's messages as ActiveMQ reads them over WebSocket: one frame in each, whole. */

const NUL = "\0";
const encoder = new TextEncoder();

/**
 * Cut a message to what is read of it: its first frame, or nothing but a heart-beat. Octets are not read at all (`""`). `undefined`:
 * there is no whole frame in it, which ends the connection.
 */
export function readOneFrame(message: Uint8Array | string): string | undefined {
  if (typeof message !== "string") return "";
  if (message === "\n" || message === "\r\n") return message;
  const head = /\r?\n\r?\n/.exec(message);
  if (head === null) return undefined;
  const from = head.index + head[0].length;
  const length = /\ncontent-length:([0-9]+)\r?\n/.exec(message.slice(0, from))?.[1];
  const end = message.indexOf(NUL, length === undefined ? from : from + unitsOf(message.slice(from), Number(length)));
  return end < 0 ? undefined : message.slice(0, end + 1);
}

/** How many UTF-16 units the first `octets` of a text are; no more than it has. */
function unitsOf(text: string, octets: number): number {
  return encoder.encodeInto(text, new Uint8Array(Math.min(octets, text.length * 3))).read;
}
