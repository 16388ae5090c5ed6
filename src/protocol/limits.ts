/** How much of one frame is accepted from a peer. */

/** Limits on what a peer may send. They are enforced before memory is spent: on an announced length, or while octets arrive. */
export interface Limits {
  /**
   * Octets of the command line and the header lines of a frame together.
   * @default 1048576 (1 MiB): brokers let a single header of that size through
   */
  readonly headerBytes: number;
  /**
   * Header lines of a frame.
   * @default 1000: what ActiveMQ accepts of its own clients
   */
  readonly headers: number;
  /**
   * Octets of a body.
   * @default 134217728 (128 MiB): the largest message that RabbitMQ's defaults let through (ActiveMQ: 100 MiB)
   */
  readonly bodyBytes: number;
}

/** The limits that hold where none are given. */
export const DEFAULT_LIMITS: Limits = { headerBytes: 1_048_576, headers: 1000, bodyBytes: 134_217_728 };

/**
 * Fill in the limits that are not given.
 *
 * @throws RangeError for one that is no positive integer.
 */
export function limitsOf(given: Partial<Limits> = {}): Limits {
  const limits = {
    headerBytes: given.headerBytes ?? DEFAULT_LIMITS.headerBytes,
    headers: given.headers ?? DEFAULT_LIMITS.headers,
    bodyBytes: given.bodyBytes ?? DEFAULT_LIMITS.bodyBytes,
  };
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new RangeError(`limits.${name} must be a positive integer, not ${String(value)}`);
    }
  }
  return limits;
}
