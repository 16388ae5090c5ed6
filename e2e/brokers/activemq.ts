/** ActiveMQ Classic: as Debian packages it, and the newest that was published. */
import { access, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { BrokerKind, Carrier, RunningBroker } from "./broker.js";
import {
  JavaBroker,
  type Program,
  STORE_PASSWORD,
  classPathOf,
  ensureProgram,
  makeKeyStore,
  versionOf,
} from "./java.js";
import { installPackages } from "./packages.js";
import { exchange, freePorts } from "./ports.js";

const FOLDER = fileURLToPath(new URL("activemq", import.meta.url));
const DEBIAN: Program = { folder: FOLDER, source: "ActiveMq.java", lib: "/usr/share/activemq/lib" };
const NEWEST: Program = { folder: FOLDER, source: "ActiveMq.java" };
/** What ActiveMQ is told of its connectors. By default it waits for acknowledgements of TCP, 40 ms a message. */
const OPTIONS = "transport.tcpNoDelay=true";
/** Octets of a WebSocket message that are taken; the default is 64 KiB. */
const MESSAGE_SIZE = 16 * 1024 * 1024;

/** ActiveMQ Classic 5.17, of Debian: without a WebSocket transport, which Debian leaves out. */
export const ACTIVEMQ_5: BrokerKind = {
  name: "ActiveMQ Classic 5.17",
  ensure: async () => {
    const isThere = await access(`${DEBIAN.lib ?? ""}/activemq-broker.jar`).then(
      () => true,
      () => false,
    );
    return (isThere ? undefined : await installPackages("activemq")) ?? (await ensureProgram(DEBIAN));
  },
  start: () => start(DEBIAN, ["tcp", "tls"]),
};

/** ActiveMQ Classic 6. */
export const ACTIVEMQ_6: BrokerKind = {
  name: "ActiveMQ Classic 6",
  ensure: () => ensureProgram(NEWEST),
  start: () => start(NEWEST, ["tcp", "tls", "ws", "wss"]),
};

async function start(program: Program, carriers: readonly Carrier[]): Promise<RunningBroker> {
  const base = await mkdtemp(path.join(tmpdir(), "stompede-activemq-"));
  const ports = await freePorts(carriers.length);
  const places = carriers.map((carrier, index) => [carrier, ports[index] ?? 0] as const);
  const keys = path.join(base, "keys.p12");
  const address = {
    endpoints: Object.fromEntries(places.map(([carrier, port]) => [carrier, urlOf(carrier, port)])),
    ca: await makeKeyStore(keys),
    version: await versionOf(program, "activemq-broker-"),
    base,
  };
  const connectors = places.map(([carrier, port]) => connectorOf(carrier, port));
  const args = ["-cp", await classPathOf(program), "ActiveMq", path.join(base, "data"), keys, STORE_PASSWORD];
  const connect = "CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0";
  return JavaBroker.start(address, [...args, ...connectors], async (log) => {
    if (!log.includes("started")) return false;
    return (await exchange(ports[0] ?? 0, connect, "\0")).startsWith("CONNECTED");
  });
}

function urlOf(carrier: Carrier, port: number): string {
  const scheme = { tcp: "stomp", tls: "stomp+ssl", ws: "ws", wss: "wss", sockjs: "" }[carrier];
  return `${scheme}://127.0.0.1:${String(port)}`;
}

function connectorOf(carrier: Carrier, port: number): string {
  const options =
    carrier === "tcp" || carrier === "tls"
      ? OPTIONS
      : `websocket.maxTextMessageSize=${String(MESSAGE_SIZE)}&websocket.maxBinaryMessageSize=${String(MESSAGE_SIZE)}`;
  return `${urlOf(carrier, port)}?${options}`;
}
