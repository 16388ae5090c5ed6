/** The decoder: chunks of octets or text in, frames out one by one, on demand. */
import { octetsToText, strictUtf8ToText, textToUtf8, utf8Length } from "#text";
import { LimitError, ProtocolError } from "../errors.js";
import { BodyBuffer, checkUncountedBody } from "./body-buffer.js";
import { type Command, mayHaveBody } from "./command.js";
import type { Escapes } from "./escape.js";
import { Frame } from "./frame.js";
import { type HeadRules, checkHeaderCount, commandOf, headersOfBlock, readHead } from "./head.js";
import type { FrameHeaders } from "./headers.js";
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

/** A head of the common kind: no carriage return, a name and a colon in each line. (That of octets is of ASCII besides.) */
const COMMON_HEAD = /[A-Z]+\n(?:[^:\n\r]+:[^\n\r]*\n){0,64}\n/y;
const COMMON_ASCII_HEAD = /[A-Z]+\n(?:[^:\n\r\x80-\uffff]+:[^\n\r\x80-\uffff]*\n){0,64}\n/y;
/** Octets are turned to text for that search this many at a time, so that what is kept of a head keeps no more than this. */
const WINDOW = 4096;
/** So many lines of three characters fit in a limit on headers that lines need not be counted below it. */
const SHORTEST_LINE = 3;

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
  #at = 0;

  // The window of #bytes as text.
  #window = "";
  #windowFrom = 0;

  // A frame that began in an earlier chunk.
  readonly #partialHead: PartialHead;
  #inHead = false;
  #command: Command = "MESSAGE";
  #headers: FrameHeaders | undefined;
  #body: BodyBuffer | undefined;

  #surrogate = "";
  #eols = 0;
  #fault: ProtocolError | undefined;

  constructor(options: DecoderOptions = {}) {
    const limits = limitsOf(options.limits);
    this.#rules = { version: options.version, tolerated: undefined, strict: options.strict === true, limits };
    this.#partialHead = new PartialHead(limits.headerBytes);
  }

  /** The version to read by; `undefined` before one is agreed on, when nothing is unescaped. Counts from the next frame on. */
  get version(): Version | undefined {
    return this.#rules.version;
  }

  set version(version: Version | undefined) {
    this.#rules = { ...this.#rules, version };
  }

  /** Undo these escapes from the next frame on whatever the version says, for a broker known to write them. */
  tolerate(escapes: Escapes | undefined): void {
    this.#rules = { ...this.#rules, tolerated: escapes };
  }

  /** How many EOLs stood outside frames so far: heart-beats, and those that peers put after each frame. */
  get eols(): number {
    return this.#eols;
  }

  /** Whether part of a frame has arrived: the stream must not end here. */
  get midFrame(): boolean {
    return this.#inHead || this.#headers !== undefined || this.#surrogate !== "";
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
    if (this.#fault !== undefined) throw this.#fault;
    try {
      for (;;) {
        const frame = this.#text !== undefined ? this.#nextOfText(this.#text) : this.#nextOfBytes();
        if (frame !== undefined) return frame;
        const chunk = this.#queue.shift();
        if (chunk === undefined) return undefined;
        this.#open(chunk);
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
    this.#fail(new ProtocolError("truncated", "the stream ended inside a frame"));
    throw this.#fault;
  }

  #fail(error: ProtocolError): void {
    this.#fault = error;
    this.#queue = [];
    this.#close();
    this.#body = undefined;
    this.#headers = undefined;
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
    if (typeof opened !== "string") this.#bytes = opened;
    else if (this.#inHead || this.#headers !== undefined) this.#toBytes(opened);
    else this.#text = opened;
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
    if (whole !== "") this.#bytes = textToUtf8(whole);
  }

  /** The chunk is used up. */
  #close(): void {
    this.#bytes = undefined;
    this.#text = undefined;
    this.#at = 0;
    this.#window = "";
    this.#windowFrom = 0;
  }

  // ---- text

  #nextOfText(text: string): Frame | undefined {
    const from = this.#skipEolsOfText(text);
    if (from === text.length) {
      this.#close();
      return undefined;
    }
    const frame = this.#rules.strict ? undefined : this.#frameOfText(text, from);
    if (frame === undefined) {
      this.#toBytes(from === 0 ? text : text.slice(from));
      return this.#nextOfBytes();
    }
    return frame;
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

  /** The frame at `from`, when it is whole and of the common kind. */
  #frameOfText(text: string, from: number): Frame | undefined {
    COMMON_HEAD.lastIndex = from;
    if (!COMMON_HEAD.test(text)) return undefined;
    const bodyFrom = COMMON_HEAD.lastIndex;
    const head = text.slice(from, bodyFrom - 1);
    const { limits } = this.#rules;
    if (head.length * 3 > limits.headerBytes && utf8Length(head) > limits.headerBytes) return undefined;
    const command = this.#readCommonHead(head);
    const headers = this.#takeHeaders();
    const length = this.#bodyLength(command, headers);
    let to: number;
    if (length === undefined) {
      to = text.indexOf("\0", bodyFrom);
      if (to < 0) return undefined;
    } else {
      // A count of octets is a place in the text where the body is of ASCII, or where its length in UTF-8 agrees.
      to = bodyFrom + length;
      if (text.charCodeAt(to) !== 0 || utf8Length(text.slice(bodyFrom, to)) !== length) {
        to = text.lastIndexOf("\0");
        if (to < bodyFrom || utf8Length(text.slice(bodyFrom, to)) !== length) return undefined;
      }
    }
    const body = text.slice(bodyFrom, to);
    if (length === undefined) {
      if (body.length * 3 > limits.bodyBytes) checkUncountedBody(utf8Length(body), limits);
      if (body !== "") checkMayHaveBody(command);
    }
    this.#at = to + 1;
    return new Frame(command, headers, body);
  }

  // ---- octets

  #nextOfBytes(): Frame | undefined {
    const bytes = this.#bytes;
    if (bytes === undefined) return undefined;
    if (this.#headers !== undefined) return this.#continueBody(bytes, this.#headers);
    if (!this.#inHead) {
      this.#skipEols(bytes);
      if (this.#at === bytes.length) {
        this.#close();
        return undefined;
      }
      if (!this.#rules.strict && this.#commonHead(bytes)) return this.#startBody(bytes, this.#takeHeaders());
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

  /** Read the head at the place reached, if it is whole in this chunk and of the common kind. */
  #commonHead(bytes: Uint8Array): boolean {
    for (;;) {
      const from = this.#at - this.#windowFrom;
      if (from < this.#window.length) {
        COMMON_ASCII_HEAD.lastIndex = from;
        if (COMMON_ASCII_HEAD.test(this.#window)) {
          const end = COMMON_ASCII_HEAD.lastIndex;
          if (end - from - 1 > this.#rules.limits.headerBytes) return false;
          this.#command = this.#readCommonHead(this.#window.slice(from, end - 1));
          this.#at = this.#windowFrom + end;
          return true;
        }
        // Perhaps the window ends too early.
        if (from === 0 || this.#windowFrom + this.#window.length === bytes.length) return false;
      }
      this.#windowFrom = this.#at;
      this.#window = octetsToText(bytes, this.#at, Math.min(bytes.length, this.#at + WINDOW));
    }
  }

  /** Read a head of the common kind: from the command to the line feed of the last header line. */
  #readCommonHead(head: string): Command {
    const eol = head.indexOf("\n");
    const command = commandOf(head.slice(0, eol));
    const { limits } = this.#rules;
    if (head.length > limits.headers * SHORTEST_LINE) checkHeaderCount(countLines(head) - 1, limits);
    this.#headers = headersOfBlock(command, head.slice(eol), this.#rules);
    return command;
  }

  #takeHeaders(): FrameHeaders {
    const headers = this.#headers;
    if (headers === undefined) throw new TypeError("no head was read"); // cannot be: each caller has just read one
    this.#headers = undefined;
    return headers;
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
    this.#command = command;
    return this.#startBody(bytes, headers);
  }

  /** Before a version is agreed on, and in 1.2, each line chooses its end; in 1.0 and 1.1 the command line chooses for all. */
  #crlf(): "each" | "all" | "none" {
    const { version, strict } = this.#rules;
    if (version === "1.2" || version === undefined) return "each";
    return strict ? "none" : "all";
  }

  #startBody(bytes: Uint8Array, headers: FrameHeaders): Frame | undefined {
    const command = this.#command;
    const from = this.#at;
    const length = this.#bodyLength(command, headers);
    const { limits } = this.#rules;
    if (length === undefined) {
      // Most frames without a count have no body.
      const to = bytes[from] === 0 ? from : bytes.indexOf(0, from);
      checkUncountedBody((to < 0 ? bytes.length : to) - from, limits);
      if (to !== from && from < bytes.length) checkMayHaveBody(command);
      if (to >= 0) return this.#frame(command, headers, bytes, from, to);
    } else if (from + length < bytes.length) {
      checkNul(bytes[from + length]);
      return this.#frame(command, headers, bytes, from, from + length);
    }
    this.#headers = headers;
    this.#body = new BodyBuffer(length, limits);
    return this.#continueBody(bytes, headers);
  }

  #frame(command: Command, headers: FrameHeaders, bytes: Uint8Array, from: number, to: number): Frame {
    this.#at = to + 1;
    return from === to ? new Frame(command, headers, "") : new Frame(command, headers, undefined, bytes, from, to);
  }

  #continueBody(bytes: Uint8Array, headers: FrameHeaders): Frame | undefined {
    const body = this.#body;
    if (body === undefined) throw new TypeError("no body was begun"); // cannot be: it is made together with #headers
    if (!body.isCounted && this.#at < bytes.length && bytes[this.#at] !== 0) checkMayHaveBody(this.#command);
    this.#at = body.take(bytes, this.#at);
    if (!body.isWhole) {
      this.#close();
      return undefined;
    }
    this.#headers = undefined;
    this.#body = undefined;
    return new Frame(this.#command, headers, undefined, body.bytes, 0, body.length);
  }

  /** The announced length of the body, checked; `undefined`: it ends at the first NUL. */
  #bodyLength(command: Command, headers: FrameHeaders): number | undefined {
    const text = headers.get("content-length");
    if (text === undefined) return undefined;
    // STOMP 1.2, "Header content-length": "an octet count". Digits only: no sign, no padding, no exponent.
    if (!/^[0-9]+$/.test(text)) {
      throw new ProtocolError("bad-content-length", `content-length ${JSON.stringify(text.slice(0, 40))} is no octet count`);
    }
    const length = Number(text);
    checkBody(length, this.#rules.limits);
    if (length > 0) checkMayHaveBody(command);
    return length;
  }
}

function countLines(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count++;
  return count;
}

/** @throws LimitError for a body, announced or come, beyond the limit. */
function checkBody(length: number, limits: Limits): void {
  if (length > limits.bodyBytes) {
    throw new LimitError(`frame body is ${length} bytes, limit is ${limits.bodyBytes}`, length, limits.bodyBytes);
  }
}

function checkMayHaveBody(command: Command): void {
  if (!mayHaveBody(command)) throw new ProtocolError("unexpected-body", `${command} frame has a body`);
}

/** STOMP 1.2, "STOMP Frames": the body is followed by the NUL octet. */
function checkNul(octet: number | undefined): void {
  if (octet !== 0) throw new ProtocolError("missing-nul", "no NUL after a body of the announced content-length");
}
