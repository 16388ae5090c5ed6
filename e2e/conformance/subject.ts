/** What the suite is told of a broker. */
import type { Client, ConnectOptions, Subscription, Version } from "../../src/index.js";
import type { Carrier } from "../brokers/broker.js";
import type { AnswerOf, BehaviourId } from "./catalogue.js";

/** How a case of a test is run: over which carrier, at which version. */
export interface Row {
  readonly carrier: Carrier;
  readonly version: Version;
}

/** What is expected: undefined where the question makes no sense, or cannot be asked. */
export type Expectation<A> = A | undefined | Varied<A>;

/** Expectations that depend on the version or on the carrier: the first that fits. `ws` is for `wss` too, `tcp` for `tls`. */
export interface Varied<A> {
  readonly "1.0"?: Expectation<A>;
  readonly "1.1"?: Expectation<A>;
  readonly "1.2"?: Expectation<A>;
  readonly tcp?: Expectation<A>;
  readonly ws?: Expectation<A>;
  readonly otherwise: Expectation<A>;
}

/** What is expected of a broker. */
export type Expectations = { readonly [Id in BehaviourId]: Expectation<AnswerOf<Id>> };

/** A broker that the suite is run against. */
export interface Subject {
  /** Its name in the titles of tests, and at the head of its column in the table. */
  readonly title: string;
  readonly versions: readonly Version[];
  readonly carriers: readonly Carrier[];
  /** The user who may do all. */
  readonly login: Pick<ConnectOptions, "login" | "passcode">;
  /** Another user, who may neither write to the queue `closed` nor read from it. */
  readonly limited?: { readonly login: string; readonly passcode: string };
  /** Where a message of a queue goes that is refused for good. */
  readonly deadLetters?: (queue: string) => string;
  /** How a durable subscription is made. */
  readonly durable?: Durable;
  /** What users have to set, or to know. Markdown. */
  readonly notes: readonly string[];
  readonly expects: Expectations;
}

/** The headers of a durable subscription, and how it is removed. */
export interface Durable {
  readonly connect: (name: string) => Readonly<Record<string, string>>;
  readonly subscribe: (name: string) => Readonly<Record<string, string>>;
  /** Remove it; it has an active subscriber. */
  readonly remove: (subscription: Subscription, client: Client, name: string) => Promise<void>;
}

/** What is expected in a row. */
export function expected<A extends string>(expectation: Expectation<A>, row: Row): A | undefined {
  if (typeof expectation !== "object") return expectation;
  const carrier = row.carrier === "ws" || row.carrier === "wss" ? "ws" : "tcp";
  const key = Object.keys(expectation).find((name) => name === row.version || name === carrier);
  return expected(expectation[(key ?? "otherwise") as keyof Varied<A>], row);
}
