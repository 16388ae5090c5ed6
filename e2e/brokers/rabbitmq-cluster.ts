/** A private cluster of RabbitMQ nodes, on the loopback interface; gone with the tests. */
import { randomBytes } from "node:crypto";
import { freePorts } from "./ports.js";
import { type RabbitMq, rabbitmqctl, startRabbitMq } from "./rabbitmq.js";

/** What SEND and SUBSCRIBE say of a queue that is to be on most of the nodes: one node's end is no loss. All of them must say it. */
export const QUORUM_QUEUE = { "x-queue-type": "quorum", durable: "true", "auto-delete": "false" } as const;

/** A running cluster. */
export class RabbitMqCluster implements AsyncDisposable {
  readonly nodes: readonly RabbitMq[];

  private constructor(nodes: readonly RabbitMq[]) {
    this.nodes = nodes;
  }

  /** Start so many nodes. Resolves once all of them take logins, and the first knows of all. */
  static async start(size = 3): Promise<RabbitMqCluster> {
    const [epmdPort = 0] = await freePorts(1);
    const cookie = randomBytes(16).toString("hex");
    const first = await startRabbitMq({ epmdPort, cookie, joins: undefined });
    const joins = first.address.node;
    const others = await Promise.allSettled(
      Array.from({ length: size - 1 }, () => startRabbitMq({ epmdPort, cookie, joins })),
    );
    const nodes = [first, ...others.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []))];
    const cluster = new RabbitMqCluster(nodes);
    try {
      for (const one of others) if (one.status === "rejected") throw one.reason;
      const running = await rabbitmqctl(first.address, "eval", "length(rabbit_nodes:all_running()).");
      if (Number(running) !== size) throw new Error(`of ${size} nodes ${running.trim()} are in the cluster`);
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Stop all nodes; what they wrote is removed. The first one has the port mapper of all, and so is the last. */
  async stop(): Promise<void> {
    const [first, ...others] = this.nodes;
    await Promise.all(others.map((node) => node.stop()));
    await first?.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
