/** For tests that need a RabbitMQ: where there is none they are skipped, with the reason in their titles. */
import { describe, inject } from "vitest";
import type { RabbitMqAddress } from "../brokers/rabbitmq.js";

const given = inject("rabbitmq");

/** Where RabbitMQ is. In a file whose tests are skipped this is never read. */
export const rabbitmq: RabbitMqAddress = typeof given === "string" ? ({} as RabbitMqAddress) : given;

/** `describe` for tests that need RabbitMQ. */
export function describeRabbitMq(title: string, define: () => void): void {
  if (typeof given === "string") describe.skip(`${title} (no RabbitMQ: ${given})`, define);
  else describe(title, define);
}

let last = 0;

/** A destination that no other test has. */
export function freshQueue(kind: "queue" | "topic" = "queue"): string {
  last++;
  return `/${kind}/test-${process.pid}-${Date.now()}-${last}`;
}
