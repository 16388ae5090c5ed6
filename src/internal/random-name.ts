/** A name that nothing else has: 96 bits of chance, in hexadecimal. (`crypto.randomUUID` is missing in pages without TLS.) */
export function randomName(): string {
  const octets = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}
