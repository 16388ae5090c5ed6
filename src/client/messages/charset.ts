/** The text of a body by its content-type. */

let lastType: string | undefined;
let lastCharset: string | undefined;

/** The charset that a content-type names; `undefined`: none, or UTF-8. */
export function charsetOf(contentType: string | undefined): string | undefined {
  if (contentType === undefined) return undefined;
  // Most messages have the content-type of the one before.
  if (contentType !== lastType) {
    lastCharset = parseCharset(contentType);
    lastType = contentType;
  }
  return lastCharset;
}

function parseCharset(contentType: string): string | undefined {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(contentType)?.[1];
  return charset === undefined || /^utf-?8$/i.test(charset) ? undefined : charset;
}

/**
 * Decode octets of a charset, with U+FFFD for what is malformed.
 *
 * @throws RangeError for a charset that the platform does not know.
 */
export function decodeText(octets: Uint8Array, charset: string): string {
  return decoderFor(octets, charset).decode(octets);
}

function decoderFor(octets: Uint8Array, charset: string): TextDecoder {
  // RFC 2781, "Interpreting text labelled as UTF-16": a byte order mark tells the order, and is no part of the text.
  if (/^utf-16$/i.test(charset))
    return new TextDecoder(octets[0] === 0xfe && octets[1] === 0xff ? "utf-16be" : "utf-16le");
  try {
    return new TextDecoder(charset, { ignoreBOM: true });
  } catch (cause) {
    throw new RangeError(`charset ${JSON.stringify(charset)} is not known here`, { cause });
  }
}
