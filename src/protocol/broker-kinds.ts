/** What brokers are known to do against the specification, by the `server` header of CONNECTED. */
import type { Escapes } from "./escape.js";
import type { Version } from "./version.js";

/** Escapes that a broker uses whatever the version says; absent where it keeps to the version. */
export interface Quirks {
  /** Escapes that it writes. */
  readonly reading?: Escapes;
  /** Escapes that it undoes. */
  readonly writing?: Escapes;
}

const NO_QUIRKS: Quirks = {};

interface Row {
  readonly server: RegExp;
  readonly version: Version;
  readonly quirks: Quirks;
}

const ROWS: readonly Row[] = [
  // RabbitMQ (3.10 to 4.3 at least) escapes all four characters, and undoes all escapes, in every version.
  { server: /^RabbitMQ\//, version: "1.1", quirks: { reading: "1.2" } },
  // Line feeds and colons stay refused in 1.0; a backslash would end the connection if it went as it is.
  { server: /^RabbitMQ\//, version: "1.0", quirks: { reading: "1.2", writing: "backslash" } },
];

/** What a broker does against the specification in a session of `version`. `server`: its header, as in `RabbitMQ/3.10.8`. */
export function quirksOf(server: string | undefined, version: Version): Quirks {
  if (server === undefined) return NO_QUIRKS;
  return ROWS.find((row) => row.version === version && row.server.test(server))?.quirks ?? NO_QUIRKS;
}
