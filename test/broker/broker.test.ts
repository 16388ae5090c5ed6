import { describe, expect, test } from "vitest";
import { memoryPair } from "../../src/adapters/memory.js";
import { Broker } from "../../src/broker/index.js";
import { BaseClient } from "../../src/client/client.js";
import { ConnectError, ConnectionLostError, ServerError } from "../../src/errors.js";
import { RawClient, settled } from "./raw-client.js";

const dialled = (broker: Broker): Promise<unknown> => broker.dial(new AbortController().signal);

describe("a broker", () => {
  test("serves a client that is given its dial", async () => {
    await using broker = new Broker();
    await using client = new BaseClient(broker.dial);
    await client.connect();
    expect(client.session).toMatchObject({ version: "1.2", server: "stompede", session: "session-1" });
    await using subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
    await client.send("/queue/a", "hello", { receipt: true, headers: { "content-type": "text/plain" } });
    const { value: message } = await subscription.next();
    expect(message?.text()).toBe("hello");
    await message?.ack({ receipt: true });
    expect(broker.unacknowledged("/queue/a")).toBe(0);
  });

  test("serves clients of either kind of transport, with latency and in pieces", async () => {
    await using broker = new Broker();
    for (const memory of [{ kind: "messages" }, { chunkSize: 7 }, { latency: 1 }] as const) {
      await using client = new BaseClient(broker.dialer(memory));
      await client.connect();
      await using subscription = await client.subscribe("/topic/a", { receipt: true });
      await client.send("/topic/a", new Uint8Array([0, 255, 10, 0]));
      const { value: message } = await subscription.next();
      expect(message?.bytes).toEqual(new Uint8Array([0, 255, 10, 0]));
    }
  });

  test("fails a call of a client by an ERROR that names its receipt", async () => {
    await using broker = new Broker({ store: { messages: 1 } });
    await using client = new BaseClient(broker.dial);
    await client.connect();
    await client.send("/queue/a", "1", { receipt: true });
    await expect(client.send("/queue/a", "2", { receipt: true })).rejects.toThrow(ServerError);
  });

  test("refuses a client with wrong credentials", async () => {
    await using broker = new Broker({ users: { guest: "secret" } });
    await using client = new BaseClient(broker.dial, { login: "guest", passcode: "wrong" });
    await expect(client.connect()).rejects.toThrow(ConnectError);
    await expect(client.connect()).rejects.toThrow('access refused for login "guest"');
  });

  test("leaves a client without the receipt that a fault took, when it cuts the connection", async () => {
    await using broker = new Broker();
    await using client = new BaseClient(broker.dial);
    await client.connect();
    broker.script({ command: "SEND", answer: { type: "cut", when: "handled" } });
    const sending = client.send("/queue/a", "1", { receipt: true });
    await expect(sending).rejects.toThrow(ConnectionLostError);
    await expect(sending).rejects.toMatchObject({ outcome: "unknown" });
    expect(broker.queueDepth("/queue/a")).toBe(1);
  });

  test("keeps what is in its queues from one connection to the next", async () => {
    await using broker = new Broker();
    for (let i = 1; i <= 3; i++) {
      await using client = await RawClient.connect(broker);
      await client.send("/queue/a", "1");
      expect(client.frames[0]?.headers.get("session")).toBe(`session-${i}`);
    }
    expect(broker.queueDepth("/queue/a")).toBe(3);
    expect(broker.connections).toEqual([]);
  });

  test("shows every frame in both directions, and never in place of sending it", async () => {
    const seen: string[] = [];
    await using broker = new Broker({
      onFrame: (frame, { id }) => seen.push(`${id} ${frame.command} ${frame.text()}`.trim()),
    });
    await using client = await RawClient.connect(broker);
    await client.subscribe("/queue/a");
    await client.tell("SEND", { destination: "/queue/a", receipt: "r" }, "hello");
    expect(seen).toEqual([
      "session-1 CONNECT",
      "session-1 CONNECTED",
      "session-1 SUBSCRIBE",
      "session-1 SEND hello",
      "session-1 RECEIPT",
      "session-1 MESSAGE hello",
    ]);
  });

  test("lets who sees a frame end the connection", async () => {
    await using broker = new Broker({
      onFrame: ({ command }, connection) => {
        if (command === "SUBSCRIBE") connection.cut();
      },
    });
    await using client = await RawClient.connect(broker);
    await client.subscribe("/queue/a");
    expect(client.ended).toBeDefined();
    expect(broker.subscriptions("/queue/a")).toBe(0);
  });
});

describe("a broker that does not accept connections", () => {
  test("refuses dials, breaks transports off, and goes on with who is there", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    broker.accepting = false;
    await expect(dialled(broker)).rejects.toThrow(
      new ConnectError("dial", "could not connect to memory: the broker does not accept connections"),
    );
    const [ours, theirs] = memoryPair();
    const ends: (Error | undefined)[] = [];
    theirs.start({ data: () => undefined, closed: (reason) => ends.push(reason) });
    expect(broker.accept(ours)).toBeUndefined();
    await settled();
    expect(ends[0]?.message).toBe("the peer dropped the connection");
    expect(await client.tell("SEND", { destination: "/queue/a", receipt: "r" })).toHaveLength(1);
    broker.accepting = true;
    await using again = await RawClient.connect(broker);
    expect(again.ended).toBeUndefined();
  });

  test("is what a closed one is for good", async () => {
    const broker = new Broker();
    await using client = await RawClient.connect(broker);
    await using silent = await RawClient.dial(broker);
    await broker.close();
    expect([client.ended, silent.ended]).toEqual([{ reason: undefined }, { reason: undefined }]);
    expect(broker.connections).toEqual([]);
    broker.accepting = true;
    expect(broker.accepting).toBe(false);
    await expect(dialled(broker)).rejects.toThrow(ConnectError);
    await broker.close();
  });

  test("rejects a dial that was aborted with the reason of the signal", async () => {
    await using broker = new Broker();
    await expect(broker.dial(AbortSignal.abort("enough"))).rejects.toBe("enough");
    expect(broker.connections).toEqual([]);
  });
});

describe("a transport that has ended before it is accepted", () => {
  test("is not kept", async () => {
    await using broker = new Broker();
    const [ours, theirs] = memoryPair();
    theirs.abort(new Error("gone"));
    await settled();
    expect(broker.accept(ours)).toBeDefined();
    await settled();
    expect(broker.connections).toEqual([]);
  });
});
