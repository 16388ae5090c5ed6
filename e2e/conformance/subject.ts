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
export type Expectation<A> = A | undefined | AnyOf<A> | Varied<A>;

/** Where chance decides. */
export interface AnyOf<A> {
  readonly anyOf: readonly A[];
}

/** Expectations that depend on the version or on the carrier: the first that fits. `ws` is for `wss` and `sockjs` too, `tcp` for `tls`. */
export interface Varied<A> {
  readonly "1.0"?: Expectation<A>;
  readonly "1.1"?: Expectation<A>;
  readonly "1.2"?: Expectation<A>;
  readonly tcp?: Expectation<A>;
  readonly sockjs?: Expectation<A>;
  readonly ws?: Expectation<A>;
  readonly otherwise: Expectation<A>;
}

/**
 * What a broker may lack: receipts (of other frames than DISCONNECT), queues that keep messages, acknowledgements,
 * transactions, an UNSUBSCRIBE that leaves the session alone while messages come.
 */
export type Feature = "receipts" | "queues" | "acknowledgements" | "transactions" | "calm unsubscribing";

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
  /** What it does not have at all, and what the probes then do without. */
  readonly lacks?: readonly Feature[];
  /** The heart-beats that the server was told to offer, as CONNECTED has them. */
  readonly heartBeat?: string;
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

/** What is expected in a row: one of these, or undefined where the question is not asked. */
export function expected<A extends string>(expectation: Expectation<A>, row: Row): readonly A[] | undefined {
  if (expectation === undefined) return undefined;
  if (typeof expectation !== "object") return [expectation];
  if ("anyOf" in expectation) return expectation.anyOf;
  const carrier = row.carrier === "tcp" || row.carrier === "tls" ? "tcp" : "ws";
  const key = Object.keys(expectation).find((name) => name === row.version || name === row.carrier || name === carrier);
  return expected(expectation[(key ?? "otherwise") as keyof Varied<A>], row);
}
