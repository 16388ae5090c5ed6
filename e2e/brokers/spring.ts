/** Spring's STOMP over WebSocket and SockJS: its simple broker, and its relay to another broker. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { BrokerAddress, BrokerKind, RunningBroker } from "./broker.js";
import { JavaBroker, type Program, classPathOf, ensureProgram, versionOf } from "./java.js";
import { freePorts } from "./ports.js";
import { ensureRabbitMq, startRabbitMq } from "./rabbitmq.js";

const PROGRAM: Program = { folder: fileURLToPath(new URL("spring", import.meta.url)), source: "StompServer.java" };

/** Tomcat allocates some 6 MiB for each WebSocket, as large as messages may be here. */
const HEAP = "-Xmx1g";

/** Whom the relay hands everything on to: a broker's STOMP port, and who everybody is there. */
export interface RelayTarget {
  readonly host: string;
  readonly port: number;
  readonly login: string;
  readonly passcode: string;
}

/** What the server is to be. */
export interface SpringOptions {
  /** Absent: the simple broker. */
  readonly relayTo?: RelayTarget;
  /** Keep the order of frames, in and out. Spring's own default is not to. @default false */
  readonly ordered?: boolean;
}

/** Where a server listens. */
export interface SpringAddress extends BrokerAddress {
  readonly endpoints: { readonly ws: string; readonly sockjs: string };
}

/** A running server. */
export type SpringServer = JavaBroker<SpringAddress>;

/** The simple broker: in memory, with topics alone, whatever they are called. It keeps the order of frames. */
export const SPRING_SIMPLE: BrokerKind = {
  name: "Spring",
  ensure: ensureSpring,
  start: () => startSpring({ ordered: true }),
};

/** The relay, with a RabbitMQ of its own behind it. It keeps the order of frames. */
export const SPRING_RELAY: BrokerKind = {
  name: "Spring's relay to RabbitMQ",
  ensure: async () => (await ensureSpring()) ?? (await ensureRabbitMq()),
  start: startRelay,
};

/** Make sure that the server is there, compiled. Resolves with what is wrong where it cannot be had. */
export function ensureSpring(): Promise<string | undefined> {
  return ensureProgram(PROGRAM);
}

/**
 * Start a server. Resolves once it listens; a relay then also has its broker, unless that is down. A relay can be started
 * while the broker behind it is down, and then refuses every CONNECT.
 */
export async function startSpring({ relayTo, ordered = false }: SpringOptions = {}): Promise<SpringServer> {
  const [port = 0] = await freePorts(1);
  const place = `127.0.0.1:${String(port)}`;
  const address: SpringAddress = {
    endpoints: { ws: `ws://${place}/stomp`, sockjs: `http://${place}/sockjs` },
    ca: undefined,
    version: await versionOf(PROGRAM, "spring-messaging-"),
    base: await mkdtemp(path.join(tmpdir(), "stompede-spring-")),
  };
  const relay = Object.entries(relayTo ?? {}).map(([name, value]) => `--relay.${name}=${String(value)}`);
  const server = ["StompServer", `--server.port=${String(port)}`, `--ordered=${String(ordered)}`, ...relay];
  return JavaBroker.start(
    address,
    [HEAP, "-cp", await classPathOf(PROGRAM), ...server],
    async (log) => / Started StompServer in /.test(log) && (await answers(`${address.endpoints.sockjs}/info`)),
  );
}

async function startRelay(): Promise<RunningBroker> {
  const broker = await startRabbitMq();
  try {
    const relayTo = { host: "127.0.0.1", port: broker.address.stompPort, login: "guest", passcode: "guest" };
    const server = await startSpring({ ordered: true, relayTo });
    const stop = async (): Promise<void> => {
      await server.stop();
      await broker.stop();
    };
    return {
      address: server.address,
      signal: (signal) => server.signal(signal),
      restart: () => server.restart(),
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await broker.stop();
    throw error;
  }
}

function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    async (answer) => {
      await answer.arrayBuffer();
      return answer.ok;
    },
    () => false,
  );
}
