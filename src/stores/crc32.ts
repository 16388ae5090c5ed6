/** The remainders of all octets, for the polynomial of ISO 3309 with its bits reversed. */
const REMAINDERS = /* @__PURE__ */ remainders();

/** Compute the CRC-32 (as zip and PNG have it) of a part of `octets`. Node 20 has `crc32` in `node:zlib` only from 20.15. */
export function crc32(octets: Uint8Array, start = 0, end: number = octets.length): number {
  let rest = 0xffffffff;
  for (let index = start; index < end; index++) {
    // Both indices are in range; `?? 0` is what the compiler wants to see.
    rest = (REMAINDERS[(rest ^ (octets[index] ?? 0)) & 0xff] ?? 0) ^ (rest >>> 8);
  }
  return (rest ^ 0xffffffff) >>> 0;
}

function remainders(): Int32Array {
  return new Int32Array(256).map((_, octet) => {
    let rest = octet;
    for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
    return rest;
  });
}
