import type { TransportSink } from "../../src/transport.js";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/** Make octets of either sort of chunk. */
export function octetsOf(chunk: Uint8Array | string): Uint8Array {
  return typeof chunk === "string" ? encoder.encode(chunk) : chunk;
}

/** Join chunks to octets. */
export function joined(chunks: readonly (Uint8Array | string)[]): Uint8Array {
  const parts = chunks.map(octetsOf);
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A sink that keeps everything, lets tests wait for it, and refuses what the contract forbids. */
export class RecordingSink implements TransportSink {
  readonly chunks: (Uint8Array | string)[] = [];
  /** One entry for each call of `closed`. */
  readonly ends: (Error | undefined)[] = [];
  /** Called with each chunk, after it was recorded. */
  onData: (chunk: Uint8Array | string) => void = () => undefined;
  octets = 0;
  #wake: (() => void)[] = [];

  data(chunk: Uint8Array | string): void {
    if (this.ends.length > 0) throw new Error("data after closed");
    this.chunks.push(chunk);
    this.octets += octetsOf(chunk).length;
    this.#stir();
    this.onData(chunk);
  }

  closed(reason?: Error): void {
    this.ends.push(reason);
    this.#stir();
  }

  /** All that was delivered, as text. */
  get text(): string {
    return decoder.decode(joined(this.chunks));
  }

  /** Wait until so many octets were delivered; gives all of them as text. */
  async received(octets: number): Promise<string> {
    await this.until(() => this.octets >= octets);
    return this.text;
  }

  /** Wait for the end; gives its reason. */
  async end(): Promise<Error | undefined> {
    await this.until(() => this.ends.length > 0);
    return this.ends[0];
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.ends.length > 0)
        throw new Error(`the transport ended: ${String(this.ends[0])}; delivered: ${this.text}`);
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  #stir(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
