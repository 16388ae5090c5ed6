/** For platforms whose text messages end at the first NUL, as those of React Native do. */
import type { Transport } from "../transport.js";

const encoder = new TextEncoder();
/** Nothing but ends of lines: a heart-beat. */
const EOLS = /^[\r\n]*$/;

/**
 * Make a transport of ours, which is not started yet, send binary messages only, which are not cut, and put back the NUL that a text
 * message has lost. A body with a NUL in it arrives cut all the same, unless the broker sends binary messages.
 */
export function nulSafe<T extends Transport>(transport: T): T {
  const start = transport.start.bind(transport);
  const send = transport.send.bind(transport);
  transport.start = (sink) => {
    start({
      data: (chunk) => {
        sink.data(typeof chunk === "string" && !chunk.includes("\0") && !EOLS.test(chunk) ? `${chunk}\0` : chunk);
      },
      closed: (reason) => {
        sink.closed(reason);
      },
    });
  };
  transport.send = (chunk) => {
    send(typeof chunk === "string" ? encoder.encode(chunk) : chunk);
  };
  return transport;
}
