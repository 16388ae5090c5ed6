/** A private RabbitMQ node: own ports of the loopback interface, own data, own users; gone with the tests. */
import { execFile, spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { mkdir, mkdtemp, readFile, readdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { certificate } from "../../test/support/certificates.js";
import type { BrokerAddress, BrokerKind, Carrier } from "./broker.js";
import { KeptBroker } from "./kept-broker.js";
import { installPackages } from "./packages.js";
import { exchange, freePorts, isOpen } from "./ports.js";

const BIN = "/usr/lib/rabbitmq/bin"; // where Debian's package has it
const SERVER = `${BIN}/rabbitmq-server`;

/** Where a node listens, and what its tool needs: plain data, to be handed to other processes. */
export interface RabbitMqAddress extends BrokerAddress {
  readonly endpoints: Readonly<Record<Exclude<Carrier, "sockjs">, string>>;
  readonly stompPort: number;
  readonly wsPort: number;
  readonly ca: string;
  /** A certificate that has nothing to do with them. */
  readonly otherCa: string;
  /** The node's name: no other run has it. */
  readonly node: string;
  readonly epmdPort: number;
}

/** RabbitMQ, as Debian packages it. */
export const RABBITMQ: BrokerKind = { name: "RabbitMQ", ensure: ensureRabbitMq, start: () => startRabbitMq() };

/** What nodes have in common that form a cluster. */
export interface Membership {
  readonly epmdPort: number;
  readonly cookie: string;
  /** The node whose cluster this one is to join; `undefined`: it is the first. */
  readonly joins: string | undefined;
}

/** Make sure that RabbitMQ is there. Resolves with what is wrong where it cannot be had. */
export async function ensureRabbitMq(): Promise<string | undefined> {
  if (isExecutable(SERVER)) return undefined;
  const problem = await installPackages("rabbitmq-server");
  if (problem !== undefined) return problem;
  return isExecutable(SERVER) ? undefined : `rabbitmq-server was installed, but is not in ${BIN}`;
}

/** Start a node, by itself or as a member of a cluster. Resolves once it takes logins. */
export async function startRabbitMq(member?: Membership): Promise<RabbitMq> {
  const [stompPort = 0, tlsPort = 0, wsPort = 0, wssPort = 0, distPort = 0, ownEpmd = 0] = await freePorts(6);
  const base = await mkdtemp(path.join(tmpdir(), "stompede-rabbitmq-"));
  const [{ cert, key }, other] = await Promise.all([certificate(), certificate()]);
  const host = "127.0.0.1";
  const address: RabbitMqAddress = {
    endpoints: {
      tcp: `stomp://${host}:${stompPort}`,
      tls: `stomp+ssl://${host}:${tlsPort}`,
      ws: `ws://${host}:${wsPort}/ws`,
      wss: `wss://${host}:${wssPort}/ws`,
    },
    version: await installedVersion(),
    stompPort,
    wsPort,
    ca: cert,
    otherCa: other.cert,
    base,
    node: `${path.basename(base)}@localhost`,
    epmdPort: member?.epmdPort ?? ownEpmd, // of a cluster, the first node's keeper has it
  };
  for (const folder of ["home", "conf", "mnesia", "log"]) await mkdir(path.join(base, folder));
  const conf = (name: string): string => path.join(base, "conf", name);
  if (member !== undefined) await writeFile(path.join(base, "home/.erlang.cookie"), member.cookie, { mode: 0o400 });
  await writeFile(conf("server.pem"), cert);
  await writeFile(conf("server.key"), key, { mode: 0o600 });
  await writeFile(conf("enabled_plugins"), "[rabbitmq_stomp,rabbitmq_web_stomp].\n");
  await writeFile(conf("rabbitmq-env.conf"), "");
  await writeFile(conf("advanced.config"), "[].\n");
  await writeFile(conf("definitions.json"), JSON.stringify(DEFINITIONS));
  await writeFile(
    conf("rabbitmq.conf"),
    [
      "listeners.tcp = none",
      `load_definitions = ${conf("definitions.json")}`,
      "disk_free_limit.absolute = 1MB",
      "vm_memory_high_watermark.relative = 0.8", // large bodies are no reason to stop reading
      "max_message_size = 134217728", // the default is 16 MiB from RabbitMQ 4 on
      `stomp.listeners.tcp.1 = ${host}:${stompPort}`,
      `stomp.listeners.ssl.1 = ${host}:${tlsPort}`,
      `ssl_options.certfile = ${conf("server.pem")}`,
      `ssl_options.keyfile = ${conf("server.key")}`,
      "ssl_options.verify = verify_none",
      `web_stomp.tcp.listener = ${host}:${wsPort}`,
      `web_stomp.ssl.listener = ${host}:${wssPort}`,
      `web_stomp.ssl.certfile = ${conf("server.pem")}`,
      `web_stomp.ssl.keyfile = ${conf("server.key")}`,
      ...(member?.joins === undefined ? [] : joining(member.joins, address.node)),
      "",
    ].join("\n"),
  );
  const script = fileURLToPath(new URL("keep.sh", import.meta.url));
  const keeper = spawn(script, [String(address.epmdPort), SERVER, base], {
    env: { ...environmentOf(address), RABBITMQ_DIST_PORT: String(distPort) },
    stdio: ["pipe", "ignore", "inherit"],
    detached: true, // Ctrl-C is for the tests; the keeper sees that they have ended
  });
  const broker = new RabbitMq(address, keeper);
  try {
    await broker.ready();
    return broker;
  } catch (error) {
    const console = await readFile(path.join(base, "log/console.log"), "utf8").catch(() => "");
    await broker.stop();
    throw new Error(`RabbitMQ did not start: ${String(error)}\n${console.slice(-2000)}`, { cause: error });
  }
}

/** A new node looks for those that are named here, and joins the one that runs. */
function joining(other: string, self: string): string[] {
  return [
    "cluster_formation.peer_discovery_backend = classic_config",
    `cluster_formation.classic_config.nodes.1 = ${other}`,
    `cluster_formation.classic_config.nodes.2 = ${self}`,
  ];
}

/** A running node. */
export class RabbitMq extends KeptBroker<RabbitMqAddress> {
  /** Whether all ports are open and a login is taken: a node on its first start refuses them for a moment. */
  protected override async isReady(): Promise<boolean> {
    const { stompPort, wsPort } = this.address;
    const connect = "CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0";
    return (await isOpen(wsPort)) && (await exchange(stompPort, connect, "\0")).startsWith("CONNECTED");
  }
}

/** Run RabbitMQ's own tool on a node, from any process. Each call takes a second or two. */
export async function rabbitmqctl(address: RabbitMqAddress, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(`${BIN}/rabbitmqctl`, ["-n", address.node, "-q", ...args], {
    env: environmentOf(address),
  });
  return stdout;
}

/** Nothing of another node of this machine: own home (and so an own Erlang cookie), name, port mapper, data, logs. */
function environmentOf({ base, node, epmdPort }: RabbitMqAddress): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith("RABBITMQ_"));
  const within = (name: string): string => path.join(base, name);
  return {
    ...Object.fromEntries(others),
    HOME: within("home"),
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: "127.0.0.1",
    RABBITMQ_NODENAME: node,
    RABBITMQ_USE_LONGNAME: "false",
    RABBITMQ_CONF_ENV_FILE: within("conf/rabbitmq-env.conf"),
    RABBITMQ_CONFIG_FILE: within("conf/rabbitmq.conf"),
    RABBITMQ_ADVANCED_CONFIG_FILE: within("conf/advanced.config"),
    RABBITMQ_ENABLED_PLUGINS_FILE: within("conf/enabled_plugins"),
    RABBITMQ_MNESIA_BASE: within("mnesia"),
    RABBITMQ_LOG_BASE: within("log"),
    RABBITMQ_LOGS: within("log/rabbitmq.log"),
    RABBITMQ_GENERATED_CONFIG_DIR: within("conf/generated"),
    RABBITMQ_FEATURE_FLAGS_FILE: within("mnesia/feature_flags"),
    RABBITMQ_PID_FILE: within("pid"),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-kernel inet_dist_use_interface {127,0,0,1}",
  };
}

const ALL = { configure: ".*", write: ".*", read: ".*" };

/** Users: guest may do all, limited may only read what begins with `open.`, nobody may do nothing. */
const DEFINITIONS = {
  vhosts: [{ name: "/" }, { name: "other" }],
  users: [
    { name: "guest", password: "guest", tags: "administrator" },
    { name: "limited", password: "limited", tags: "" },
    { name: "nobody", password: "nobody", tags: "" },
    { name: "back\\slash", password: "pa\\ss:word", tags: "" },
  ],
  permissions: [
    { user: "guest", vhost: "/", ...ALL },
    { user: "guest", vhost: "other", ...ALL },
    { user: "back\\slash", vhost: "/", ...ALL },
    { user: "limited", vhost: "/", configure: "^open\\..*", write: "^$", read: "^open\\..*" },
  ],
  // Queues whose names begin so hold one message, and refuse the next.
  policies: [
    {
      vhost: "/",
      name: "refusing",
      pattern: "^refusing-",
      "apply-to": "queues",
      definition: { "max-length": 1, overflow: "reject-publish" },
      priority: 0,
    },
  ],
};

/** Debian's package has it in the name of a folder. */
async function installedVersion(): Promise<string> {
  const folder = (await readdir(path.join(BIN, "../lib"))).find((name) => name.startsWith("rabbitmq_server-"));
  return folder?.slice("rabbitmq_server-".length) ?? "unknown";
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
