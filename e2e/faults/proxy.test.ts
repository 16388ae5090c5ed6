import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type Server, type Socket, connect, createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { later } from "../support/later.js";
import type { ProxiedConnection } from "./proxied-connection.js";
import { FaultProxy } from "./proxy.js";

/** An end of a connection, and what has come to it. */
class End {
  readonly socket: Socket;
  readonly chunks: Buffer[] = [];
  /** What came over it: a FIN, a RST. */
  readonly events: string[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.chunks.push(chunk));
    socket.on("end", () => this.events.push("fin"));
    socket.on("error", (error: NodeJS.ErrnoException) => this.events.push(error.code ?? "error"));
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString("latin1");
  }

  get octets(): number {
    return this.chunks.reduce((sum, { length }) => sum + length, 0);
  }
}

const DIRECTIONS = ["toBroker", "toClient"] as const;
/** So long nothing is to happen: the things that these tests wait for take a few ms. */
const LONG = 150;

let server: Server;
let proxy: FaultProxy;
let accepted: Promise<Socket>;
beforeEach(async () => {
  server = createServer({ allowHalfOpen: true });
  accepted = once(server, "connection").then(([socket]) => socket as Socket);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  proxy = await FaultProxy.start(typeof address === "object" && address !== null ? address.port : 0);
});
const ends: End[] = [];
afterEach(async () => {
  for (const { socket } of ends.splice(0)) socket.destroy();
  await proxy.stop();
  server.close();
});

function endOf(socket: Socket): End {
  const end = new End(socket);
  ends.push(end);
  return end;
}

/** A connection, from both of its ends and from between them. */
async function pair(): Promise<{ client: End; broker: End; connection: ProxiedConnection }> {
  const client = endOf(connect({ port: proxy.port, host: "127.0.0.1", allowHalfOpen: true }));
  const broker = endOf(await accepted);
  await expect.poll(() => proxy.connections.length).toBe(1);
  const [connection] = proxy.connections;
  if (connection === undefined) throw new Error("there is no connection");
  return { client, broker, connection };
}

/** Who writes in a direction, who reads, and the flow between them. */
async function along(direction: (typeof DIRECTIONS)[number]) {
  const { client, broker, connection } = await pair();
  const [writer, reader] = direction === "toBroker" ? [client, broker] : [broker, client];
  return { writer, reader, flow: connection[direction], connection };
}

describe.each(DIRECTIONS)("a connection through the proxy, %s", (direction) => {
  test("passes on what is said, and the end", async () => {
    const { writer, reader, flow } = await along(direction);
    writer.socket.end("all is well");
    await expect.poll(() => reader.events).toEqual(["fin"]);
    expect(reader.text).toBe("all is well");
    expect(flow.octets).toBe(11);
    reader.socket.end("I see"); // the other direction is open yet
    await expect.poll(() => writer.text).toBe("I see");
    await expect.poll(() => proxy.connections).toEqual([]);
  });

  test("is split into pieces of the sizes that are given, in turn", async () => {
    const { writer, reader, flow } = await along(direction);
    flow.split([1, 3]);
    writer.socket.write("0123456789");
    await expect.poll(() => reader.text).toBe("0123456789");
    expect(reader.chunks.map(String)).toEqual(["0", "123", "4", "567", "8", "9"]);
    flow.split(undefined);
    writer.socket.write("together");
    await expect.poll(() => reader.chunks.map(String).at(-1)).toBe("together");
  });

  test("is held back as long as is said, in order", async () => {
    const { writer, reader, flow } = await along(direction);
    flow.delay(LONG);
    const begin = performance.now();
    writer.socket.write("late");
    await once(reader.socket, "data");
    expect(performance.now() - begin).toBeGreaterThan(LONG - 2);
    flow.delay(LONG);
    writer.socket.write("first ");
    await expect.poll(() => flow.octets).toBeGreaterThanOrEqual(4);
    flow.delay(0);
    writer.socket.write("second");
    await expect.poll(() => reader.text).toBe("latefirst second");
  });

  test("is stalled with its sockets open, makes the writer wait, and goes on whole", async () => {
    const { writer, reader, flow } = await along(direction);
    flow.stall();
    const much = Buffer.alloc(32 * 1024 * 1024, "stall ");
    let isWritten = false;
    writer.socket.write(much, () => (isWritten = true));
    await later(LONG);
    expect(reader.octets).toBe(0);
    expect(isWritten).toBe(false);
    expect([...reader.events, ...writer.events]).toEqual([]);
    flow.resume();
    await expect.poll(() => reader.octets, { timeout: 20_000 }).toBe(much.length);
    expect(Buffer.concat(reader.chunks).equals(much)).toBe(true);
  });

  test("is throttled to so many octets a second", async () => {
    const { writer, reader, flow } = await along(direction);
    flow.throttle(20_000);
    const begin = performance.now();
    writer.socket.write(Buffer.alloc(8000));
    await expect.poll(() => reader.octets).toBe(8000);
    expect(performance.now() - begin).toBeGreaterThan(350);
    expect(reader.chunks.length).toBeGreaterThan(10);
    writer.socket.write(Buffer.alloc(4_000_000)); // minutes at that rate
    flow.throttle(Infinity);
    await expect.poll(() => reader.octets, { timeout: 10_000 }).toBe(4_008_000);
  });

  test.each(["fin", "reset"] as const)("is cut after an octet, by %s", async (kind) => {
    const { writer, reader, flow } = await along(direction);
    flow.cutAfter(7, kind);
    writer.socket.write("01234");
    await expect.poll(() => reader.text).toBe("01234");
    writer.socket.write("56789");
    // Node tells of a RST that comes with octets before it as of a FIN: only the writer is sure to see it.
    await expect.poll(() => writer.events).toEqual([kind === "fin" ? "fin" : "ECONNRESET"]);
    await expect.poll(() => reader.events.length).toBeGreaterThan(0);
    // A RST may overtake what was not read yet.
    expect(kind === "fin" ? [7] : [5, 7]).toContain(reader.octets);
    expect(flow.octets).toBe(7);
    expect(proxy.connections).toEqual([]);
  });

  test("keeps the end to itself where that is said", async () => {
    const { writer, reader, flow } = await along(direction);
    flow.swallowEnd();
    writer.socket.end("no end");
    await expect.poll(() => reader.text).toBe("no end");
    await later(LONG);
    expect(reader.events).toEqual([]);
    expect(reader.socket.destroyed).toBe(false);
  });

  test("passes a RST on", async () => {
    const { writer, reader } = await along(direction);
    writer.socket.resetAndDestroy();
    await expect.poll(() => reader.events).toEqual(["ECONNRESET"]);
  });
});

describe("a connection through the proxy", () => {
  test("is reset on both sides", async () => {
    const { client, broker, connection } = await pair();
    connection.reset();
    await expect.poll(() => [client.events, broker.events]).toEqual([["ECONNRESET"], ["ECONNRESET"]]);
    await connection.closed;
  });

  test.each(["client", "broker"] as const)("is not told when the %s vanishes, and can still write", async (gone) => {
    const { client, broker, connection } = await pair();
    const [one, other] = gone === "client" ? [client, broker] : [broker, client];
    connection.vanish(gone);
    await expect.poll(() => one.events).toEqual(["ECONNRESET"]);
    const much = Buffer.alloc(4_000_000);
    await new Promise((resolve) => other.socket.write(much, resolve));
    await later(LONG);
    expect([other.events, other.text]).toEqual([[], ""]);
    expect(one.octets).toBe(0);
    other.socket.end();
    await connection.closed; // nobody is left to be told
  });

  test("knows how many there were, and those that are there", async () => {
    const { connection } = await pair();
    expect([connection.number, proxy.count, proxy.connections.length]).toEqual([1, 1, 1]);
    connection.cut("fin");
    expect(proxy.connections).toEqual([]);
  });
});

describe("the proxy", () => {
  const dial = async (port: number): Promise<string> => {
    const socket = endOf(connect(port, "127.0.0.1"));
    return Promise.race([
      once(socket.socket, "connect").then(() => "connected"),
      once(socket.socket, "close").then(() => socket.events.join()),
    ]).catch(() => socket.events.join());
  };

  test("refuses new connections, leaves the old ones alone, and accepts again at the same port", async () => {
    const { client, broker } = await pair();
    proxy.refuse();
    expect(await dial(proxy.port)).toBe("ECONNREFUSED");
    client.socket.write("still there");
    await expect.poll(() => broker.text).toBe("still there");
    await proxy.accept();
    expect(await dial(proxy.port)).toBe("connected");
  });

  test("resets a connection when the broker does not listen", async () => {
    server.close();
    const client = endOf(connect(proxy.port, "127.0.0.1"));
    await expect.poll(() => client.events).toEqual(["ECONNRESET"]);
    expect(proxy.count).toBe(0);
  });

  test("is healed at once from all that was done to its connections", async () => {
    const { client, broker, connection } = await pair();
    connection.stall();
    connection.toBroker.split([1]);
    connection.toBroker.throttle(1);
    connection.toBroker.delay(60_000);
    connection.toClient.cutAfter(3, "reset");
    proxy.refuse();
    await proxy.heal();
    client.socket.write(Buffer.alloc(100_000));
    broker.socket.write("longer than three");
    await expect.poll(() => broker.octets).toBe(100_000);
    await expect.poll(() => client.text).toBe("longer than three");
    expect(await dial(proxy.port)).toBe("connected");
  });

  test("shows a connection before an octet goes through it", async () => {
    const { port } = server.address() as { port: number };
    await using other = await FaultProxy.start(port, ({ toBroker }) => {
      toBroker.split([2]);
    });
    const client = endOf(connect(other.port, "127.0.0.1"));
    client.socket.write("abcde");
    const broker = endOf(await accepted);
    await expect.poll(() => broker.chunks.map(String)).toEqual(["ab", "cd", "e"]);
  });

  test("leaves no socket when it is stopped, whatever was done to them", async () => {
    const { client, broker, connection } = await pair();
    connection.stall();
    client.socket.write("never heard");
    await proxy.stop();
    await expect.poll(() => [client.socket.destroyed, broker.socket.destroyed]).toEqual([true, true]);
    expect(await dial(proxy.port)).toBe("ECONNREFUSED");
  });

  test("gives the URL of a broker as it is through it", () => {
    expect(proxy.through("ws://127.0.0.1:15674/ws")).toBe(`ws://127.0.0.1:${proxy.port}/ws`);
    expect(proxy.through("stomp://127.0.0.1:61613")).toBe(`stomp://127.0.0.1:${proxy.port}`);
  });
});
