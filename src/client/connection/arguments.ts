/** Checks of what callers give. */
import type { Body } from "../../protocol/index.js";

/** @throws TypeError unless `destination` is a string that is not empty. */
export function checkDestination(destination: unknown): void {
  if (typeof destination !== "string" || destination === "") {
    throw new TypeError("destination must be a string that is not empty");
  }
}

/** @throws TypeError unless `body` is one that can be sent. */
export function checkBody(body: Body): void {
  if (typeof body === "string" || body instanceof Uint8Array || body instanceof ArrayBuffer) return;
  const kind = body === null ? "null" : typeof body;
  throw new TypeError(
    `body must be a string, Uint8Array or ArrayBuffer, not ${kind}; JSON.stringify makes a string of an object`,
  );
}
