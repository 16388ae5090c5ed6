/** The options of a client as the client uses them: checked, and with every default in one place. */
import { checkAtLeast, checkFunction } from "../../internal/checks.js";
import { checkTimeout } from "../../internal/duration.js";
import type { HeadersInit } from "../../protocol/headers.js";
import { type HeartBeat, heartBeatHeader } from "../../protocol/heart-beat.js";
import { type Limits, limitsOf } from "../../protocol/limits.js";
import { VERSIONS, type Version, orderVersions } from "../../protocol/version.js";
import type { SendStore } from "../../store.js";
import {
  type Credentials,
  type CredentialsFunction,
  type HeadersFunction,
  readConnectHeaders,
  optionalString,
} from "./credentials.js";
import type { BufferLimits, ClientOptions, Delivery, OutboxOptions, Propagation, SlowPolicy } from "./options.js";
import { type ReconnectPolicy, exponentialBackoff } from "./reconnect-policy.js";

/** Options with all defaults filled in. */
export interface ResolvedOptions {
  readonly credentials: Credentials | CredentialsFunction;
  readonly host: string;
  readonly headers: HeadersInit | HeadersFunction;
  readonly versions: readonly Version[];
  readonly heartBeat: HeartBeat;
  readonly heartBeatTolerance: number;
  readonly connectTimeout: number;
  readonly reconnect: ReconnectPolicy | false;
  readonly retryFirstConnect: boolean;
  readonly refusalLimit: number;
  readonly targetOrder: "given" | "shuffled";
  readonly receiptTimeout: number;
  readonly disconnectTimeout: number;
  readonly contentLength: boolean;
  readonly escapeConnect: boolean;
  readonly strict: boolean;
  readonly limits: Limits;
  readonly buffer: BufferLimits;
  readonly whenSlow: SlowPolicy;
  readonly delivery: Delivery;
  readonly outbox: ResolvedOutbox;
  readonly propagation: Propagation;
}

/** Outbox options with the defaults filled in. */
export interface ResolvedOutbox {
  readonly messages: number;
  readonly bytes: number;
  readonly whenFull: "wait" | "reject";
  readonly inFlight: number;
  readonly store: SendStore | undefined;
}

/**
 * Check options and fill in the defaults.
 *
 * @throws TypeError or RangeError naming the option that is wrong.
 */
export function resolveOptions(options: ClientOptions): ResolvedOptions {
  const { headers = {} } = options;
  return {
    credentials: resolveCredentials(options),
    host: optionalString("host", options.host) ?? "/",
    headers: typeof headers === "function" ? headers : readConnectHeaders(headers), // sent again in each session
    versions: orderVersions(options.versions ?? VERSIONS),
    heartBeat: resolveHeartBeat(options.heartBeat ?? {}),
    heartBeatTolerance: checkAtLeast("heartBeatTolerance", 1, options.heartBeatTolerance ?? 3),
    connectTimeout: checkTimeout("connectTimeout", options.connectTimeout ?? 10_000),
    reconnect: resolveReconnect(options.reconnect ?? exponentialBackoff()),
    retryFirstConnect: options.retryFirstConnect ?? false,
    refusalLimit: checkAtLeast("refusalLimit", 1, options.refusalLimit ?? 3),
    targetOrder: oneOf("targetOrder", options.targetOrder ?? "given", ["given", "shuffled"]),
    receiptTimeout: checkTimeout("receiptTimeout", options.receiptTimeout ?? 15_000),
    disconnectTimeout: checkTimeout("disconnectTimeout", options.disconnectTimeout ?? 2000),
    contentLength: options.contentLength ?? true,
    escapeConnect: options.escapeConnect ?? false,
    strict: options.strict ?? false,
    limits: limitsOf(options.limits),
    buffer: resolveBuffer(options.buffer ?? {}, BUFFER),
    whenSlow: oneOf("whenSlow", options.whenSlow ?? "fail", SLOW_POLICIES),
    delivery: oneOf("delivery", options.delivery ?? "at-most-once", ["at-most-once", "at-least-once"]),
    outbox: resolveOutbox(options.outbox ?? {}),
    propagation: resolvePropagation(options.propagation),
  };
}

function resolveCredentials({ credentials, login, passcode }: ClientOptions): Credentials | CredentialsFunction {
  if (credentials === undefined) {
    return { login: optionalString("login", login), passcode: optionalString("passcode", passcode) };
  }
  checkFunction("credentials", credentials);
  if (login !== undefined || passcode !== undefined) {
    throw new TypeError("give either credentials, or login and passcode");
  }
  return credentials;
}

function resolveReconnect(reconnect: unknown): ReconnectPolicy | false {
  if (reconnect === false || typeof reconnect === "function") return reconnect as ReconnectPolicy | false; // what it gives is checked when it is asked
  throw new TypeError("reconnect must be a policy function or false");
}

function resolveHeartBeat(given: Partial<HeartBeat> | false): HeartBeat {
  if (given === false) return { outgoing: 0, incoming: 0 };
  const heartBeat = { outgoing: given.outgoing ?? 10_000, incoming: given.incoming ?? 10_000 };
  heartBeatHeader(heartBeat); // throws for what no header can say
  return heartBeat;
}

const BUFFER: BufferLimits = { messages: 10_000, bytes: 67_108_864 };
const SLOW_POLICIES = ["fail", "drop-oldest"] as const;

/**
 * Check what a buffer may hold.
 *
 * @throws RangeError naming the option that is wrong.
 */
export function resolveBuffer(given: Partial<BufferLimits>, defaults: BufferLimits): BufferLimits {
  const buffer = { messages: given.messages ?? defaults.messages, bytes: given.bytes ?? defaults.bytes };
  for (const [name, value] of Object.entries(buffer)) checkAtLeast(`buffer.${name}`, 1, value);
  return buffer;
}

/** @throws TypeError for what is no policy. */
export function checkSlowPolicy(policy: SlowPolicy): SlowPolicy {
  return oneOf("whenSlow", policy, SLOW_POLICIES);
}

function resolveOutbox(given: OutboxOptions): ResolvedOutbox {
  const { messages = 10_000, bytes = 67_108_864, inFlight = 256, whenFull = "wait", store } = given;
  for (const [name, value] of Object.entries({ messages, bytes, inFlight })) checkAtLeast(`outbox.${name}`, 1, value);
  return { messages, bytes, inFlight, whenFull: oneOf("outbox.whenFull", whenFull, ["wait", "reject"]), store };
}

/** The object itself is kept: its functions may be methods. */
function resolvePropagation(propagation: Propagation = {}): Propagation {
  if (typeof propagation !== "object" || propagation === null) throw new TypeError("propagation must be an object");
  for (const name of ["inject", "run"] as const) checkFunction(`propagation.${name}`, propagation[name]);
  return propagation;
}

/** @throws TypeError for a value that is not among those that are allowed. */
export function oneOf<T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  throw new TypeError(
    `${name} must be ${allowed.map((one) => JSON.stringify(one)).join(" or ")}, not ${JSON.stringify(value)}`,
  );
}
