/** What the tests of interoperation are run over: other clients, and the versions they speak. */
import { describe, inject } from "vitest";
import { type Client, type ConnectOptions, type Version, connect } from "../../src/index.js";
import type { BrokerAddress } from "../brokers/broker.js";
import type { Peer, PeerKind } from "./peer.js";
import { STOMP_PY } from "./stomp-py.js";
import { STOMPJS } from "./stompjs.js";

/** A broker in the middle, and what of it matters here. */
interface Middle {
  readonly name: string;
  /** Where it is, or why it is not. */
  readonly given: BrokerAddress | string;
}

/** The brokers in the middle: another one needs a line here, and its place from the global setup. */
const MIDDLES: readonly Middle[] = [{ name: "RabbitMQ", given: inject("rabbitmq") }];

const PEERS: readonly PeerKind[] = [STOMP_PY, STOMPJS];
const VERSIONS = ["1.0", "1.1", "1.2"] as const satisfies readonly Version[];

// One after the other: package managers hold locks.
const problems = new Map<PeerKind, string | undefined>();
for (const peer of PEERS) problems.set(peer, await peer.ensure());

/** One peer and our client, at the same version on the same broker. */
export interface Pair {
  readonly kind: PeerKind;
  readonly version: Version;
  /** Connect the peer. */
  theirs(): Promise<Peer>;
  /** Connect our client, over the carrier that the peer does not use. */
  ours(options?: ConnectOptions): Promise<Client>;
}

/** `describe` for every peer in every version on every broker. What is missing is skipped by name, and fails in CI. */
export function describePairs(title: string, define: (pair: Pair) => void): void {
  for (const { name, given } of MIDDLES) {
    for (const kind of PEERS) {
      const problem = typeof given === "string" ? `no ${name}: ${given}` : problems.get(kind);
      const whole = `${title} with ${kind.name} through ${name}`;
      if (problem !== undefined && process.env["CI"] === "true") throw new Error(`${whole}: ${problem}`);
      const address = typeof given === "string" ? undefined : given;
      for (const version of VERSIONS) {
        const run = problem === undefined ? describe : describe.skip;
        run(`${whole}, STOMP ${version}${problem === undefined ? "" : ` (${problem})`}`, () => {
          define(pairOf(kind, version, address));
        });
      }
    }
  }
}

function pairOf(kind: PeerKind, version: Version, address: BrokerAddress | undefined): Pair {
  const there = (): BrokerAddress => {
    if (address === undefined) throw new Error("there is no broker");
    return address;
  };
  return {
    kind,
    version,
    theirs: () => kind.connect(there(), version),
    ours: (options = {}) =>
      connect(there().endpoints[kind === STOMPJS ? "tcp" : "ws"] ?? "", {
        login: "guest",
        passcode: "guest",
        versions: [version],
        ...options,
      }),
  };
}
