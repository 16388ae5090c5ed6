/** Which header of SUBSCRIBE bounds what a broker sends ahead. */
import type { HeaderValue } from "../protocol/index.js";

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
  return [rabbit, active]; // a header that a broker does not know does no harm
}
