/** Starts RabbitMQ for the tests in browsers; where there is none, they are skipped by name. */
import process from "node:process";
import { ensureRabbitMq, startRabbitMq } from "../brokers/rabbitmq.js";

export default async function setUp(): Promise<(() => Promise<void>) | undefined> {
  const missing = await ensureRabbitMq();
  if (missing !== undefined) {
    if (process.env["CI"] === "true") throw new Error(`no RabbitMQ: ${missing}`);
    process.env["RABBITMQ_MISSING"] = missing;
    return undefined;
  }
  const broker = await startRabbitMq();
  process.env["RABBITMQ_WS_URL"] = broker.address.endpoints.ws;
  return () => broker.stop();
}
