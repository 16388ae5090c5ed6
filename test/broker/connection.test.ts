import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Broker, type BrokerConnection, type BrokerOptions } from "../../src/broker/index.js";
import { HEART_BEAT, type HeartBeat } from "../../src/protocol/index.js";
import { RawClient, type RawClientOptions, brief, settled } from "./raw-client.js";

async function connected(
  broker: Broker,
  options: RawClientOptions = {},
): Promise<{ client: RawClient; connection: BrokerConnection }> {
  const client = await RawClient.connect(broker, options);
  const connection = broker.connections.at(-1);
  if (connection === undefined) throw new Error("the broker has no connection");
  return { client, connection };
}

describe("heart-beats", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test.each<[HeartBeat | undefined, HeartBeat, HeartBeat]>([
    [undefined, { outgoing: 100, incoming: 200 }, { outgoing: 10_000, incoming: 10_000 }],
    [
      { outgoing: 300, incoming: 400 },
      { outgoing: 500, incoming: 100 },
      { outgoing: 300, incoming: 500 },
    ],
    [
      { outgoing: 0, incoming: 400 },
      { outgoing: 100, incoming: 100 },
      { outgoing: 0, incoming: 400 },
    ],
    [
      { outgoing: 300, incoming: 400 },
      { outgoing: 0, incoming: 0 },
      { outgoing: 0, incoming: 0 },
    ],
  ])("are agreed on: the broker offers %j, the client %j", async (offered, wanted, agreed) => {
    await using broker = new Broker(offered === undefined ? {} : { heartBeat: offered });
    const { client, connection } = await connected(broker, { heartBeat: wanted });
    await using _client = client;
    expect(connection.heartBeat).toEqual(agreed);
    expect(client.session.heartBeat).toEqual({ outgoing: agreed.incoming, incoming: agreed.outgoing });
  });

  test("are sent while nothing else is", async () => {
    await using broker = new Broker({ heartBeat: { outgoing: 1000, incoming: 0 } });
    await using client = await RawClient.connect(broker, { heartBeat: { outgoing: 0, incoming: 1000 } });
    await vi.advanceTimersByTimeAsync(499);
    expect(client.beats).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(client.beats).toBe(1);
    await vi.advanceTimersByTimeAsync(5000);
    expect(client.beats).toBe(11);
    expect(client.chunks.at(-1)).toEqual(new Uint8Array([10]));
  });

  test("are one LF in a text message of their own over WebSocket", async () => {
    await using broker = new Broker({ heartBeat: { outgoing: 1000, incoming: 0 } });
    await using client = await RawClient.connect(broker, {
      heartBeat: { outgoing: 0, incoming: 1000 },
      memory: { kind: "messages" },
    });
    await vi.advanceTimersByTimeAsync(500);
    expect(client.chunks.at(-1)).toBe("\n");
  });

  test("of a client are watched: who is silent for twice the agreed time is dropped", async () => {
    await using broker = new Broker({ heartBeat: { outgoing: 0, incoming: 1000 } });
    await using lost = await RawClient.connect(broker, { heartBeat: { outgoing: 1000, incoming: 0 } });
    await lost.subscribe("/queue/a", { ack: "client" });
    await lost.send("/queue/a", "1");
    await vi.advanceTimersByTimeAsync(1900);
    expect(lost.ended).toBeUndefined();
    await vi.advanceTimersByTimeAsync(200);
    expect(lost.ended?.reason?.message).toBe("the peer dropped the connection");
    expect([broker.connections.length, broker.queueDepth("/queue/a")]).toEqual([0, 1]);
  });

  test("of a client may be frames or line feeds, and keep it connected", async () => {
    await using broker = new Broker({ heartBeat: { outgoing: 0, incoming: 1000 }, heartBeatTolerance: 1.5 });
    await using client = await RawClient.connect(broker, { heartBeat: { outgoing: 1000, incoming: 0 } });
    for (let i = 0; i < 5; i++) {
      await vi.advanceTimersByTimeAsync(1000);
      if (i % 2 === 0) client.sayRaw(HEART_BEAT);
      else client.say("SEND", { destination: "/queue/a" });
    }
    await settled();
    expect(client.ended).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1500);
    expect(client.ended).toBeDefined();
  });

  test("are not sent while the connection is silent", async () => {
    await using broker = new Broker({ heartBeat: { outgoing: 1000, incoming: 0 } });
    const { client, connection } = await connected(broker, { heartBeat: { outgoing: 0, incoming: 1000 } });
    await using _client = client;
    const resume = connection.silence();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(client.beats).toBe(0);
    resume();
    await vi.advanceTimersByTimeAsync(500);
    expect(client.beats).toBeGreaterThan(0);
  });

  test("leave no timer behind", async () => {
    {
      await using broker = new Broker();
      await using client = await RawClient.connect(broker, { heartBeat: { outgoing: 1000, incoming: 1000 } });
      expect(client.ended).toBeUndefined();
      expect(vi.getTimerCount()).toBeGreaterThan(0);
    }
    expect(vi.getTimerCount()).toBe(0);
  });

  test("do not begin before CONNECT: who says nothing gets an ERROR when its time is over", async () => {
    await using broker = new Broker({ connectTimeout: 3000 });
    await using client = await RawClient.dial(broker);
    await vi.advanceTimersByTimeAsync(2999);
    expect(client.ended).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(brief(client.frames)).toEqual(["ERROR no session was established within 3000 ms"]);
    expect(client.ended).toEqual({ reason: undefined });
  });
});

describe("a client that breaks the protocol", () => {
  test.each([
    ["octets that are no frame", "HELLO\n\n\0", /HELLO/],
    ["a frame of servers", "MESSAGE\nsubscription:1\nmessage-id:1\ndestination:a\n\n\0", /MESSAGE/],
    ["a second CONNECT", "CONNECT\naccept-version:1.2\nhost:/\n\n\0", /CONNECT frame is not allowed while connected/],
    ["a SEND without destination", "SEND\n\n\0", /destination/],
    ["a header line without colon", "SEND\ndestination\n\n\0", /colon/],
    ["an undefined escape", "SEND\ndestination:a\\t\n\n\0", /escape/],
    ["a body that is too large", "SEND\ndestination:a\ncontent-length:2000\n\n", /2000 bytes, limit is 1000/],
  ])("by %s gets an ERROR, and the connection ends", async (_what, octets, message) => {
    for (const dialect of ["strict", "activemq", "rabbitmq"] as const) {
      await using broker = new Broker({ dialect, limits: { bodyBytes: 1000 } });
      await using client = await RawClient.connect(broker);
      client.sayRaw(octets);
      const [error] = await client.heard();
      if (dialect === "rabbitmq") {
        expect(error).toBeUndefined(); // it ends connections without a word
        expect(client.ended).toEqual({ reason: undefined });
        continue;
      }
      expect(error?.command).toBe("ERROR");
      expect(error?.headers.get("message")).toMatch(message);
      expect(client.ended).toEqual({ reason: undefined });
    }
  });

  test("by a NACK in 1.0, or a frame before CONNECT, too", async () => {
    await using broker = new Broker();
    await using old = await RawClient.connect(broker, { versions: ["1.0"] });
    old.sayRaw("NACK\nmessage-id:1\n\n\0");
    expect(brief(await old.heard())).toEqual(["ERROR NACK frame is not allowed in STOMP 1.0"]);
    await using early = await RawClient.dial(broker);
    early.sayRaw("SEND\ndestination:a\n\n\0");
    expect(brief(await early.heard())).toEqual(["ERROR SEND frame is not allowed while idle"]);
    expect(broker.connections).toEqual([]);
  });

  test("says nothing more after its end: what comes after DISCONNECT is not read", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker);
    client.sayRaw("DISCONNECT\nreceipt:bye\n\n\0SEND\ndestination:/queue/a\n\n\0");
    expect(brief(await client.heard())).toEqual(["RECEIPT bye"]);
    expect(broker.queueDepth("/queue/a")).toBe(0);
  });
});

describe("a connection", () => {
  test("takes frames however they are cut into chunks", async () => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker, { memory: { chunkSize: [1, 2, 3] } });
    await client.subscribe("/queue/ä");
    client.say("SEND", { destination: "/queue/ä", receipt: "r", "x:y": "a\nb\\c" }, "grün\0🙂");
    const heard = await client.heard();
    expect(brief(heard)).toEqual(["RECEIPT r", "grün\0🙂"]);
    expect(heard[1]?.headers.get("x:y")).toBe("a\nb\\c");
  });

  test("shows who it is, and what it has", async () => {
    await using broker = new Broker();
    const { client, connection } = await connected(broker, { versions: ["1.1"], headers: { login: "me" } });
    await using _client = client;
    await client.subscribe("/queue/a", { id: "1", ack: "client" });
    await client.send("/queue/a", "1", "2");
    const { id, peer, version, login, subscriptions, unacknowledged } = connection;
    expect({ id, peer, version, login, subscriptions, unacknowledged }).toEqual({
      id: "session-1",
      peer: "memory:",
      version: "1.1",
      login: "me",
      subscriptions: [{ id: "1", destination: "/queue/a", ack: "client", unacknowledged: 2 }],
      unacknowledged: 2,
    });
    expect(client.frames[0]?.headers.get("session")).toBe("session-1");
  });

  test.each<[BrokerOptions, boolean]>([
    [{}, true],
    [{ dialect: "rabbitmq" }, false],
  ])("sends an ERROR when it is told to, and ends as its dialect %j does: %j", async (options, ends) => {
    await using broker = new Broker(options);
    const { client, connection } = await connected(broker);
    await using _client = client;
    connection.error({ message: "Server cancelled subscription", headers: { subscription: "mine" }, body: "gone" });
    const [error] = await client.heard();
    expect(error?.headers.get("subscription")).toBe("mine");
    expect(error?.text()).toBe("gone");
    expect(client.ended !== undefined).toBe(ends);
  });

  test("can be cut, closed, or closed after some octets", async () => {
    await using broker = new Broker();
    for (const [end, reason] of [
      [(connection: BrokerConnection) => connection.cut(), "the peer dropped the connection"],
      [(connection: BrokerConnection) => void connection.close(), undefined],
      [(connection: BrokerConnection) => connection.closeAfter(0), undefined],
    ] as const) {
      const { client, connection } = await connected(broker);
      await using _client = client;
      end(connection);
      await settled();
      expect(client.ended?.reason?.message).toBe(reason);
      expect(broker.connections).toEqual([]);
      await connection.close(); // again: nothing happens
      connection.cut();
    }
  });
});
