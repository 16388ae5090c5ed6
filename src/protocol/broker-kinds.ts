/** What brokers do in ways of their own, in one table, by the `server` header of CONNECTED. */
import type { Escapes } from "./escape.js";
import type { Version } from "./version.js";

/** Escapes that a broker uses whatever the version says; absent where it keeps to the version. */
export interface ToleratedEscapes {
  /** Escapes that it writes. */
  readonly reading?: Escapes;
  /** Escapes that it undoes. */
  readonly writing?: Escapes;
}

/** A kind of broker. */
export interface BrokerKind {
  /** What its `server` header begins with. */
  readonly server: string;
  /** How it escapes against the specification, by version. */
  readonly escapes: Readonly<Partial<Record<Version, ToleratedEscapes>>>;
  /** The headers of SUBSCRIBE that ask it for at most this many unacknowledged messages; `Infinity`: for no bound. */
  readonly prefetch: (count: number) => readonly (readonly [name: string, value: number])[];
  /**
   * What it does with `reply-to:/temp-queue/…`. `"made"`: it makes a queue and delivers from it without a SUBSCRIBE (which it
   * refuses). `"subscribed"`: the queue exists once it is subscribed to. `"unknown"`: it is not known to have such queues.
   */
  readonly replyQueues: "made" | "subscribed" | "unknown";
}

const PREFETCH_COUNT = "prefetch-count";
const PREFETCH_SIZE = "activemq.prefetchSize";
/** Artemis counts bytes only: this many for each message. The smallest has some 250 there (Artemis 2.56, TCP). */
const ARTEMIS_BYTES = 200;

/** RabbitMQ takes 0 for no bound. */
const prefetchCount = (count: number): readonly [string, number] => [PREFETCH_COUNT, count === Infinity ? 0 : count];
/** 32766 is the most that ActiveMQ's own clients ask for. */
const prefetchSize = (count: number): readonly [string, number] => [PREFETCH_SIZE, Math.min(count, 32_766)];
/** With 0 Artemis sends one message at a time, with -1 all, otherwise until what is unacknowledged has that many bytes. */
const windowSize = (count: number): readonly [string, number] => [
  "consumer-window-size",
  count === 1 ? 0 : count === Infinity ? -1 : count * ARTEMIS_BYTES,
];

/**
 * A broker that does not say what it is, or is none of those below. A header that a broker does not know does no harm. Artemis does not
 * say it in 1.0: without a header of its own it would take `activemq.prefetchSize` for bytes, and send one message at a time.
 */
const UNKNOWN: BrokerKind = {
  server: "",
  escapes: {},
  prefetch: (count) => [prefetchCount(count), prefetchSize(count), windowSize(count)],
  replyQueues: "unknown",
};

const KINDS: readonly BrokerKind[] = [
  {
    server: "RabbitMQ/",
    escapes: {
      // RabbitMQ (3.10 to 4.3 at least) escapes all four characters, and undoes all escapes, in every version.
      "1.1": { reading: "1.2" },
      // Line feeds and colons stay refused in 1.0; a backslash would end the connection if it went as it is.
      "1.0": { reading: "1.2", writing: "backslash" },
    },
    prefetch: (count) => [prefetchCount(count)],
    replyQueues: "made",
  },
  {
    server: "ActiveMQ/",
    escapes: {},
    prefetch: (count) => [prefetchSize(count)],
    replyQueues: "subscribed",
  },
  {
    server: "ActiveMQ-Artemis/",
    escapes: {},
    prefetch: (count) => [windowSize(count)],
    // It makes a queue of any name, and removes it with its subscription.
    replyQueues: "subscribed",
  },
  // The in-memory broker.
  { ...UNKNOWN, server: "stompede", replyQueues: "made" },
];

/** The kind of a broker. `server`: its header in CONNECTED, as in `RabbitMQ/3.10.8`. */
export function brokerKindOf(server: string | undefined): BrokerKind {
  return (server !== undefined && KINDS.find((kind) => server.startsWith(kind.server))) || UNKNOWN;
}
