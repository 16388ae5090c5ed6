/** What CONNECT says, asked afresh at each attempt. */
import { ConnectError, type StompError } from "../../errors.js";
import { messageOf } from "../../internal/message-of.js";
import { type HeadersInit, type HeaderValue } from "../../protocol/index.js";
import { pairsWithout } from "../../protocol/headers.js";

/** What an attempt to connect tells to the functions that it asks. */
export interface AttemptInfo {
  /** 0 for the first, then counted as in {@link ReconnectPolicy}. */
  readonly attempt: number;
  /** Aborted when the attempt is given up or takes too long. */
  readonly signal: AbortSignal;
  /** What went wrong before, where there is a before. */
  readonly lastError: StompError | undefined;
}

/** Who connects. */
export interface Credentials {
  /** The user's name. */
  readonly login?: string | undefined;
  /** The user's secret. */
  readonly passcode?: string | undefined;
}

/** Is asked for credentials at each attempt to connect. */
export type CredentialsFunction = (attempt: AttemptInfo) => Credentials | Promise<Credentials>;

/** Is asked for more headers of CONNECT at each attempt to connect. */
export type HeadersFunction = (attempt: AttemptInfo) => HeadersInit | Promise<HeadersInit>;

/** What the headers of CONNECT are made of. */
export interface LoginSource {
  readonly credentials: Credentials | CredentialsFunction;
  readonly host: string;
  readonly headers: HeadersInit | HeadersFunction;
}

/** The headers of CONNECT. */
export type ConnectHeaders = readonly (readonly [name: string, value: HeaderValue | undefined])[];

/** Headers of CONNECT that have an option of their own, or are made from one. */
const OWN_HEADERS = ["login", "passcode", "host", "accept-version", "heart-beat"];

/** A caller's headers of CONNECT. @throws TypeError when there is one that has an option of its own. */
export function readConnectHeaders(headers: HeadersInit): ConnectHeaders {
  return pairsWithout(OWN_HEADERS, headers, "CONNECT");
}

/**
 * The headers of CONNECT for an attempt. Rejects with ConnectError (`prepare`) when a function of the user's fails, with
 * TypeError when it gives what is no such thing.
 */
export async function connectHeaders(source: LoginSource, attempt: AttemptInfo): Promise<ConnectHeaders> {
  const { credentials, headers, host } = source;
  const { login, passcode } =
    typeof credentials === "function" ? await asked("credentials", credentials, attempt) : credentials;
  const more = typeof headers === "function" ? await asked("headers", headers, attempt) : headers;
  return [
    ["host", host],
    ["login", optionalString("login", login)],
    ["passcode", optionalString("passcode", passcode)],
    ...readConnectHeaders(more),
  ];
}

async function asked<T>(name: string, ask: (attempt: AttemptInfo) => T | Promise<T>, attempt: AttemptInfo): Promise<T> {
  try {
    const answer = await ask(attempt);
    if (typeof answer === "object" && answer !== null) return answer;
  } catch (error) {
    throw new ConnectError("prepare", `the function for ${name} failed: ${messageOf(error)}`, { cause: error });
  }
  throw new TypeError(`the function for ${name} must give an object`);
}

/** @throws TypeError for what is neither a string nor `undefined`. */
export function optionalString(name: string, value: unknown): string | undefined {
  if (value !== undefined && typeof value !== "string") throw new TypeError(`${name} must be a string`);
  return value;
}
