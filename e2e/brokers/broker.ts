/** What the tests know of a broker, whichever it is. */

/** How a broker is reached. `tls` and `wss` have a certificate that is its own authority. `sockjs`: over a WebSocket of SockJS. */
export type Carrier = "tcp" | "tls" | "ws" | "wss" | "sockjs";

/** Where a running broker is: plain data, to be handed to other processes. */
export interface BrokerAddress {
  /** The URLs it listens at, by carrier. */
  readonly endpoints: Readonly<Partial<Record<Carrier, string>>>;
  /** The certificate of its TLS ports, PEM: their authority is itself. */
  readonly ca: string | undefined;
  /** The version as the broker or its package says it, such as `"3.10.8"`. */
  readonly version: string;
  /** The folder where it keeps all that it writes. */
  readonly base: string;
}

/** A broker that the tests have started, and that is gone with them. */
export interface RunningBroker extends AsyncDisposable {
  readonly address: BrokerAddress;
  /** Send it a signal: SIGKILL is a crash, SIGSTOP makes it hang, SIGCONT lets it go on. */
  signal(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): Promise<void>;
  /** Start it again after a SIGKILL, on the same ports and data. Resolves once it takes logins. */
  restart(): Promise<void>;
  /** Stop it; what it wrote is removed. */
  stop(): Promise<void>;
}

/** A kind of broker. */
export interface BrokerKind {
  readonly name: string;
  /** Make sure that it is there, installing or fetching it. Resolves with what is wrong where it cannot be had. */
  ensure(): Promise<string | undefined>;
  /** Start one. Resolves once it takes logins. */
  start(): Promise<RunningBroker>;
}
