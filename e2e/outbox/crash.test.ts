import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { fileStore } from "../../src/stores/file.js";
import { open } from "../rabbitmq/clients.js";
import { describeRabbitMq, freshQueue, rabbitmq } from "../rabbitmq/with-rabbitmq.js";

const producer = fileURLToPath(new URL("producer.mjs", import.meta.url));

interface Run {
  readonly confirmed: readonly number[];
  readonly code: number | null;
}

/** Run the producer; kill it as soon as it prints what `killAt` matches. */
async function produce(args: readonly string[], killAt?: RegExp): Promise<Run> {
  const child = spawn(process.execPath, [producer, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    if (killAt?.test(output) === true) child.kill("SIGKILL");
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, confirmed: [...output.matchAll(/^confirmed (\d+)$/gm)].map(([, number]) => Number(number)) };
}

describeRabbitMq("a producer that is killed", () => {
  test.each(["tcp", "ws"] as const)("loses nothing that its store had, over %s", async (carrier) => {
    const folder = await mkdtemp(join(tmpdir(), "stompede-crash-"));
    try {
      const queue = freshQueue();
      const args = [rabbitmq.endpoints[carrier], queue, folder];
      const first = await produce([...args, "0", "3000"], /^confirmed 50$/m);
      expect(first.code).toBeNull(); // it was killed
      expect(first.confirmed.length).toBeLessThan(3000);

      // What is in the store now has to arrive, and what was confirmed did.
      const store = fileStore(folder);
      const kept = (await store.open()).map(({ body }) => Number(body));
      await store.close();
      expect(kept.length).toBeGreaterThan(0);

      const second = await produce([...args, "3000", "10"]);
      expect(second).toMatchObject({ code: 0 });
      expect(second.confirmed).toHaveLength(10);

      const expected = new Set([...first.confirmed, ...kept, ...second.confirmed]);
      await using client = await open({ carrier: "tcp", version: "1.2" });
      const subscription = await client.subscribe(queue, { ack: "client-individual" });
      const arrived: number[] = [];
      const missing = new Set(expected);
      while (missing.size > 0) {
        const { value } = await subscription.next();
        if (value === undefined) break;
        arrived.push(Number(value.text()));
        missing.delete(Number(value.text()));
        await value.ack();
      }
      expect(missing).toEqual(new Set());
      // Each came first in the order in which it was sent, and some twice.
      const firsts = [...new Set(arrived)];
      expect(firsts).toEqual([...firsts].sort((one, other) => one - other));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
