/**
 * What the protocol core needs of its platform, declared here because it is compiled without the DOM's and Node's
 * types: everything else (timers, sockets, console, process) is then an error of the compiler.
 */
declare class TextEncoder {
  encode(text: string): Uint8Array;
}
declare class TextDecoder {
  constructor(encoding: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes: Uint8Array): string;
}
