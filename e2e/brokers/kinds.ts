/** Every broker that the client is proven on. */
import type { BrokerKind } from "./broker.js";
import { inMemory } from "./in-memory.js";
import { RABBITMQ } from "./rabbitmq.js";

/** The brokers, by the names that tests ask for them with. */
export const KINDS = {
  memory: inMemory("strict"),
  "memory-rabbitmq": inMemory("rabbitmq"),
  "memory-activemq": inMemory("activemq"),
  rabbitmq: RABBITMQ,
} as const satisfies Readonly<Record<string, BrokerKind>>;

/** The name of a broker. */
export type KindId = keyof typeof KINDS;
