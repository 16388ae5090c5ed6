/** The part of TLS that is the same for TCP and WebSocket in Node. */
import { createSecureContext, type ConnectionOptions } from "node:tls";
import { messageOf } from "../internal/message-of.js";
import type { TlsOptions } from "./tls-options.js";

/**
 * Check options of TLS, and read keys and certificates: once, so that reconnects need not.
 *
 * @throws TypeError if they are no options, or cannot be read.
 */
export function secured(tls: TlsOptions): ConnectionOptions {
  if (typeof tls !== "object" || tls === null) throw new TypeError("tls must be an object of TLS options");
  // TlsOptions is a view of Node's ConnectionOptions that is readonly and needs no types of Node; Node checks what it gets.
  const options = tls as ConnectionOptions;
  try {
    return { ...options, secureContext: options.secureContext ?? createSecureContext(options) };
  } catch (cause) {
    const hint = "are ca, cert and key PEM, and is the passphrase right?";
    throw new TypeError(`tls cannot be used: ${messageOf(cause)}; ${hint}`, { cause });
  }
}
