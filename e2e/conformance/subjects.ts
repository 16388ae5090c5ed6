/** The brokers that the suite is run against, with what is expected of them. */
import type { KindId } from "../brokers/kinds.js";
import type { Subject } from "./subject.js";
import { inMemory, likeRabbitMq } from "./subjects/in-memory.js";
import { rabbitmq } from "./subjects/rabbitmq.js";

/** By the names that `KINDS` has. */
export const SUBJECTS: Readonly<Partial<Record<KindId, Subject>>> = {
  memory: inMemory,
  "memory-rabbitmq": likeRabbitMq,
  rabbitmq,
};
