/** Every broker that the client is proven on. */
import { ACTIVEMQ_5, ACTIVEMQ_6 } from "./activemq.js";
import { ARTEMIS } from "./artemis.js";
import type { BrokerKind } from "./broker.js";
import { inMemory } from "./in-memory.js";
import { RABBITMQ } from "./rabbitmq.js";
import { SPRING_RELAY, SPRING_SIMPLE } from "./spring.js";

/** The brokers, by the names that tests ask for them with. */
export const KINDS = {
  memory: inMemory("strict"),
  "memory-rabbitmq": inMemory("rabbitmq"),
  "memory-activemq": inMemory("activemq"),
  rabbitmq: RABBITMQ,
  "activemq-5": ACTIVEMQ_5,
  "activemq-6": ACTIVEMQ_6,
  artemis: ARTEMIS,
  spring: SPRING_SIMPLE,
  "spring-relay": SPRING_RELAY,
} as const satisfies Readonly<Record<string, BrokerKind>>;

/** The name of a broker. */
export type KindId = keyof typeof KINDS;
