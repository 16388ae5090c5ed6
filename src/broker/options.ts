/** The options of a broker: every default is here. */
import { checkDuration } from "../internal/duration.js";
import { type Frame, type HeartBeat, type Limits, ServerSession, VERSIONS, type Version } from "../protocol/index.js";
import type { BrokerConnection } from "./broker-connection.js";
import { type Dialect, DIALECTS, type DialectName } from "./dialect.js";
import type { HeartBeatPolicy } from "./heart-beat-offer.js";
import type { QueueBounds } from "./queue.js";

/** How much a broker keeps. */
export interface StoreBounds extends QueueBounds {
  /** Octets in all queues together. @default 536870912 (512 MiB) */
  readonly totalBytes: number;
}

/** How a {@link Broker} behaves. */
export interface BrokerOptions {
  /** Passcodes by login. @default anyone may connect, with whatever login */
  readonly users?: Readonly<Record<string, string>>;
  /** The values of `host` that are accepted in CONNECT; a client that names none is. They share their queues. @default any */
  readonly virtualHosts?: readonly string[];
  /** The versions spoken. @default all: 1.2, 1.1, 1.0 */
  readonly versions?: readonly Version[];
  /**
   * How often the broker can send and wants to receive, in ms.
   * @default what the dialect says: 10000 both ways; those of RabbitMQ and ActiveMQ offer what the client asks for
   */
  readonly heartBeat?: HeartBeat;
  /** A client is dropped when it was silent for the agreed time multiplied by this. @default 2 */
  readonly heartBeatTolerance?: number;
  /** How long a client may take to send CONNECT, in ms. @default 10000 */
  readonly connectTimeout?: number;
  /** The `server` header of CONNECTED. @default what the dialect says: "stompede" */
  readonly server?: string;
  /** What a frame of a client may have. @default those of {@link Limits} */
  readonly limits?: Partial<Limits>;
  /** Hold clients to the letter of the specification, `host` in CONNECT included. @default false */
  readonly strict?: boolean;
  /**
   * How much is kept. A SEND that a queue has no room for is refused. A subscription to a topic has a queue of its own with
   * the same bounds; when that has no room the subscription is ended by an ERROR that names it (and with it, in the strict
   * dialect, the connection, as by every ERROR).
   */
  readonly store?: Partial<StoreBounds>;
  /**
   * What becomes of a message that is refused by NACK. `"requeue"`: it goes back to its place in the queue. `"dead-letter"`:
   * it goes to `/queue/DLQ`, with its destination as `original-destination`. A NACK with `requeue:false` always means the latter.
   * @default what the dialect says: "requeue"
   */
  readonly nack?: "requeue" | "dead-letter";
  /**
   * Whose behaviour is followed where brokers differ. `"strict"`: the specification's, to the letter. `"rabbitmq"`, `"activemq"`: RabbitMQ
   * 3.10 and ActiveMQ Classic 5.17, which go on after most ERRORs, and have messages in flight when a subscription ends; RabbitMQ's
   * receipts of SENDs come late and in no order. `"spring"`: Spring's simple broker, which has topics only and sends no receipts.
   * @default "strict"
   */
  readonly dialect?: DialectName;
  /** Called for each frame that a client sent, and each that is sent to one, before it is. */
  readonly onFrame?: (frame: Frame, connection: BrokerConnection) => void;
}

/** The options of a broker, with defaults. */
export interface ResolvedOptions {
  readonly users: ReadonlyMap<string, string> | undefined;
  readonly virtualHosts: readonly string[] | undefined;
  readonly versions: readonly Version[];
  readonly heartBeat: HeartBeatPolicy;
  readonly heartBeatTolerance: number;
  readonly connectTimeout: number;
  readonly limits: Partial<Limits>;
  readonly strict: boolean;
  readonly store: StoreBounds;
  readonly dialect: Dialect;
  readonly onFrame: ((frame: Frame, connection: BrokerConnection) => void) | undefined;
}

/**
 * Fill in the defaults.
 *
 * @throws TypeError or RangeError for a wrong option.
 */
export function resolveOptions(options: BrokerOptions): ResolvedOptions {
  const { heartBeatTolerance = 2, dialect = "strict" } = options;
  if (options.heartBeat !== undefined) {
    checkDuration("heartBeat.outgoing", options.heartBeat.outgoing);
    checkDuration("heartBeat.incoming", options.heartBeat.incoming);
  }
  if (!(heartBeatTolerance >= 1))
    throw new RangeError(`heartBeatTolerance must be at least 1, not ${heartBeatTolerance}`);
  if (!Object.hasOwn(DIALECTS, dialect))
    throw new TypeError(`dialect must be one of ${Object.keys(DIALECTS).join(", ")}, not ${dialect}`);
  const { server = DIALECTS[dialect].server, nack = DIALECTS[dialect].nack } = options;
  const { heartBeat = DIALECTS[dialect].heartBeat } = options;
  if (nack !== "requeue" && nack !== "dead-letter")
    throw new TypeError(`nack must be requeue or dead-letter, not ${String(nack)}`);
  const { versions = VERSIONS, limits = {}, strict = false } = options;
  // Made to be checked: it throws for wrong versions and limits, now and not when somebody connects.
  new ServerSession({ versions, limits });
  return {
    users: options.users === undefined ? undefined : new Map(Object.entries(options.users)),
    virtualHosts: options.virtualHosts,
    versions,
    heartBeat,
    heartBeatTolerance,
    connectTimeout: checkDuration("connectTimeout", options.connectTimeout ?? 10_000),
    limits,
    strict,
    store: storeBounds(options.store ?? {}),
    dialect: { ...DIALECTS[dialect], server, nack },
    onFrame: options.onFrame,
  };
}

function storeBounds(given: Partial<StoreBounds>): StoreBounds {
  const { messages = 100_000, bytes = 268_435_456, totalBytes = 536_870_912 } = given;
  for (const [name, value] of Object.entries({ messages, bytes, totalBytes })) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new RangeError(`store.${name} must be a positive integer, not ${value}`);
  }
  return { messages, bytes, totalBytes };
}
