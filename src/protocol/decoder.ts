/** The decoder: chunks of octets or text in, frames out one by one, on demand. */
import { strictUtf8ToText, textToUtf8, utf8Length } from "#text";
import { ProtocolError } from "../errors.js";
import { BodyBuffer } from "./body-buffer.js";
import { checkCountedBody, checkMayHaveBody, checkUncountedBody, contentLengthOf, missingNul } from "./body-rules.js";
import type { Command } from "./command.js";
import type { Escapes } from "./escape.js";
import { Frame } from "./frame.js";
import type { FrameHeaders } from "./headers.js";
import { HeadWindow } from "./head-window.js";
import { type HeadRules, NO_HEADERS, headRules, readHead } from "./head.js";
import { type Limits, limitsOf } from "./limits.js";
import { PartialHead } from "./partial-head.js";
import type { Version } from "./version.js";

/** How a {@link FrameDecoder} reads. */
export interface DecoderOptions {
  /** The version to read by from the start. Absent: none is agreed on yet; set it on the decoder when it is. */
  readonly version?: Version;
  /**
   * Hold the peer to the letter: no NUL between frames, no CR LF before 1.2, no padding in 1.0, no raw colon in a value.
   * @default false
   */
  readonly strict?: boolean;
  /** Limits; those not given have the defaults of {@link Limits}. */
  readonly limits?: Partial<Limits>;
}

const LF = 0x0a;
const CR = 0x0d;

/**
 * Decodes a stream of frames. Give it chunks as they come, octets and text alike, and take frames until it has no more:
 *
 *     decoder.push(chunk);
 *     for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) …
 *
 * Frames are decoded one by one because CONNECTED decides how the frame after it is to be read, in the same chunk.
 * Memory is bounded by the chunks pushed and the limits. After a fault, `next` throws the same error for ever.
 */
export class FrameDecoder {
  #rules: HeadRules;
  #queue: (Uint8Array | string)[] = [];

  // The chunk being read: of octets or of text.
  #bytes: Uint8Array | undefined;
  #text: string | undefined;
  /** Whether the text is all ASCII, once that was asked for. */
  #isAscii: boolean | undefined;
  #at = 0;

  // Reads the heads in it, and knows what the one read last says of its frame.
  readonly #head = new HeadWindow();

  // A frame that began in an earlier chunk.
  readonly #partialHead: PartialHead;
  #inHead = false;
  #headers: FrameHeaders = NO_HEADERS;
  #body: BodyBuffer | undefined;

  #surrogate = "";
  #eols = 0;
  #fault: ProtocolError | undefined;

  constructor(options: DecoderOptions = {}) {
    const limits = limitsOf(options.limits);
    this.#rules = headRules(options.version, undefined, options.strict === true, limits);
    this.#partialHead = new PartialHead(limits.headerBytes);
  }

  /** The version to read by; `undefined` before one is agreed on, when nothing is unescaped. Counts from the next frame on. */
  get version(): Version | undefined {
    return this.#rules.version;
  }

  set version(version: Version | undefined) {
    const { tolerated, strict, limits } = this.#rules;
    this.#rules = headRules(version, tolerated, strict, limits);
  }

  /** Undo these escapes from the next frame on whatever the version says, for a broker known to write them. */
  tolerate(escapes: Escapes | undefined): void {
    const { version, strict, limits } = this.#rules;
    this.#rules = headRules(version, escapes, strict, limits);
  }

  /** How many EOLs stood outside frames so far: heart-beats, and those that peers put after each frame. */
  get eols(): number {
    return this.#eols;
  }

  /** Whether part of a frame has arrived: the stream must not end here. */
  get midFrame(): boolean {
    return this.#inHead || this.#body !== undefined || this.#surrogate !== "";
  }

  /** Take a chunk. Octets must not change afterwards: frames may be views of them. */
  push(chunk: Uint8Array | string): void {
    if (chunk.length === 0 || this.#fault !== undefined) return;
    if (this.#bytes === undefined && this.#text === undefined) this.#open(chunk);
    else this.#queue.push(chunk);
  }

  /**
   * Decode the next frame; `undefined` when more must arrive first.
   *
   * @throws ProtocolError when the octets are no frame; LimitError when a limit is passed.
   */
  next(): Frame | undefined {
    // Mostly there is no more, for a chunk of one frame is asked twice.
    if (this.#text === undefined && this.#bytes === undefined && this.#fault === undefined) return undefined;
    return this.#decode();
  }

  #decode(): Frame | undefined {
    if (this.#fault !== undefined) throw this.#fault;
    try {
      for (;;) {
        const frame = this.#text !== undefined ? this.#nextOfText(this.#text) : this.#nextOfBytes();
        if (frame !== undefined) return frame;
        if (!this.#openNext()) return undefined;
      }
    } catch (error) {
      if (error instanceof ProtocolError) this.#fail(error);
      throw error;
    }
  }

  /**
   * Say that the stream has ended, once `next` has no more.
   *
   * @throws ProtocolError (`truncated`) inside a frame.
   */
  end(): void {
    if (this.#fault !== undefined) throw this.#fault;
    if (!this.midFrame) return;
    const fault = new ProtocolError("truncated", "the stream ended inside a frame");
    this.#fail(fault);
    throw fault;
  }

  #fail(error: ProtocolError): void {
    this.#fault = error;
    this.#queue = [];
    this.#close();
    this.#body = undefined;
  }

  /** Open the chunk after the one that is used up, if there is one. A chunk is open whenever there are any. */
  #openNext(): boolean {
    if (this.#queue.length === 0) return false;
    const chunk = this.#queue.shift();
    if (chunk !== undefined) this.#open(chunk);
    return true;
  }

  #open(chunk: Uint8Array | string): void {
    let opened = chunk;
    if (this.#surrogate !== "") {
      // A text message cannot end inside a character, but a caller's chunk of text can.
      const rest = typeof chunk === "string" ? chunk : "";
      if (rest === "") this.#queue.unshift(chunk);
      opened = this.#surrogate + rest;
      this.#surrogate = "";
      if (rest === "") opened = textToUtf8(opened);
    }
    this.#at = 0;
    if (typeof opened !== "string") this.#openBytes(opened);
    else if (this.#inHead || this.#body !== undefined) this.#toBytes(opened);
    else {
      this.#text = opened;
      this.#isAscii = undefined;
    }
  }

  /** Go on with octets: for what spans chunks of text, and for all that is not common. */
  #toBytes(text: string): void {
    let whole = text;
    const last = text.charCodeAt(text.length - 1);
    if (last >= 0xd800 && last < 0xdc00) {
      this.#surrogate = text.slice(-1);
      whole = text.slice(0, -1);
    }
    this.#close();
    if (whole !== "") this.#openBytes(textToUtf8(whole));
  }

  #openBytes(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#head.open(bytes);
  }

  /** The chunk is used up. */
  #close(): void {
    this.#text = undefined;
    this.#at = 0;
    if (this.#bytes === undefined) return;
    this.#bytes = undefined;
    this.#head.close();
  }

  /**
   * The chunk ends after a frame, or with one more unit, `next`. Messages of WebSockets end so: with a frame, and the EOL that RabbitMQ
   * and ActiveMQ put after it. Then there is nothing in the chunk to be looked for once more.
   */
  #finish(length: number, next: number | undefined): void {
    if (this.#at < length) {
      if (next !== LF) return;
      this.#eols++;
    }
    this.#close();
    if (this.#queue.length > 0) this.#openNext();
  }

  // ---- text

  #nextOfText(text: string): Frame | undefined {
    const headers = this.#head.matchText(text, this.#at, this.#rules) ?? this.#headersOfText(text);
    if (headers !== undefined) {
      const to = this.#endOfBody(text);
      if (to >= 0) {
        const { command, end } = this.#head;
        this.#at = to + 1;
        if (to + 2 >= text.length) this.#finish(text.length, text.charCodeAt(to + 1));
        return new Frame(command, headers, text.slice(end, to));
      }
    }
    const from = this.#at;
    if (from < text.length) {
      this.#toBytes(from === 0 ? text : text.slice(from));
      return this.#nextOfBytes();
    }
    this.#close();
    return undefined;
  }

  /** The headers of the next head, if it is whole in the text and of the common kind; that it is not a known one at once was seen. */
  #headersOfText(text: string): FrameHeaders | undefined {
    const before = this.#at;
    const from = this.#skipEolsOfText(text);
    if (from === text.length || this.#rules.strict) return undefined;
    const known = from === before ? undefined : this.#head.matchText(text, from, this.#rules);
    return known ?? this.#head.readText(text, from, this.#rules);
  }

  #skipEolsOfText(text: string): number {
    let at = this.#at;
    for (; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      if (unit === LF) this.#eols++;
      else if (unit === CR && text.charCodeAt(at + 1) === LF && this.#crlf() !== "none") continue;
      else if (unit !== 0 || this.#rules.strict) break;
    }
    this.#at = at;
    return at;
  }

  /** Where the NUL is after the body that follows the head; -1 when it is not whole, or not where its length says. */
  #endOfBody(text: string): number {
    const { command, length, end } = this.#head;
    if (length === undefined) {
      const to = text.indexOf("\0", end);
      if (to > end) this.#checkUncountedText(command, text, end, to);
      return to;
    }
    const to = end + length;
    if (text.charCodeAt(to) === 0 && (this.#isAsciiText(text) || utf8Length(text.slice(end, to)) === length)) return to;
    // Octets are counted: only in ASCII are they characters. So a NUL found there by chance is not enough.
    const last = text.lastIndexOf("\0");
    return last >= end && utf8Length(text.slice(end, last)) === length ? last : -1;
  }

  /** Whether the chunk is all ASCII. It is asked for the whole of it, once: a slice is three times as slow to count in Node. */
  #isAsciiText(text: string): boolean {
    this.#isAscii ??= utf8Length(text) === text.length;
    return this.#isAscii;
  }

  #checkUncountedText(command: Command, text: string, from: number, to: number): void {
    const { limits } = this.#rules;
    checkMayHaveBody(command);
    if ((to - from) * 3 > limits.bodyBytes) checkUncountedBody(utf8Length(text.slice(from, to)), limits);
  }

  // ---- octets

  #nextOfBytes(): Frame | undefined {
    const bytes = this.#bytes;
    if (bytes === undefined) return undefined;
    if (this.#body !== undefined) return this.#continueBody(bytes, this.#body);
    if (!this.#inHead) {
      this.#skipEols(bytes);
      if (this.#at === bytes.length) {
        this.#close();
        return undefined;
      }
      const headers = this.#rules.strict ? undefined : this.#head.read(this.#at, this.#rules);
      if (headers !== undefined) {
        this.#at = this.#head.end;
        return this.#startBody(bytes, headers);
      }
      this.#partialHead.start(this.#crlf());
      this.#inHead = true;
    }
    return this.#continueHead(bytes);
  }

  #skipEols(bytes: Uint8Array): void {
    let at = this.#at;
    for (; at < bytes.length; at++) {
      const octet = bytes[at];
      if (octet === LF) this.#eols++;
      else if (octet === CR && bytes[at + 1] === LF && this.#crlf() !== "none") continue;
      else if (octet !== 0 || this.#rules.strict) break;
    }
    this.#at = at;
  }

  #continueHead(bytes: Uint8Array): Frame | undefined {
    const head = this.#partialHead;
    this.#at = head.take(bytes, this.#at);
    if (head.isEol) {
      this.#inHead = false;
      this.#eols++;
      return this.#nextOfBytes();
    }
    if (!head.isWhole) {
      this.#close();
      return undefined;
    }
    const text = strictUtf8ToText(head.bytes, 0, head.length);
    if (text === undefined) throw new ProtocolError("invalid-utf8", "header is not UTF-8");
    const { command, headers } = readHead(text, head.crlf, this.#rules);
    this.#inHead = false;
    const length = contentLengthOf(headers);
    if (length !== undefined) checkCountedBody(command, length, this.#rules.limits);
    this.#head.set(command, length);
    return this.#startBody(bytes, headers);
  }

  /** Before a version is agreed on, and in 1.2, each line chooses its end; in 1.0 and 1.1 the command line chooses for all. */
  #crlf(): "each" | "all" | "none" {
    const { version, strict } = this.#rules;
    if (version === "1.2" || version === undefined) return "each";
    return strict ? "none" : "all";
  }

  // ---- bodies

  #startBody(bytes: Uint8Array, headers: FrameHeaders): Frame | undefined {
    const from = this.#at;
    const { command, length } = this.#head;
    const { limits } = this.#rules;
    if (length === undefined) {
      // Most frames without a count have no body.
      const to = bytes[from] === 0 ? from : bytes.indexOf(0, from);
      if (to !== from && from < bytes.length) checkMayHaveBody(command);
      checkUncountedBody((to < 0 ? bytes.length : to) - from, limits);
      if (to >= 0) return this.#frame(headers, bytes, from, to);
    } else if (from + length < bytes.length) {
      // STOMP 1.2, "STOMP Frames": the body is followed by the NUL octet.
      if (bytes[from + length] !== 0) throw missingNul();
      return this.#frame(headers, bytes, from, from + length);
    }
    this.#headers = headers;
    this.#body = new BodyBuffer(length, limits);
    return this.#continueBody(bytes, this.#body);
  }

  #frame(headers: FrameHeaders, bytes: Uint8Array, from: number, to: number): Frame {
    const { command } = this.#head;
    const text = from === to ? "" : this.#head.textOf(from, to);
    this.#at = to + 1;
    if (to + 2 >= bytes.length) this.#finish(bytes.length, bytes[to + 1]);
    return from === to ? new Frame(command, headers, "") : new Frame(command, headers, text, bytes, from, to);
  }

  #continueBody(bytes: Uint8Array, body: BodyBuffer): Frame | undefined {
    if (!body.isCounted && this.#at < bytes.length && bytes[this.#at] !== 0) checkMayHaveBody(this.#head.command);
    this.#at = body.take(bytes, this.#at);
    if (!body.isWhole) {
      this.#close();
      return undefined;
    }
    const headers = this.#headers;
    this.#body = undefined;
    this.#headers = NO_HEADERS;
    return new Frame(this.#head.command, headers, undefined, body.bytes, 0, body.length);
  }
}
