/** What stands in for `tcp.ts` on platforms that have no TCP: browsers. */
import type { Dial } from "../transport.js";
import type { TcpAddress, TcpOptions } from "./tcp-target.js";

export type { TcpAddress, TcpOptions } from "./tcp-target.js";

/**
 * Refuse to dial over TCP.
 *
 * @throws TypeError always: this platform has no TCP.
 */
export function tcp(_target: string | URL | TcpAddress, _options?: TcpOptions): Dial {
  throw new TypeError("this platform has no TCP; use a ws: or wss: URL");
}
