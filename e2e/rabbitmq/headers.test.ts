import { describe, expect, test } from "vitest";
import { TABLE, open } from "./clients.js";
import { failure, takeOne } from "../support/messages.js";
import { describeRabbitMq, freshQueue } from "./with-rabbitmq.js";

/** What every version can write, in names and in values. */
const PLAIN = [
  ["plain", "value"],
  ["empty", ""],
  ["unicode", "grün 日本語 😀"],
  ["grün-日本語-😀", "a name beyond ASCII"],
  ["spaces", "inner and more  spaces"],
  ["colons", "http://x:1/?a=b:c"],
  ["tab", "a\tb"],
  ["constructor", "of every object"],
  ["__proto__", "of every object"],
  ["toString", "of every object"],
] as const;

/** What 1.1 and 1.2 escape. */
const ESCAPED = [
  ["line-feed", "a\nb"],
  ["backslash", "a\\b\\\\n"],
  ["no escape", "\\n\\c\\r"],
  ["all", "\\:\n:\\\n"],
  ["na:me", "colon in the name"],
  ["na\\me", "backslash in the name"],
  ["na\nme", "line feed in the name"],
  ["leading and trailing", " both "],
] as const;

/** What only 1.2 escapes. */
const OF_1_2 = [
  ["return", "a\rb\r\nc"],
  ["na\rme", "carriage return in the name"],
] as const;

describeRabbitMq("headers through RabbitMQ", () => {
  describe.each(TABLE)("over $carrier with STOMP $version", (row) => {
    const passed = [
      ...PLAIN,
      ...(row.version === "1.0" ? [] : ESCAPED),
      ...(row.version === "1.2" ? OF_1_2 : []),
    ] as readonly (readonly [string, string])[]; // so that any header can be looked for in it
    const refused = [...ESCAPED, ...OF_1_2].filter(
      (header) => !passed.includes(header) && /[\r\n]|na:me/.test(header.join("")),
    );

    test("come with every name and value that the version can write", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      await client.send(destination, "x", { headers: passed });
      const { headers } = await takeOne(await client.subscribe(destination));
      expect(passed.map(([name]) => [name, headers.get(name)])).toEqual(passed);
    });

    test.runIf(refused.length > 0).each(refused)(
      "are refused before a byte leaves: %j with the value %j",
      async (name, value) => {
        await using client = await open(row);
        const error = await failure(client.send(freshQueue(), "x", { headers: [[name, value]] }));
        expect(error).toBeInstanceOf(TypeError);
        await client.send(freshQueue(), "the session goes on", { receipt: true });
      },
    );

    test("come from a sender of 1.2 to a reader of this version, escapes and all", async () => {
      await using sender = await open({ ...row, version: "1.2" });
      await using reader = await open(row);
      const destination = freshQueue();
      const sent = [...PLAIN, ...ESCAPED, ...OF_1_2];
      await sender.send(destination, "x", { headers: sent, receipt: true });
      const message = await takeOne(await reader.subscribe(destination));
      if (row.version === "1.2") expect(sent.map(([name]) => [name, message.headers.get(name)])).toEqual(sent);
      expect(PLAIN.map(([name]) => [name, message.headers.get(name)])).toEqual(PLAIN);
      expect(message.text()).toBe("x");
    });

    test("of a destination with characters that need escaping are told back alike", async () => {
      await using client = await open(row);
      const destination = `${freshQueue()} ${row.version === "1.0" ? "a:b" : "a:b\\c"}`;
      await client.send(destination, "x");
      expect((await takeOne(await client.subscribe(destination))).destination).toBe(destination);
    });

    test("of 64 KiB in one value, and five hundred at once, come whole", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      const many = Array.from({ length: 500 }, (_, index) => [`h-${index}`, `v-${index}`] as const);
      const long = "é".repeat(32_768);
      await client.send(destination, "x", { headers: [...many, ["long", long]] });
      const { headers } = await takeOne(await client.subscribe(destination));
      expect(headers.get("long") === long).toBe(true);
      expect(many.filter(([name, value]) => headers.get(name) !== value)).toEqual([]);
    });

    test("that are repeated keep their first value", async () => {
      await using client = await open(row);
      const destination = freshQueue();
      await client.send(destination, "x", {
        headers: [
          ["twice", "first"],
          ["twice", "second"],
        ],
      });
      expect((await takeOne(await client.subscribe(destination))).headers.get("twice")).toBe("first");
    });
  });
});
