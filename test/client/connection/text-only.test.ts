import { describe, expect, test } from "vitest";
import { BaseClient } from "../../../src/client/client.js";
import type { ClientOptions } from "../../../src/client/options/options.js";
import { webSocket } from "../../../src/adapters/websocket.js";
import type { Dial } from "../../../src/transport.js";
import { failure } from "../../support/connected.js";
import { ScriptedBroker, settled } from "../../support/scripted-broker.js";
import { FakeWebSocket, fakeSockJs } from "../../support/web-socket-fake.js";

const REFUSED = new TypeError("the body is not UTF-8, and this transport carries text only");
/** Octets that are no text in UTF-8. */
const BINARY = Uint8Array.of(0xff, 0, 0xc3, 0x28);

async function overText(options: ClientOptions = {}): Promise<{ broker: ScriptedBroker; client: BaseClient }> {
  const broker = new ScriptedBroker({ memory: { kind: "messages" } });
  const dial: Dial = async (signal) =>
    Object.defineProperty(await broker.dial(signal), "textOnly", { value: true, configurable: true });
  const client = new BaseClient(dial, { heartBeat: false, reconnect: false, ...options });
  await client.connect();
  return { broker, client };
}

describe("over a transport that carries text only", () => {
  test.each(["at-most-once", "at-least-once"] as const)(
    "a body that is no text is refused, and what is sent %s before and after it arrives",
    async (delivery) => {
      const { broker, client } = await overText({ delivery });
      const before = client.send("/queue/a", "before", { receipt: true });
      const refused = failure(client.send("/queue/a", BINARY));
      const after = client.send("/queue/a", new TextEncoder().encode("näch\0her"), { receipt: true });
      expect(await refused).toEqual(REFUSED);
      await Promise.all([before, after]);
      await settled();
      expect(broker.of("SEND").map((frame) => frame.text())).toEqual(["before", "näch\0her"]);
      expect(broker.raw.every((chunk) => typeof chunk === "string")).toBe(true);
      expect(client.state).toBe("connected");
      expect(client.metrics()).toMatchObject({ messagesSent: 2, outboxMessages: 0 });
      await client.disconnect();
    },
  );

  test("it is refused in a transaction, which can be committed without it", async () => {
    const { broker, client } = await overText();
    const transaction = await client.begin();
    expect(await failure(transaction.send("/queue/a", BINARY))).toEqual(REFUSED);
    await transaction.send("/queue/a", "text");
    await transaction.commit();
    expect(broker.received.map(({ command }) => command)).toEqual(["CONNECT", "BEGIN", "SEND", "COMMIT"]);
    await client.disconnect();
  });
});

test.each([
  ["a socket without binaryType, as SockJS is,", fakeSockJs(), true],
  ["a socket with binaryType", new FakeWebSocket(), false],
])("%s says whether it carries text only", async (_, socket, textOnly) => {
  const dialling = webSocket("ws://broker.example/ws", { factory: () => socket })(new AbortController().signal);
  socket.fire("open");
  expect((await dialling).textOnly).toBe(textOnly);
});
