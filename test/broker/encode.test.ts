import { describe, expect, test } from "vitest";
import { Broker } from "../../src/broker/index.js";
import { RawClient, brief } from "./raw-client.js";

const SENT = { destination: "/queue/a", "lf\nname": "1", lf: "a\nb", cr: "a\rb", colon: "a:b", "colon:name": "2" };

describe("what a client's version cannot say", () => {
  test.each([
    ["1.0", { colon: "a:b" }],
    ["1.1", { "lf\nname": "1", lf: "a\nb", colon: "a:b", "colon:name": "2" }],
    ["1.2", { "lf\nname": "1", lf: "a\nb", cr: "a\rb", colon: "a:b", "colon:name": "2" }],
  ] as const)("is left out of a MESSAGE for %s, and the message comes all the same", async (version, expected) => {
    await using broker = new Broker();
    await using sender = await RawClient.connect(broker);
    await using client = await RawClient.connect(broker, { versions: [version] });
    await client.subscribe("/queue/a");
    await sender.tell("SEND", SENT, "hello");
    const [message] = await client.heard();
    expect(message?.text()).toBe("hello");
    const own = ["subscription", "destination", "message-id", "content-length"];
    const others = [...(message?.headers ?? [])].filter(([name]) => !own.includes(name));
    expect(Object.fromEntries(others)).toEqual(expected);
  });

  test("does not come at all if it is the destination; the connection goes on", async () => {
    await using broker = new Broker();
    await using sender = await RawClient.connect(broker);
    await using client = await RawClient.connect(broker, { versions: ["1.0"] });
    await client.subscribe("/topic/*");
    await sender.tell("SEND", { destination: "/topic/line\nfeed" }, "1");
    await sender.tell("SEND", { destination: "/topic/plain" }, "2");
    expect(brief(await client.heard())).toEqual(["2"]);
  });

  test("is quoted in an ERROR", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    const id = `two\nlines${"x".repeat(200)}`;
    const [error] = await client.tell("UNSUBSCRIBE", { id });
    expect(error?.headers.get("message")).toBe(`there is no subscription "two\\nlines${"x".repeat(91)}…"`);
  });
});
