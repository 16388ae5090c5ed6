/** Starts what the end-to-end tests need, once for all of them. */
import process from "node:process";
import type { TestProject } from "vitest/node";
import { type RabbitMqAddress, ensureRabbitMq, startRabbitMq } from "./brokers/rabbitmq.js";

declare module "vitest" {
  interface ProvidedContext {
    /** Where RabbitMQ is, or why there is none. */
    rabbitmq: RabbitMqAddress | string;
  }
}

export default async function setUp(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const missing = await ensureRabbitMq();
  if (missing !== undefined) {
    if (process.env["CI"] === "true") throw new Error(`no RabbitMQ: ${missing}`);
    console.warn(`\nNO RABBITMQ, its tests are skipped: ${missing}\n`);
    project.provide("rabbitmq", missing);
    return undefined;
  }
  const broker = await startRabbitMq();
  project.provide("rabbitmq", broker.address);
  return () => broker.stop();
}
