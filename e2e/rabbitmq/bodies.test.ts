import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { CARRIERS, TABLE, open } from "./clients.js";
import { takeOne } from "../support/messages.js";
import { describeRabbitMq, freshQueue } from "./with-rabbitmq.js";

const MIB = 1_048_576;
const EVERY_OCTET = Uint8Array.from({ length: 1024 }, (_, index) => index);

/** Octets that look like chance, the same at each run. */
function octets(length: number): Uint8Array {
  let state = 0x9e3779b9;
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

/** Compared by this, large bodies make no large failure. */
function digest(bytes: Uint8Array): string {
  return `${bytes.length} ${createHash("sha256").update(bytes).digest("hex")}`;
}

describeRabbitMq("bodies through RabbitMQ", () => {
  describe.each(TABLE)("over $carrier with STOMP $version", (row) => {
    test.each([
      ["every octet, NUL included", EVERY_OCTET],
      ["NULs alone", new Uint8Array(300)],
      ["a NUL at the end of text", "text\0"],
      ["what looks like a frame", "a\0\n\nSEND\ndestination:/queue/x\n\nb\0\n"],
      ["line ends of all kinds", "\r\n\n\r\r\n\n"],
      ["a byte order mark", "\uFEFFtext"],
      ["octets that are no UTF-8", Uint8Array.of(0xff, 0xfe, 0xc3, 0x28, 0xed, 0xa0, 0x80, 0x00)],
      ["text beyond the basic plane", "日本語 😀 \u{10FFFF} e\u0301 שלום"],
    ])("%s comes as it was sent", async (_what, body) => {
      await using client = await open(row);
      const destination = freshQueue();
      await client.send(destination, body);
      const message = await takeOne(await client.subscribe(destination));
      expect([...message.bytes]).toEqual([...(typeof body === "string" ? Buffer.from(body) : body)]);
    });

    test("1 MiB of octets comes as it was sent", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      const body = octets(MIB);
      await client.send(destination, body, { receipt: true });
      const message = await takeOne(await client.subscribe(destination));
      expect(digest(message.bytes)).toBe(digest(body));
    });

    test("1 MiB of text of one to four octets a character comes as it was sent", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      const unit = "aé日😀\n"; // 11 octets: each character is cut at each place somewhere
      const body = unit.repeat(Math.ceil(MIB / 11));
      await client.send(destination, body, { receipt: true });
      const message = await takeOne(await client.subscribe(destination));
      expect(message.text() === body).toBe(true);
    });

    test("bodies of every size around the powers of two come each as it was sent", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      const subscription = await client.subscribe(destination);
      const all = octets(70_000);
      for (const size of [1, 125, 126, 127, 1023, 4096, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537]) {
        await client.send(destination, all.subarray(0, size));
        expect(digest((await takeOne(subscription)).bytes)).toBe(digest(all.subarray(0, size)));
      }
    });
  });

  describe.each(CARRIERS)("over %s", (carrier) => {
    test("64 MiB of octets come as they were sent", { timeout: 120_000 }, async () => {
      await using client = await open({ carrier, version: "1.2" });
      const destination = freshQueue();
      const body = octets(64 * MIB);
      const message = { headers: { "content-type": "application/octet-stream" }, receipt: true, timeout: 100_000 };
      await client.send(destination, body, message);
      expect(digest((await takeOne(await client.subscribe(destination))).bytes)).toBe(digest(body));
    });
  });
});
