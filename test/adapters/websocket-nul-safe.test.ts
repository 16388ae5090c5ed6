import { describe, expect, test } from "vitest";
import { memoryPair } from "../../src/adapters/memory.js";
import { nulSafe } from "../../src/adapters/websocket-nul-safe.js";
import { webSocket } from "../../src/adapters/websocket.js";
import { BaseClient } from "../../src/client/client.js";
import { Broker } from "../../src/broker/index.js";
import type { Dial } from "../../src/transport.js";
import { never } from "../support/dialling.js";
import { RecordingSink } from "../support/recording-sink.js";
import { settled } from "../support/scripted-broker.js";
import { FakeWebSocket } from "../support/web-socket-fake.js";

describe("a transport for text messages that are cut at a NUL", () => {
  test.each([
    ["MESSAGE\nsubscription:1\n\nhello", "MESSAGE\nsubscription:1\n\nhello\0"],
    ["MESSAGE\n\nends in a line\n", "MESSAGE\n\nends in a line\n\0"],
    ["RECEIPT\nreceipt-id:1\n\n\0", "RECEIPT\nreceipt-id:1\n\n\0"],
    ["\n", "\n"],
    ["\r\n\n", "\r\n\n"],
  ])("makes %j whole", async (came, whole) => {
    const [near, far] = memoryPair({ kind: "messages" });
    const sink = new RecordingSink();
    nulSafe(near).start(sink);
    far.start(new RecordingSink());
    far.send(came);
    await settled();
    expect(sink.chunks).toEqual([whole]);
    near.abort(new Error("over"));
  });

  test("sends binary messages only, and leaves those that arrive as they are", async () => {
    const [near, far] = memoryPair({ kind: "messages" });
    const mine = new RecordingSink();
    const theirs = new RecordingSink();
    const transport = nulSafe(near);
    transport.start(mine);
    far.start(theirs);
    transport.send("é\n");
    transport.send(Uint8Array.of(1, 0));
    far.send(Uint8Array.of(2));
    await settled();
    expect(theirs.chunks).toEqual([Uint8Array.of(0xc3, 0xa9, 0x0a), Uint8Array.of(1, 0)]);
    expect(mine.chunks).toEqual([Uint8Array.of(2)]);
    await transport.close();
    expect(mine.ends).toEqual([undefined]);
  });

  test("is what the option cutsAtNul brings", async () => {
    const socket = new FakeWebSocket();
    const dialling = webSocket("ws://broker.example/ws", { factory: () => socket, cutsAtNul: true })(never);
    socket.fire("open");
    const transport = await dialling;
    transport.send("x");
    expect(socket.sent).toEqual([Uint8Array.of(0x78)]);
    transport.abort(new Error("over"));
  });

  test("carries a client through a platform that cuts", async () => {
    await using broker = new Broker();
    const cutting: Dial = async (signal) => {
      const transport = await broker.dialer({ kind: "messages" })(signal);
      const start = transport.start.bind(transport);
      transport.start = (sink) => {
        start({
          data: (chunk) => {
            sink.data(typeof chunk === "string" ? (chunk.split("\0")[0] ?? "") : chunk);
          },
          closed: (reason) => {
            sink.closed(reason);
          },
        });
      };
      return nulSafe(transport);
    };
    await using client = new BaseClient(cutting);
    await client.connect();
    const subscription = await client.subscribe("/queue/a", { receipt: true });
    await client.send("/queue/a", "grün\n", { receipt: true });
    expect((await subscription.next()).value?.text()).toBe("grün\n");
  });
});
