/** What the tests against RabbitMQ are run over, and what they read and write with. */
import { type Client, type ConnectOptions, type Version, connect } from "../../src/index.js";
import { rabbitmq } from "./with-rabbitmq.js";

/** Carriers, by where RabbitMQ has them. */
export const CARRIERS = ["tcp", "ws"] as const;
/** A carrier of STOMP. */
export type Carrier = (typeof CARRIERS)[number];

const VERSIONS = ["1.0", "1.1", "1.2"] as const satisfies readonly Version[];

/** A row of {@link TABLE}. */
export interface Row {
  readonly carrier: Carrier;
  readonly version: Version;
}

/** Every carrier with every version. */
export const TABLE: readonly Row[] = CARRIERS.flatMap((carrier) => VERSIONS.map((version) => ({ carrier, version })));

/** The credentials of the user who may do all. */
export const GUEST = { login: "guest", passcode: "guest" } as const;

/**
 * For bursts of many hundred frames: RabbitMQ's Web STOMP (3.10.8) breaks a WebSocket off once its flow control has set
 * in, when it watches for beats of the client: its heart-beat process dies of `{unexpected_message,resume}`.
 */
export const FOR_BURSTS = { heartBeat: { outgoing: 0 } } as const satisfies ConnectOptions;

/** Connect to RabbitMQ as guest, by the carrier and with the version of a row of the table. */
export function open({ carrier, version }: Row, options: ConnectOptions = {}): Promise<Client> {
  return connect(rabbitmq.endpoints[carrier], { ...GUEST, versions: [version], ...options });
}

/** Make the broker end the session of a client. Resolves once the client has noticed. */
export async function endSession(client: Client): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    const forget = client.onStatus(({ type }) => {
      if (type !== "disconnected") return;
      forget();
      resolve();
    });
  });
  await client.sendFrame("SEND", { destination: "/exchange/there-is-no-such-exchange/key" });
  await ended;
}
