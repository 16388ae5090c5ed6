import { describe, expect, test } from "vitest";
import { type Answer, Broker, type ScriptOptions } from "../../src/broker/index.js";
import { RawClient, brief } from "./raw-client.js";

const SEND = { destination: "/queue/a", receipt: "r" };

describe("what a script is about", () => {
  /** The bodies of SENDs, 1 to 4, that a script did not ignore. */
  async function let1To4Through(options: Partial<ScriptOptions>): Promise<string[]> {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    const script = broker.script({ answer: "ignore", ...options });
    for (const [destination, text] of [
      ["a", "1"],
      ["b", "2"],
      ["a", "3"],
      ["b", "4"],
    ] as const) {
      await client.tell("SEND", { destination }, text);
    }
    script.remove();
    return brief([...(await client.subscribe("a")), ...(await client.subscribe("b"))]).sort();
  }

  test.each([
    [{}, []],
    [{ command: "SUBSCRIBE" }, ["1", "2", "3", "4"]],
    [{ command: ["ACK", "SEND"] }, []],
    [{ destination: "a" }, ["2", "4"]],
    [{ times: 1 }, ["2", "3", "4"]],
    [{ skip: 1 }, ["1"]],
    [{ skip: 1, times: 2 }, ["1", "4"]],
    [{ destination: "b", skip: 1 }, ["1", "2", "3"]],
    [{ where: (frame: { text(): string }) => frame.text() === "3" }, ["1", "2", "4"]],
    [{ answer: (frame: { text(): string }) => (frame.text() === "1" ? undefined : "ignore") }, ["1"]],
  ] as const)("is said by its options: %j", async (options, expected) => {
    expect(await let1To4Through(options)).toEqual(expected);
  });

  test("may be one connection", async () => {
    await using broker = new Broker();
    await using one = await RawClient.connect(broker);
    await using other = await RawClient.connect(broker);
    const [connection] = broker.connections;
    broker.script({ ...(connection === undefined ? {} : { connection }), answer: "drop-receipt" });
    expect(await one.tell("SEND", SEND)).toEqual([]);
    expect(brief(await other.tell("SEND", SEND))).toEqual(["RECEIPT r"]);
  });

  test("is decided by the first of several", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    const first = broker.script({ command: "SEND", times: 1, answer: "drop-receipt" });
    const second = broker.script({ command: "SEND", answer: "ignore" });
    await client.tell("SEND", SEND);
    await client.tell("SEND", SEND);
    expect([first.matched, second.matched, broker.queueDepth("/queue/a")]).toEqual([1, 1, 1]);
  });

  test("a function may end the connection itself: the frame is not handled then", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    broker.script({
      command: "SEND",
      answer: (_frame, connection) => {
        connection.cut();
        return undefined;
      },
    });
    await client.tell("SEND", SEND);
    expect(broker.queueDepth("/queue/a")).toBe(0);
  });

  test.each([
    [{ answer: "ignore", skip: -1 }, "skip must not be negative: -1"],
    [{ answer: "ignore", times: 0 }, "times must be at least 1, not 0"],
    [{ command: "MESSAGE", answer: "hold-receipt" }, "answer hold-receipt is for frames of clients"],
    [{ command: ["SEND", "ERROR"], answer: { type: "delay", ms: 1 } }, "answer delay is for frames of clients"],
    [{ answer: { type: "delay", ms: -1 } }, "ms must be from 0 to 2147483647 ms, not -1"],
    [{ answer: { type: "close-after", octets: Number.NaN } }, "octets must be a number from 0 up, not NaN"],
    [{ answer: "explode" as Answer }, "answer must be one of"],
  ] as const)("must make sense: %j is refused", async (options, message) => {
    await using broker = new Broker();
    expect(() => broker.script(options)).toThrow(message);
  });
});
