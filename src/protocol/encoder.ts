/** The encoder: frames to text or octets, with nothing in them that the caller did not mean. */
import { strictUtf8ToText, textToUtf8, utf8Length } from "#text";
import { type Command, mayHaveBody } from "./command.js";
import { type Escapes, escapesOf } from "./escape.js";
import type { Body } from "./frame.js";
import { type HeaderValue, type HeadersInit, isIterableHeaders } from "./headers.js";
import { HeaderLines } from "./header-lines.js";
import type { Version } from "./version.js";

/** How a {@link FrameEncoder} writes. */
export interface EncoderOptions {
  /** The version to write by from the start. Absent: none is agreed on yet, and only CONNECT, STOMP, CONNECTED and ERROR make sense. */
  readonly version?: Version;
  /**
   * Escape CONNECT and CONNECTED by the rules of 1.2, against the specification. RabbitMQ and ActiveMQ undo escapes
   * there: a passcode with a backslash reaches them only so.
   * @default false
   */
  readonly escapeConnect?: boolean;
}

/** A heart-beat: STOMP 1.2 allows CR LF too, 1.1 does not. */
export const HEART_BEAT = "\n";

/**
 * Encodes frames. A frame is text where its body is text, and octets where its body is octets: a WebSocket sends the
 * first as a text message and the second as a binary one.
 */
export class FrameEncoder {
  #version: Version | undefined;
  #escapes: Escapes;
  readonly #escapeConnect: boolean;
  readonly #lines = new Map<Command, HeaderLines>();
  #last: HeaderLines | undefined;

  constructor(options: EncoderOptions = {}) {
    this.#version = options.version;
    this.#escapes = escapesOf(options.version, "SEND");
    this.#escapeConnect = options.escapeConnect === true;
  }

  /** The version to write by. */
  get version(): Version | undefined {
    return this.#version;
  }

  /** Write by `version` from now on. `escapes`: by these escapes, whatever the version says, for a broker known to undo them. */
  use(version: Version, escapes?: Escapes): void {
    this.#version = version;
    this.#escapes = escapes ?? escapesOf(version, "SEND");
    this.#lines.clear();
    this.#last = undefined;
  }

  /**
   * Encode a frame. A `content-length` is added to SEND, MESSAGE and ERROR unless `contentLength` is false.
   *
   * @throws TypeError for what the version cannot express: a line feed in a header of 1.0 or of CONNECT, a colon in a
   * name there, a carriage return before 1.2, a NUL or lone surrogate in any header, an empty name, a body where the
   * command has none, a body with a NUL and no content-length.
   * @throws RangeError for a given `content-length` that is not the length of the body.
   */
  encode(command: Command, headers: HeadersInit, body: Body = "", contentLength = true): string | Uint8Array {
    if (typeof body === "string") {
      const length = mayHaveBody(command) ? utf8Length(body) : body.length;
      if (!contentLength && body.includes("\0")) throw nulWithoutLength();
      return `${this.encodeHead(command, headers, length, contentLength)}${body}\0`;
    }
    const bytes = body instanceof Uint8Array ? body : new Uint8Array(body);
    if (!contentLength && bytes.includes(0)) throw nulWithoutLength();
    const head = textToUtf8(this.encodeHead(command, headers, bytes.length, contentLength));
    const frame = new Uint8Array(head.length + bytes.length + 1);
    frame.set(head);
    frame.set(bytes, head.length);
    return frame;
  }

  /**
   * Encode all of a frame before its body, of which `length` octets and a NUL are to follow: so a large body need not
   * be copied to be sent over a stream.
   *
   * @throws as {@link FrameEncoder.encode} does.
   */
  encodeHead(command: Command, headers: HeadersInit, length: number, contentLength = true): string {
    const hasBody = mayHaveBody(command);
    if (length > 0 && !hasBody) throw new TypeError(`${command} has no body`);
    const lines = this.#linesOf(command);
    lines.begin();
    if (Array.isArray(headers)) {
      const pairs: readonly (readonly [string, HeaderValue | undefined])[] = headers;
      for (let i = 0; i < pairs.length; i++) {
        const pair = pairs[i];
        if (pair !== undefined) addLine(lines, pair[0], pair[1], hasBody, length, contentLength);
      }
    } else if (isIterableHeaders(headers)) {
      for (const pair of headers) addLine(lines, pair[0], pair[1], hasBody, length, contentLength);
    } else {
      // An object's own names are known from its shape: the engine sees that in this form, which is faster than Object.entries.
      for (const name in headers) {
        if (Object.prototype.hasOwnProperty.call(headers, name))
          addLine(lines, name, headers[name], hasBody, length, contentLength);
      }
    }
    return lines.end() + (contentLength && hasBody ? countLine(length) : "\n\n");
  }

  /** What writes the lines of a command. Those of CONNECT are not kept: there are secrets among them. */
  #linesOf(command: Command): HeaderLines {
    // By the letter STOMP is escaped; no version is agreed on yet, so by the rules of the newest.
    if (command === "STOMP") return new HeaderLines(command, "1.2");
    if (command === "CONNECT" || command === "CONNECTED") {
      return new HeaderLines(command, this.#escapeConnect ? "1.2" : "none");
    }
    if (this.#last?.command === command) return this.#last;
    const lines = this.#lines.get(command) ?? new HeaderLines(command, this.#escapes);
    this.#lines.set(command, lines);
    this.#last = lines;
    return lines;
  }
}

/** Add a line, unless it has no value; the count comes last. */
function addLine(
  lines: HeaderLines,
  name: string,
  value: HeaderValue | undefined,
  hasBody: boolean,
  length: number,
  contentLength: boolean,
): void {
  if (value === undefined) return;
  if (name !== "content-length") {
    lines.add(name, value);
    return;
  }
  // Where there is no body, any other count would make the receiver take the next frames for one.
  checkContentLength(value, length, contentLength || !hasBody);
  if (!hasBody) lines.add(name, length);
}

const countLines: (string | undefined)[] = [];
const MOST_COUNT_LINES = 1024;

/** The last header line and the blank line. */
function countLine(length: number): string {
  if (length >= MOST_COUNT_LINES) return `\ncontent-length:${length}\n\n`;
  return (countLines[length] ??= ["\ncontent-length:", length, "\n\n"].join(""));
}

function checkContentLength(value: HeaderValue, length: number, contentLength: boolean): void {
  if (!contentLength) throw new TypeError('header "content-length" is given, and to be left out');
  if (Number(value) !== length) {
    throw new RangeError(`header "content-length" is ${String(value)}, the body has ${length} bytes`);
  }
}

function nulWithoutLength(): TypeError {
  return new TypeError("a body with a NUL needs a content-length");
}

/** The text that `bytes` are in UTF-8; `undefined` when they are none: then they are to go as a binary message. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  return strictUtf8ToText(bytes, 0, bytes.length);
}

/** How many octets a text is in UTF-8. */
export function utf8Octets(text: string): number {
  return utf8Length(text);
}
