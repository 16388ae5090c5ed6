/** The broker of this project, served as others are. */
import { Broker, type DialectName } from "../../src/broker/index.js";
import { serve } from "../../src/broker/node.js";
import { certificate } from "../../test/support/certificates.js";
import type { BrokerKind, RunningBroker } from "./broker.js";

/** The in-memory broker, speaking like another one. It runs in the process that starts it. */
export function inMemory(dialect: DialectName): BrokerKind {
  return {
    name: `the in-memory broker (${dialect})`,
    ensure: () => Promise.resolve(undefined),
    start: () => start(dialect),
  };
}

async function start(dialect: DialectName): Promise<RunningBroker> {
  const { cert, key } = await certificate();
  const broker = new Broker({
    dialect,
    users: { guest: "guest" },
    virtualHosts: ["/", "localhost", "127.0.0.1"],
    ...(dialect === "strict" ? { heartBeat: { outgoing: 500, incoming: 500 } } : {}), // else 10 s, too long for tests
  });
  const [plain, secure] = await Promise.all([serve(broker), serve(broker, { tls: { cert, key } })]);
  const stop = async (): Promise<void> => {
    await Promise.all([plain.close(), secure.close(), broker.close()]);
  };
  const url = (address: { readonly url: string } | undefined): string => address?.url ?? "";
  return {
    address: {
      endpoints: { tcp: url(plain.tcp), tls: url(secure.tcp), ws: url(plain.ws), wss: url(secure.ws) },
      ca: cert,
      version: "",
      base: "",
    },
    signal: () => Promise.reject(new Error("there is no process to signal")),
    restart: () => Promise.reject(new Error("there is no process to start")),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
