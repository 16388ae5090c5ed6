/** A frame as it was received, or as it is shown to who watches the frames that are sent. */
import { textToUtf8, utf8ToText } from "#text";
import type { Command } from "./command.js";
import { FrameHeaders, type HeadersInit } from "./headers.js";

/** A body as a caller gives it. A view's octets are read when the frame is sent, and never changed. */
export type Body = string | Uint8Array | ArrayBuffer;

/**
 * A frame. Its body lies in the chunk that it came in, as octets or as text; the other form is made when asked for.
 * So whoever keeps a body of octets for long keeps the chunk (some 64 KiB) too: `body.slice()` makes a copy of its own.
 */
export class Frame<C extends Command = Command> {
  /** The command. */
  readonly command: C;
  /** The headers. */
  readonly headers: FrameHeaders;
  #bytes: Uint8Array | undefined;
  #from: number;
  #to: number;
  #text: string | undefined;
  readonly #cameAsText: boolean;

  /** Made by a decoder; {@link frameOf} makes one of parts. The body is `text`, or what `bytes` has within `from` and `to`. */
  constructor(command: C, headers: FrameHeaders, text: string | undefined, bytes?: Uint8Array, from = 0, to = 0) {
    this.command = command;
    this.headers = headers;
    this.#text = text;
    this.#bytes = bytes;
    this.#from = from;
    this.#to = to;
    this.#cameAsText = bytes === undefined;
  }

  /** How long the body is: octets where it came as octets, UTF-16 units where it came as text. Costs nothing. */
  get bodySize(): number {
    return this.#bytes === undefined ? (this.#text ?? "").length : this.#to - this.#from;
  }

  /** Whether the body came as text, so that what octets it had on the way is not known. */
  get isText(): boolean {
    return this.#cameAsText;
  }

  /** The octets of the body: a view, to be read only. */
  get body(): Uint8Array {
    if (this.#bytes === undefined) {
      this.#bytes = textToUtf8(this.#text ?? "");
      this.#from = 0;
      this.#to = this.#bytes.length;
    }
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + this.#from, this.#to - this.#from);
  }

  /** The body as text in UTF-8, with U+FFFD for what is malformed. A byte order mark is kept. */
  text(): string {
    this.#text ??= this.#bytes === undefined ? "" : utf8ToText(this.#bytes, this.#from, this.#to);
    return this.#text;
  }
}

/** Make a frame of its parts, without checking them: for tests, and to show frames that are sent. */
export function frameOf<C extends Command>(command: C, headers: HeadersInit = {}, body: Body = ""): Frame<C> {
  const all = FrameHeaders.of(headers);
  if (typeof body === "string") return new Frame(command, all, body);
  const bytes = body instanceof Uint8Array ? body : new Uint8Array(body);
  return new Frame(command, all, undefined, bytes, 0, bytes.length);
}
