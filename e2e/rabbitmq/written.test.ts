import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SendingProgram, sendingProgram } from "../../test/support/sending-process.js";
import { drain, take, texts } from "../support/messages.js";
import { CARRIERS, FOR_BURSTS, GUEST, open } from "./clients.js";
import { describeRabbitMq, freshQueue, rabbitmq } from "./with-rabbitmq.js";

describeRabbitMq("what is handed over for RabbitMQ", () => {
  describe.each(CARRIERS)("over %s", (carrier) => {
    const row = { carrier, version: "1.2" } as const;
    let program: SendingProgram;
    beforeAll(async () => {
      program = await sendingProgram();
    });
    afterAll(() => program[Symbol.asyncDispose]());

    test("arrives as it was at the call, whatever the caller writes into its memory afterwards", async () => {
      await using client = await open(row, FOR_BURSTS);
      const destination = freshQueue();
      const messages = await client.subscribe(destination, { receipt: true });
      const sizes = [10, 16_384, 100_000, 1_000_000];
      for (const size of sizes) {
        const memory = new Uint8Array(size + 8).fill(0xc1); // which is not UTF-8
        await client.send(destination, memory.subarray(4, size + 4));
        memory.fill(0x41);
        const transaction = await client.begin();
        const inTransaction = transaction.send(destination, memory.buffer);
        memory.fill(0x42);
        await inTransaction;
        await transaction.commit();
      }
      const got = await take(messages, 2 * sizes.length);
      expect(got.map(({ bytes }) => [bytes.length, new Set(bytes)])).toEqual(
        sizes.flatMap((size) => [
          [size, new Set([0xc1])],
          [size + 8, new Set([0x41])],
        ]),
      );
    });

    test("is all there when a program has flushed, and exits", async () => {
      const destination = freshQueue();
      expect(await program.run(rabbitmq.endpoints[carrier], destination, { ...GUEST, ...FOR_BURSTS })).toBe(0);
      await using client = await open(row, FOR_BURSTS);
      // The broker may still be reading what the program has left.
      const bodies = texts(await take(await client.subscribe(destination), 1000));
      expect(bodies).toEqual(Array.from({ length: 1000 }, (_, index) => `${index} ${"x".repeat(index)}`));
    });

    test("is written once flush() resolves, also in between", async () => {
      await using client = await open(row, FOR_BURSTS);
      const destination = freshQueue();
      for (let i = 0; i < 50; i++) {
        await client.send(destination, "x".repeat(10_000));
        await client.flush({ timeout: 10_000 });
        expect(client.metrics().bytesBuffered).toBe(0);
      }
      expect(await drain(client, destination)).toHaveLength(50);
    });
  });
});
