/** The options of a client, and every default in one place. */
import { checkTimeout } from "../internal/duration.js";
import { type HeartBeat } from "../protocol/heart-beat.js";
import { type HeadersInit, hasHeader } from "../protocol/headers.js";
import { type Limits, limitsOf } from "../protocol/limits.js";
import { VERSIONS, type Version, orderVersions } from "../protocol/version.js";

/** How much of what was delivered and not yet read a subscription keeps. */
export interface BufferLimits {
  /** Messages. @default 10000 */
  readonly messages: number;
  /** Octets of their bodies. @default 67108864 (64 MiB) */
  readonly bytes: number;
}

/** Options of a {@link Client} that do not concern its transport. All durations are in ms. */
export interface ClientOptions {
  /** The user's name. Absent: none is sent (RabbitMQ then logs in its default user). */
  readonly login?: string;
  /** The user's secret. It is never logged, and hidden from frame listeners. */
  readonly passcode?: string;
  /**
   * The virtual host. The specification lets a client choose any name; RabbitMQ knows virtual hosts by name and has `/`,
   * the other brokers ignore it.
   * @default "/"
   */
  readonly host?: string;
  /** More headers of CONNECT. */
  readonly headers?: HeadersInit;
  /**
   * The versions to offer.
   * @default ["1.2", "1.1", "1.0"]
   */
  readonly versions?: readonly Version[];
  /**
   * Heart-beats to offer: what we send at least this often, and what we want to get. `false`: none.
   * Beats from the client are under 60 s by default because RabbitMQ closes a WebSocket on which it hears nothing for that long.
   * @default { outgoing: 10000, incoming: 10000 }
   */
  readonly heartBeat?: Partial<HeartBeat> | false;
  /**
   * The broker is taken for dead when nothing came for the agreed time multiplied by this.
   * @default 2
   */
  readonly heartBeatTolerance?: number;
  /**
   * How long connecting may take, from looking up the name to CONNECTED.
   * @default 10000
   */
  readonly connectTimeout?: number;
  /**
   * How long a receipt is waited for where a call does not say. `Infinity`: as long as the connection lasts.
   * @default 15000
   */
  readonly receiptTimeout?: number;
  /**
   * How long `disconnect` waits for pending receipts and then for its own: some servers (Spring's simple broker) never answer.
   * @default 2000
   */
  readonly disconnectTimeout?: number;
  /**
   * Write `content-length` on what is sent. ActiveMQ takes a message without it for a JMS TextMessage, and with it for a BytesMessage.
   * @default true
   */
  readonly contentLength?: boolean;
  /**
   * Escape the headers of CONNECT, against the specification: RabbitMQ and ActiveMQ undo escapes there, so that a
   * passcode with a backslash reaches them only so.
   * @default false
   */
  readonly escapeConnect?: boolean;
  /**
   * Hold the broker to the letter of the specification.
   * @default false
   */
  readonly strict?: boolean;
  /** Limits on what the broker may send. */
  readonly limits?: Partial<Limits>;
  /**
   * What a subscription may keep unread. From a tenth of it on the broker is held back where the platform can (TCP, and
   * WebSocket in Node) unless a receipt is awaited; beyond it the subscription fails with `SlowConsumerError`.
   */
  readonly buffer?: Partial<BufferLimits>;
}

/** Options with all defaults filled in. */
export interface ResolvedOptions {
  readonly login: string | undefined;
  readonly passcode: string | undefined;
  readonly host: string;
  readonly headers: HeadersInit;
  readonly versions: readonly Version[];
  readonly heartBeat: HeartBeat;
  readonly heartBeatTolerance: number;
  readonly connectTimeout: number;
  readonly receiptTimeout: number;
  readonly disconnectTimeout: number;
  readonly contentLength: boolean;
  readonly escapeConnect: boolean;
  readonly strict: boolean;
  readonly limits: Limits;
  readonly buffer: BufferLimits;
}

/** Headers of CONNECT that have an option of their own, or are made from one. */
const OWN_HEADERS = ["login", "passcode", "host", "accept-version", "heart-beat"];

/**
 * Check options and fill in the defaults.
 *
 * @throws TypeError or RangeError naming the option that is wrong.
 */
export function resolveOptions(options: ClientOptions): ResolvedOptions {
  const headers = options.headers ?? {};
  for (const name of OWN_HEADERS) {
    if (hasHeader(headers, name)) throw new TypeError(`header "${name}" of CONNECT is an option of its own`);
  }
  const tolerance = options.heartBeatTolerance ?? 2;
  if (!(tolerance >= 1)) throw new RangeError(`heartBeatTolerance must be at least 1, not ${String(tolerance)}`);
  return {
    login: optionalString("login", options.login),
    passcode: optionalString("passcode", options.passcode),
    host: optionalString("host", options.host) ?? "/",
    headers,
    versions: orderVersions(options.versions ?? VERSIONS),
    heartBeat: resolveHeartBeat(options.heartBeat ?? {}),
    heartBeatTolerance: tolerance,
    connectTimeout: checkTimeout("connectTimeout", options.connectTimeout ?? 10_000),
    receiptTimeout: checkTimeout("receiptTimeout", options.receiptTimeout ?? 15_000),
    disconnectTimeout: checkTimeout("disconnectTimeout", options.disconnectTimeout ?? 2000),
    contentLength: options.contentLength ?? true,
    escapeConnect: options.escapeConnect ?? false,
    strict: options.strict ?? false,
    limits: limitsOf(options.limits),
    buffer: resolveBuffer(options.buffer ?? {}),
  };
}

function resolveHeartBeat(given: Partial<HeartBeat> | false): HeartBeat {
  if (given === false) return { outgoing: 0, incoming: 0 };
  const heartBeat = { outgoing: given.outgoing ?? 10_000, incoming: given.incoming ?? 10_000 };
  for (const [name, value] of Object.entries(heartBeat)) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`heartBeat.${name} must be a whole number of ms, or 0, not ${String(value)}`);
    }
  }
  return heartBeat;
}

function resolveBuffer(given: Partial<BufferLimits>): BufferLimits {
  const buffer = { messages: given.messages ?? 10_000, bytes: given.bytes ?? 67_108_864 };
  for (const [name, value] of Object.entries(buffer)) {
    if (!(value >= 1)) throw new RangeError(`buffer.${name} must be at least 1, not ${String(value)}`);
  }
  return buffer;
}

function optionalString(name: string, value: unknown): string | undefined {
  if (value !== undefined && typeof value !== "string") throw new TypeError(`${name} must be a string`);
  return value;
}
