import { randomUUID } from "node:crypto";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { tcp, type TcpAddress, type TcpOptions } from "../../src/adapters/tcp.js";
import { ConnectError } from "../../src/errors.js";
import type { Dial, Transport } from "../../src/transport.js";
import { type Certificate, certificate } from "../support/certificates.js";
import { openConnections, untilClosed } from "../support/handles.js";
import { freePort, rawServer, type RawServer } from "../support/raw-server.js";
import { RecordingSink } from "../support/recording-sink.js";
import { type Connection, contract, type Peer } from "./contract.js";

const never = new AbortController().signal;

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

/** Dial in vain; gives the error. */
async function refusal(dial: Dial, signal: AbortSignal = never): Promise<unknown> {
  return dial(signal).then(
    (transport) => {
      transport.abort(new Error("it was not to open"));
      throw new Error("it opened");
    },
    (error: unknown) => error,
  );
}

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
    expect((await sink.end())?.message).toMatch(/^the peer did not take the last \d+ octets within 0 ms$/);
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

describe("a dial over TCP that fails", () => {
  test("tells that nobody listens", async () => {
    const port = await freePort();
    const error = await refusal(tcp(`stomp://127.0.0.1:${port}`));
    expect(error).toEqual(
      new ConnectError(
        "dial",
        `could not connect to stomp://127.0.0.1:${port}: nobody listens there (ECONNREFUSED); is the broker running, and is this its STOMP port?`,
      ),
    );
    expect(error).toMatchObject({ code: "connect", stage: "dial", cause: { code: "ECONNREFUSED" } });
  });

  test("tells that nobody listens at any address of a name", async () => {
    const port = await freePort();
    expect(await refusal(tcp(`stomp://localhost:${port}`))).toMatchObject({
      message: `could not connect to stomp://localhost:${port}: nobody listens there (ECONNREFUSED); is the broker running, and is this its STOMP port?`,
    });
  });

  test("tells that there is no such socket", async () => {
    expect(await refusal(tcp({ path: "/nowhere/stomp.sock" }))).toMatchObject({
      message:
        "could not connect to unix:/nowhere/stomp.sock: there is no such socket (ENOENT); is the broker running, and is the path right?",
    });
  });

  test("tells that a host name is not known", async () => {
    // RFC 6761, 6.4: the top-level name "invalid" never exists. A machine without a name server says so in other words.
    expect(await refusal(tcp("stomp://broker.invalid:61613"))).toMatchObject({
      message: expect.stringMatching(
        /^could not connect to stomp:\/\/broker\.invalid:61613: the (host name is not known \(ENOTFOUND\); is it spelt right, and does this machine reach its name server|name server does not answer \(EAI_AGAIN\); is this machine online)\?$/,
      ),
    });
  });

  test("tells that a certificate is not trusted", async () => {
    await using server = await rawServer({ tls: trusted });
    const url = `stomp+ssl://127.0.0.1:${server.port}`;
    const message = `could not connect to ${url}: its certificate is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT); pass the authority that signed it as tls.ca`;
    expect(await refusal(tcp(url))).toMatchObject({ message, cause: { code: "DEPTH_ZERO_SELF_SIGNED_CERT" } });
    const other = await certificate();
    expect(await refusal(tcp(url, { tls: { ca: other.cert } }))).toBeInstanceOf(ConnectError);
  });

  test("tells that a certificate is for another name", async () => {
    const other = await certificate({ names: ["broker.example"] });
    await using server = await rawServer({ tls: other });
    const url = `stomp+ssl://127.0.0.1:${server.port}`;
    expect(await refusal(tcp(url, { tls: { ca: other.cert } }))).toMatchObject({
      message: `could not connect to ${url}: its certificate is for another host name (ERR_TLS_CERT_ALTNAME_INVALID); connect to a name that it carries, or give that name as tls.servername`,
    });
    await (await tcp(url, { tls: { ca: other.cert, servername: "broker.example" } })(never)).close();
  });

  test("tells that a certificate has expired, or is not valid yet", async () => {
    const day = 86_400_000;
    const now = Date.now();
    for (const [from, until, told] of [
      [-2 * day, -day, "its certificate has expired (CERT_HAS_EXPIRED); the broker needs a new one"],
      [day, 2 * day, "its certificate is not valid yet (CERT_NOT_YET_VALID); check the clocks of both machines"],
    ] as const) {
      const old = await certificate({ from: new Date(now + from), until: new Date(now + until) });
      await using server = await rawServer({ tls: old });
      const url = `stomp+ssl://127.0.0.1:${server.port}`;
      expect(await refusal(tcp(url, { tls: { ca: old.cert } }))).toMatchObject({
        message: `could not connect to ${url}: ${told}`,
      });
    }
  });

  test("tells that the peer does not speak TLS", async () => {
    await using server = await rawServer();
    void server.accept().then((socket) => socket.end("ERROR\nmessage:what is that\n\n\0"));
    const url = `stomp+ssl://127.0.0.1:${server.port}`;
    expect(await refusal(tcp(url))).toMatchObject({
      message: `could not connect to ${url}: it does not speak TLS there (ERR_SSL_WRONG_VERSION_NUMBER); is this its port for TLS?`,
    });
  });

  test("tells that the peer hung up in the TLS handshake", async () => {
    await using server = await rawServer();
    void server.accept().then((socket) => socket.once("data", () => socket.end()));
    const url = `stomp+ssl://127.0.0.1:${server.port}`;
    expect(await refusal(tcp(url))).toMatchObject({
      message: `could not connect to ${url}: the peer ended the connection before it was open (ECONNRESET); is this its STOMP port, with TLS or without?`,
    });
  });

  test("tells that the peer wants a client certificate", async () => {
    await using server = await rawServer({
      tls: { ...trusted, requestCert: true, rejectUnauthorized: true, maxVersion: "TLSv1.2" },
    });
    const url = `stomp+ssl://127.0.0.1:${server.port}`;
    expect(await refusal(tcp(url, { tls: { ca: trusted.cert } }))).toMatchObject({
      message: `could not connect to ${url}: it refused the TLS handshake (ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE); does it want a client certificate (tls.cert and tls.key), or another version of TLS?`,
    });
  });
});

describe("a dial over TCP that is aborted", () => {
  const reason = { why: "not even an error" };

  test("rejects with the reason before it has begun, and opens nothing", async () => {
    await using server = await rawServer();
    expect(await refusal(tcp(`stomp://127.0.0.1:${server.port}`), AbortSignal.abort(reason))).toBe(reason);
    await turns();
    expect(server.sockets).toHaveLength(0);
  });

  test.each([
    ["while the name is looked up", "stomp://broker.invalid:61613"],
    ["while it connects", "stomp://127.0.0.1:61613"],
  ])("rejects with the reason %s", async (_, url) => {
    const before = openConnections();
    const controller = new AbortController();
    const refused = refusal(tcp(url), controller.signal);
    controller.abort(reason);
    expect(await refused).toBe(reason);
    await untilClosed(before);
  });

  test("rejects with the reason in the TLS handshake, and lets the peer go", async () => {
    await using server = await rawServer();
    const controller = new AbortController();
    const refused = refusal(tcp(`stomp+ssl://127.0.0.1:${server.port}`), controller.signal);
    const socket = await server.accept();
    await new Promise((resolve) => socket.once("data", resolve));
    controller.abort(reason);
    expect(await refused).toBe(reason);
    await gone(socket);
  });

  test("is not aborted any more once it is open", async () => {
    await using server = await rawServer();
    const controller = new AbortController();
    const transport = await tcp(`stomp://127.0.0.1:${server.port}`)(controller.signal);
    controller.abort(reason);
    const sink = new RecordingSink();
    transport.start(sink);
    (await server.accept()).write("still here");
    expect(await sink.received(10)).toBe("still here");
    await transport.close();
  });
});

describe("a wrong target or option of tcp", () => {
  test.each<[string | URL | TcpAddress, TcpOptions, Error]>([
    [
      "not a url",
      {},
      new TypeError("target is not a valid URL: write it as stomp://host:61613 or stomp+ssl://host:61614"),
    ],
    [
      "stomp://user:pass@host:999999",
      {},
      new TypeError("target is not a valid URL: write it as stomp://host:61613 or stomp+ssl://host:61614"),
    ],
    ["ws://host", {}, new TypeError("a TCP target has the scheme stomp: tcp: stomp+ssl: ssl: and not ws:")],
    [
      "stomp://user:pass@host",
      {},
      new TypeError("credentials in a URL are not sent: give them as login and passcode to the client"),
    ],
    ["stomp://host/queue", {}, new TypeError("a stomp: URL has a host, maybe a port, and nothing else")],
    ["stomp://host?login=x", {}, new TypeError("a stomp: URL has a host, maybe a port, and nothing else")],
    ["stomp://", {}, new TypeError("a stomp: URL has a host, maybe a port, and nothing else")],
    ["stomp://host", { tls: {} }, new TypeError("a stomp: URL means no TLS: for tls use stomp+ssl:")],
    ["ssl://host", { tls: false }, new TypeError("a ssl: URL means TLS, so tls cannot be false")],
    [{ host: "" }, {}, new TypeError("host must be a host name or an IP address")],
    [{ port: 0 }, {}, new RangeError("port must be an integer from 1 to 65535, not 0")],
    [{ path: "" }, {}, new TypeError("path must be the path of a socket")],
    [{ path: "/x", port: 1 }, {}, new TypeError("path stands instead of host and port: give one or the other")],
    [{}, { closeTimeout: -1 }, new RangeError("closeTimeout must be from 0 to 2147483647 ms, not -1")],
    [{}, { keepAlive: NaN }, new RangeError("keepAlive must be from 0 to 2147483647 ms, not NaN")],
  ])("is refused before anything is opened: %o %o", (target, options, error) => {
    expect(() => tcp(target, options)).toThrow(error);
  });

  test("is a certificate that cannot be read", () => {
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
