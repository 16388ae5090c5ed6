/** The brokers that the suite is run against, with what is expected of them. */
import type { KindId } from "../brokers/kinds.js";
import type { Subject } from "./subject.js";
import { activemq5, activemq6 } from "./subjects/activemq.js";
import { artemis } from "./subjects/artemis.js";
import { inMemory, likeActiveMq, likeRabbitMq } from "./subjects/in-memory.js";
import { rabbitmq } from "./subjects/rabbitmq.js";
import { springRelay, springSimple } from "./subjects/spring.js";

/** By the names that `KINDS` has. */
export const SUBJECTS: Readonly<Partial<Record<KindId, Subject>>> = {
  memory: inMemory,
  "memory-rabbitmq": likeRabbitMq,
  "memory-activemq": likeActiveMq,
  rabbitmq,
  "activemq-5": activemq5,
  "activemq-6": activemq6,
  artemis,
  spring: springSimple,
  "spring-relay": springRelay,
};
