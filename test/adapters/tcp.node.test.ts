import { randomUUID } from "node:crypto";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { tcp } from "../../src/adapters/tcp.js";
import type { Dial, Transport } from "../../src/transport.js";
import { type Certificate, certificate } from "../support/certificates.js";
import { never } from "../support/dialling.js";
import { openConnections, untilClosed } from "../support/handles.js";
import { rawServer, type RawServer } from "../support/raw-server.js";
import { RecordingSink } from "../support/recording-sink.js";
import { type Connection, contract, type Peer } from "./contract.js";

function peerOf(server: RawServer, socket: Socket): Peer {
  const sink = new RecordingSink();
  let orderly = false;
  socket.on("data", (chunk) => sink.data(chunk));
  socket.on("end", () => (orderly = true));
  const ended = new Promise<"orderly" | "dropped">((resolve) => {
    socket.on("close", () => {
      sink.closed();
      resolve(orderly ? "orderly" : "dropped");
    });
  });
  return {
    received: async (octets) => {
      await sink.until(() => sink.octets >= octets || sink.ends.length > 0);
      return sink.chunks;
    },
    send: (chunk) => new Promise<void>((resolve) => socket.write(chunk, () => resolve())),
    end: () => void socket.end(),
    drop: () => server.reset(socket),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    ended,
  };
}

async function open(server: RawServer, dial: Dial): Promise<Connection> {
  const [transport, socket] = await Promise.all([dial(never), server.accept()]);
  return {
    transport,
    peer: peerOf(server, socket),
    [Symbol.asyncDispose]: async () => {
      transport.abort(new Error("the test is over"));
      await transport.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

let trusted: Certificate;

beforeAll(async () => {
  trusted = await certificate();
});

contract("TCP", {
  kind: "stream",
  pauses: true,
  open: async () => {
    const server = await rawServer();
    return open(server, tcp(`stomp://127.0.0.1:${server.port}`));
  },
});

contract("TLS", {
  kind: "stream",
  pauses: true,
  open: async () => {
    const server = await rawServer({ tls: trusted });
    return open(server, tcp(`stomp+ssl://localhost:${server.port}`, { tls: { ca: trusted.cert }, family: 4 }));
  },
});

describe("tcp", () => {
  test("names whom it is connected to, without a slash at the end", async () => {
    await using server = await rawServer();
    const transport = await tcp(`tcp://127.0.0.1:${server.port}/`)(never);
    expect(transport.peer).toBe(`stomp://127.0.0.1:${server.port}`);
    await transport.close();
  });

  test("takes an address in parts", async () => {
    await using server = await rawServer();
    const address = { host: "127.0.0.1", port: server.port, localAddress: "127.0.0.1", keepAlive: 30_000 };
    const transport = await tcp(address)(never);
    expect((await server.accept()).remoteAddress).toBe("127.0.0.1");
    await transport.close();
  });

  test("connects to IPv6 addresses in brackets", async () => {
    await using server = await rawServer({ host: "::1" });
    const transport = await tcp(`stomp://[::1]:${server.port}`)(never);
    expect(transport.peer).toBe(`stomp://[::1]:${server.port}`);
    await transport.close();
  });

  test("connects to a Unix domain socket", async () => {
    const path = join(tmpdir(), `stompede-${randomUUID()}.sock`);
    await using server = await rawServer({ path });
    const transport = await tcp({ path })(never);
    expect(transport.peer).toBe(`unix:${path}`);
    const sink = new RecordingSink();
    transport.start(sink);
    (await server.accept()).end("hello");
    expect(await sink.end()).toBeUndefined();
    expect(sink.text).toBe("hello");
    await transport.close();
  });

  test("sends the server name for a host name, and none for an address", async () => {
    await using server = await rawServer({ tls: trusted });
    for (const [host, servername] of [
      ["localhost", "localhost"],
      ["127.0.0.1", false],
    ] as const) {
      const dial = tcp({ host, port: server.port, family: 4, tls: { ca: trusted.cert } });
      const transport = await dial(never);
      expect(await server.accept()).toMatchObject({ servername });
      await transport.close();
    }
  });

  test("shows a client certificate", async () => {
    const own = await certificate({ names: ["client"] });
    await using server = await rawServer({ tls: { ...trusted, ca: own.cert, requestCert: true } });
    const transport = await tcp({ host: "127.0.0.1", port: server.port, tls: { ca: trusted.cert, ...own } })(never);
    expect(await server.accept()).toMatchObject({ authorized: true });
    await transport.close();
  });

  test("connects in spite of a certificate that does not verify where it is told to", async () => {
    await using server = await rawServer({ tls: trusted });
    const dial = tcp(`stomp+ssl://127.0.0.1:${server.port}`, { tls: { rejectUnauthorized: false } });
    await (await dial(never)).close();
  });

  test("writes what is sent in one turn at once, and a lone chunk before the next turn", async () => {
    await using server = await rawServer();
    const transport = await tcp(`stomp://127.0.0.1:${server.port}`)(never);
    const peer = peerOf(server, await server.accept());
    for (const chunk of ["a", "b", "c"]) transport.send(chunk);
    await new Promise((resolve) => process.nextTick(resolve));
    expect(transport.buffered).toBe(0);
    expect(await peer.received(3)).toHaveLength(1);
    await transport.close();
  });

  test("reports a peer that does not take what is sent before the close", async () => {
    await using server = await rawServer();
    const transport = await tcp(`stomp://127.0.0.1:${server.port}`, { closeTimeout: 0 })(never);
    (await server.accept()).pause();
    const sink = new RecordingSink();
    transport.start(sink);
    const chunk = new Uint8Array(1 << 20);
    for (let count = 0; count < 32; count += 1) transport.send(chunk);
    await transport.close();
    expect((await sink.end())?.message).toMatch(/^the peer did not take the last \d+ bytes within 0 ms$/);
  });

  test("leaves nothing behind after a close, an abort, and the peer's end", async () => {
    await using server = await rawServer();
    const open = async (): Promise<[Transport, Socket]> =>
      Promise.all([tcp(`stomp://127.0.0.1:${server.port}`)(never), server.accept()]);
    await turns();
    const before = openConnections();
    for (let round = 0; round < 3; round += 1) {
      const [closed, aborted, ended] = [await open(), await open(), await open()];
      aborted[0].abort(new Error("enough"));
      ended[1].end();
      await Promise.all([closed, aborted, ended].map(([transport]) => transport.close()));
      await Promise.all([closed, aborted, ended].map(([, socket]) => gone(socket)));
    }
    await untilClosed(before);
  });
});

describe("an option of tcp", () => {
  test("may be a certificate only if it can be read", () => {
    expect(() => tcp("ssl://host", { tls: { cert: "nonsense", key: "nonsense" } })).toThrow(
      /^tls cannot be used: .*; are ca, cert and key PEM, and is the passphrase right\?$/,
    );
  });
});

/** Wait until a socket of the server is closed. */
async function gone(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
}

/** Let the event loop turn, so that handles that were closed are gone. */
async function turns(): Promise<void> {
  for (let count = 0; count < 5; count += 1) await new Promise((resolve) => setImmediate(resolve));
}
