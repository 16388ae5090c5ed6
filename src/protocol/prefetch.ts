/** Which header of SUBSCRIBE bounds what a broker sends ahead. */
import type { HeaderValue } from "./index.js";

/** For each message that may be sent ahead, how many octets Artemis may send: it counts octets alone. */
const ARTEMIS_OCTETS = 1024;

/** The headers that ask a broker for at most `prefetch` unacknowledged messages. `server`: its header of that name in CONNECTED. */
export function prefetchHeaders(
  prefetch: number | undefined,
  server: string | undefined,
): (readonly [name: string, value: HeaderValue])[] {
  if (prefetch === undefined) return [];
  const rabbit = ["prefetch-count", prefetch] as const;
  const active = ["activemq.prefetchSize", prefetch] as const;
  if (server?.startsWith("RabbitMQ/") === true) return [rabbit];
  if (server?.startsWith("ActiveMQ/") === true) return [active];
  if (server?.startsWith("ActiveMQ-Artemis/") === true) {
    // With 0 it sends one at a time, else until what is unacknowledged has that many octets.
    return [["consumer-window-size", prefetch === 1 ? 0 : prefetch * ARTEMIS_OCTETS]];
  }
  return [rabbit, active]; // a header that a broker does not know does no harm
}
