/** ActiveMQ Artemis, the distribution. */
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { BrokerKind, RunningBroker } from "./broker.js";
import {
  type Distribution,
  JavaBroker,
  STORE_PASSWORD,
  distributionFolder,
  ensureDistribution,
  makeKeyStore,
} from "./java.js";
import { exchange, freePorts } from "./ports.js";

const VERSION = "2.56.0";
const DISTRIBUTION: Distribution = {
  artifact: `org.apache.artemis:apache-artemis:${VERSION}:tar.gz:bin`,
  sha512:
    "441ad38aa1b0526e5709edf43542039f016669d24134056613e4cbafdf6b101e5351f79f7ee190b43fc8031f6ec596a5fd075490dcee4d3eb3a88d8ed2cfc01b",
};

/** ActiveMQ Artemis. */
export const ARTEMIS: BrokerKind = {
  name: "ActiveMQ Artemis",
  ensure: () => ensureDistribution(DISTRIBUTION),
  start,
};

/**
 * What an acceptor is told. The prefixes make `/queue/x` a queue and `/topic/x` a topic; they are not part of the address. The
 * heart-beats are what clients ask for: by default Artemis ends a session after a minute of silence without any.
 */
const OPTIONS = [
  "protocols=STOMP",
  "anycastPrefix=/queue/",
  "multicastPrefix=/topic/",
  "stompMaxFramePayloadLength=134217728",
  "stompEnableMessageId=true",
];

async function start(): Promise<RunningBroker> {
  const base = await mkdtemp(path.join(tmpdir(), "stompede-artemis-"));
  const [port = 0, tlsPort = 0] = await freePorts(2);
  const home = distributionFolder(DISTRIBUTION);
  const keys = path.join(base, "keys.p12");
  const address = {
    // One port takes both STOMP over TCP and over WebSocket.
    endpoints: {
      tcp: `stomp://127.0.0.1:${String(port)}`,
      tls: `stomp+ssl://127.0.0.1:${String(tlsPort)}`,
      ws: `ws://127.0.0.1:${String(port)}/stomp`,
      wss: `wss://127.0.0.1:${String(tlsPort)}/stomp`,
    },
    ca: await makeKeyStore(keys),
    version: VERSION,
    base,
  };
  const etc = path.join(base, "etc");
  await mkdir(etc);
  const write = (name: string, text: string): Promise<void> => writeFile(path.join(etc, name), text);
  const secure = [
    "sslEnabled=true",
    `keyStorePath=${keys}`,
    "keyStoreType=PKCS12",
    `keyStorePassword=${STORE_PASSWORD}`,
  ];
  const acceptors = [
    [port, OPTIONS],
    [tlsPort, [...OPTIONS, ...secure]],
  ] as const;
  await write("broker.xml", configuration(path.join(base, "data"), acceptors));
  await write("bootstrap.xml", bootstrap(path.join(etc, "broker.xml")));
  await write("management.xml", '<management-context xmlns="http://activemq.apache.org/schema"/>'); // no JMX
  await write("login.config", LOGIN);
  await write("artemis-users.properties", "guest = guest\nlimited = limited\n");
  await write("artemis-roles.properties", "users = guest\nreaders = limited\n");
  await write("log4j2.properties", LOGGING);
  const args = [
    `-Djava.security.auth.login.config=${path.join(etc, "login.config")}`,
    `-Dlog4j2.configurationFile=${path.join(etc, "log4j2.properties")}`,
    `-Dartemis.home=${home}`,
    `-Dartemis.instance=${base}`,
    `-Dartemis.instance.etc=${etc}`,
    `-Ddata.dir=${path.join(base, "data")}`,
    "-cp",
    path.join(home, "lib/artemis-boot.jar"),
    "org.apache.activemq.artemis.boot.Artemis",
    "run",
  ];
  const connect = "CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0";
  return JavaBroker.start(address, args, async () => {
    return (await exchange(port, connect, "\0")).startsWith("CONNECTED");
  });
}

/** Messages that were refused, or delivered ten times, go to /queue/dead-letters. What nobody uses any more is kept. */
function configuration(data: string, acceptors: readonly (readonly [number, readonly string[]])[]): string {
  const permissions = (types: readonly string[], roles: string): string =>
    types.map((type) => `<permission type="${type}" roles="${roles}"/>`).join("\n        ");
  const manage = ["createNonDurableQueue", "deleteNonDurableQueue", "createDurableQueue", "deleteDurableQueue"];
  const all = [...manage, "createAddress", "deleteAddress", "consume", "browse", "send"];
  return `<?xml version="1.0"?>
<configuration xmlns="urn:activemq">
  <core xmlns="urn:activemq:core">
    <name>stompede</name>
    <persistence-enabled>true</persistence-enabled>
    <journal-type>NIO</journal-type>
    <journal-file-size>2M</journal-file-size>
    <journal-min-files>2</journal-min-files>
    <journal-pool-files>10</journal-pool-files>
    <paging-directory>${data}/paging</paging-directory>
    <bindings-directory>${data}/bindings</bindings-directory>
    <journal-directory>${data}/journal</journal-directory>
    <large-messages-directory>${data}/large-messages</large-messages-directory>
    <max-disk-usage>99</max-disk-usage>
    <critical-analyzer>false</critical-analyzer>
    <acceptors>
      ${acceptors
        .map(
          ([port, options]) =>
            `<acceptor name="stomp-${String(port)}">tcp://127.0.0.1:${String(port)}?${options.join(";")}</acceptor>`,
        )
        .join("\n      ")}
    </acceptors>
    <security-settings>
      <security-setting match="#">
        ${permissions(all, "users")}
      </security-setting>
      <security-setting match="open.#">
        ${permissions(all, "users")}
        ${permissions(["consume", "browse", "createNonDurableQueue", "createDurableQueue", "createAddress"], "readers")}
      </security-setting>
    </security-settings>
    <address-settings>
      <address-setting match="#">
        <dead-letter-address>dead-letters</dead-letter-address>
        <expiry-address>expired</expiry-address>
        <redelivery-delay>0</redelivery-delay>
        <max-delivery-attempts>10</max-delivery-attempts>
        <auto-create-queues>true</auto-create-queues>
        <auto-create-addresses>true</auto-create-addresses>
        <auto-delete-queues>false</auto-delete-queues>
        <auto-delete-addresses>false</auto-delete-addresses>
      </address-setting>
    </address-settings>
    <addresses>
      <address name="dead-letters"><anycast><queue name="dead-letters"/></anycast></address>
      <address name="expired"><anycast><queue name="expired"/></anycast></address>
    </addresses>
  </core>
</configuration>
`;
}

function bootstrap(file: string): string {
  return `<?xml version="1.0"?>
<broker xmlns="http://activemq.apache.org/schema">
  <jaas-security domain="activemq"/>
  <server configuration="file:${file}"/>
</broker>
`;
}

const LOGIN = `activemq {
  org.apache.activemq.artemis.spi.core.security.jaas.PropertiesLoginModule required
    reload=false
    org.apache.activemq.jaas.properties.user="artemis-users.properties"
    org.apache.activemq.jaas.properties.role="artemis-roles.properties";
};
`;

const LOGGING = `rootLogger.level = WARN
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %-5p %m | %c%n%ex
`;
