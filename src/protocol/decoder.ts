/**
 * The decoder: chunks of bytes or text go in, frames come out one by one, on demand.
 *
 * It is longer than 300 lines because it holds the state of a stream, which every step of reading bytes changes.
 */
import { strictUtf8ToText, textToUtf8 } from "#text";
import { ProtocolError } from "../errors.js";
import { BodyBuffer } from "./body-buffer.js";
import { checkCountedBody, checkMayHaveBody, checkUncountedBody, contentLengthOf, missingNul } from "./body-rules.js";
import { Eols, lineEndsOf } from "./eols.js";
import type { Escapes } from "./escape.js";
import { Frame } from "./frame.js";
import type { FrameHeaders } from "./headers.js";
import { HeadWindow } from "./head-window.js";
import { type HeadRules, NO_HEADERS, headRules, readHead } from "./head.js";
import { type Limits, limitsOf } from "./limits.js";
import { PartialHead } from "./partial-head.js";
import { TextFrameReader } from "./text-frame-reader.js";
import type { Version } from "./version.js";

/** How a {@link FrameDecoder} reads. */
export interface DecoderOptions {
  /** The version to read by. If it is not agreed on yet, leave it out and set it on the decoder later. */
  readonly version?: Version;
  /**
   * Accept only what the specification allows: no NUL between frames, no CR LF before 1.2, no padding in 1.0, no raw
   * colon in a value.
   * @default false
   */
  readonly strict?: boolean;
  /** How much to accept in one frame. @default the defaults of {@link Limits} */
  readonly limits?: Partial<Limits>;
}

/**
 * Decodes a stream of frames. Push chunks of bytes or text as they arrive, then take frames until there are no more:
 *
 *     decoder.push(chunk);
 *     for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) …
 *
 * Frames are decoded one by one because CONNECTED decides how to read the frame after it, which may be in the same chunk.
 * The pushed chunks and the limits bound the memory. After a fault, every call of `next` throws the same error.
 */
export class FrameDecoder {
  #rules: HeadRules;
  #queue: (Uint8Array | string)[] = [];

  // The chunk that is being read, bytes or text, and the place in it.
  #bytes: Uint8Array | undefined;
  #text: string | undefined;
  #at = 0;

  // Reads the heads in the chunk, and holds the command and length of the last one.
  readonly #head = new HeadWindow();
  readonly #eols = new Eols();
  readonly #textFrames = new TextFrameReader(this.#head, this.#eols);

  // A frame that began in an earlier chunk.
  readonly #partialHead: PartialHead;
  #inHead = false;
  #headers: FrameHeaders = NO_HEADERS;
  #body: BodyBuffer | undefined;

  /** The first half of a character that was cut by the end of a chunk of text. */
  #surrogate = "";
  #fault: ProtocolError | undefined;

  constructor(options: DecoderOptions = {}) {
    const limits = limitsOf(options.limits);
    this.#rules = headRules({
      version: options.version,
      tolerated: undefined,
      strict: options.strict === true,
      limits,
    });
    this.#partialHead = new PartialHead(limits.headerBytes);
  }

  /** The version to read by, from the next frame on. `undefined`: none is agreed on yet, and nothing is unescaped. */
  get version(): Version | undefined {
    return this.#rules.version;
  }

  set version(version: Version | undefined) {
    this.#rules = headRules({ ...this.#rules, version });
  }

  /** Undo these escapes in any version, from the next frame on: for a broker that is known to write them. */
  tolerate(escapes: Escapes | undefined): void {
    this.#rules = headRules({ ...this.#rules, tolerated: escapes });
  }

  /** How many EOLs there were between frames so far: heart-beats, and the EOLs that peers put after each frame. */
  get eols(): number {
    return this.#eols.count;
  }

  /** Whether only part of a frame has arrived, so that the stream must not end here. */
  get midFrame(): boolean {
    return this.#inHead || this.#body !== undefined || this.#surrogate !== "";
  }

  /** Take a chunk. Do not change its bytes afterwards: frames may be views of them. */
  push(chunk: Uint8Array | string): void {
    if (chunk.length === 0 || this.#fault !== undefined) return;
    if (this.#bytes === undefined && this.#text === undefined) this.#open(chunk);
    else this.#queue.push(chunk);
  }

  /**
   * Decode the next frame. Returns `undefined` when it has not arrived in full.
   *
   * @throws ProtocolError when the bytes are not a valid frame; LimitError when a limit is exceeded.
   */
  next(): Frame | undefined {
    // The common case: a chunk has one frame, and the caller asks for a second.
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
   * Tell the decoder that the stream has ended. Call it when `next` has returned `undefined`.
   *
   * @throws ProtocolError (`truncated`) when the stream ended inside a frame.
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

  /** Open the next chunk. Returns whether there was one. No chunk waits while none is open. */
  #openNext(): boolean {
    const chunk = this.#queue.shift();
    if (chunk === undefined) return false;
    this.#open(chunk);
    return true;
  }

  #open(chunk: Uint8Array | string): void {
    let opened = chunk;
    if (this.#surrogate !== "") {
      // A WebSocket's text message cannot end inside a character, but a chunk of text can.
      const rest = typeof chunk === "string" ? chunk : "";
      if (rest === "") this.#queue.unshift(chunk);
      opened = this.#surrogate + rest;
      this.#surrogate = "";
      if (rest === "") opened = textToUtf8(opened);
    }
    this.#at = 0;
    if (typeof opened !== "string") this.#openBytes(opened);
    else if (this.#inHead || this.#body !== undefined) this.#toBytes(opened);
    else this.#text = opened;
  }

  /** Read the text as bytes: for frames that span chunks of text, and for heads that are not of the common kind. */
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

  /** Let go of the chunk: all of it was read. */
  #close(): void {
    this.#text = undefined;
    this.#at = 0;
    if (this.#bytes === undefined) return;
    this.#bytes = undefined;
    this.#head.close();
  }

  /**
   * Close the chunk if it ends after a frame, or after that frame and the EOL `next`. WebSocket messages do: RabbitMQ and
   * ActiveMQ put an EOL after the frame. It saves another look at the chunk.
   */
  #finish(length: number, next: number | undefined): void {
    if (this.#at < length && !this.#eols.takeAfterFrame(next)) return;
    this.#close();
    this.#openNext();
  }

  // ---- text

  #nextOfText(text: string): Frame | undefined {
    const frame = this.#textFrames.read(text, this.#at, this.#rules);
    const at = this.#textFrames.end;
    this.#at = at;
    if (frame !== undefined) {
      if (at + 1 >= text.length) this.#finish(text.length, text.charCodeAt(at));
      return frame;
    }
    if (at < text.length) {
      this.#toBytes(at === 0 ? text : text.slice(at));
      return this.#nextOfBytes();
    }
    this.#close();
    return undefined;
  }

  // ---- bytes

  #nextOfBytes(): Frame | undefined {
    const bytes = this.#bytes;
    if (bytes === undefined) return undefined;
    if (this.#body !== undefined) return this.#continueBody(bytes, this.#body);
    if (!this.#inHead) {
      this.#at = this.#eols.skipInBytes(bytes, this.#at, this.#rules);
      if (this.#at === bytes.length) {
        this.#close();
        return undefined;
      }
      const headers = this.#rules.strict ? undefined : this.#head.read(this.#at, this.#rules);
      if (headers !== undefined) {
        this.#at = this.#head.end;
        return this.#startBody(bytes, headers);
      }
      this.#partialHead.start(lineEndsOf(this.#rules));
      this.#inHead = true;
    }
    return this.#continueHead(bytes);
  }

  #continueHead(bytes: Uint8Array): Frame | undefined {
    const head = this.#partialHead;
    this.#at = head.take(bytes, this.#at);
    if (head.isEol) {
      this.#inHead = false;
      this.#eols.count++;
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
