import type { Socket } from "node:net";
import { beforeAll, describe, expect, test } from "vitest";
import { tcp } from "../../src/adapters/tcp.js";
import { ConnectError } from "../../src/errors.js";
import { type Certificate, certificate } from "../support/certificates.js";
import { never, refusal } from "../support/dialling.js";
import { openConnections, untilClosed } from "../support/handles.js";
import { freePort, rawServer } from "../support/raw-server.js";
import { RecordingSink } from "../support/recording-sink.js";

let trusted: Certificate;

beforeAll(async () => {
  trusted = await certificate();
});

describe("a dial over TCP that fails", () => {
  test("tells that nobody listens", async () => {
    const port = await freePort();
    const error = await refusal(tcp(`stomp://127.0.0.1:${port}`)(never));
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
    expect(await refusal(tcp(`stomp://localhost:${port}`)(never))).toMatchObject({
      message: `could not connect to stomp://localhost:${port}: nobody listens there (ECONNREFUSED); is the broker running, and is this its STOMP port?`,
    });
  });

  test("tells that there is no such socket", async () => {
    expect(await refusal(tcp({ path: "/nowhere/stomp.sock" })(never))).toMatchObject({
      message:
        "could not connect to unix:/nowhere/stomp.sock: there is no such socket (ENOENT); is the broker running, and is the path right?",
    });
  });

  test("tells that a host name is not known", async () => {
    // RFC 6761, 6.4: the top-level name "invalid" never exists. A machine without a name server says so in other words.
    expect(await refusal(tcp("stomp://broker.invalid:61613")(never))).toMatchObject({
      message: expect.stringMatching(
        /^could not connect to stomp:\/\/broker\.invalid:61613: the (host name is not known \(ENOTFOUND\); is it spelt right, and does this machine reach its name server|name server does not answer \(EAI_AGAIN\); is this machine online)\?$/,
      ),
    });
  });

  test("tells that a certificate is not trusted", async () => {
    await using server = await rawServer({ tls: trusted });
    const url = `stomp+ssl://127.0.0.1:${server.port}`;
    const message = `could not connect to ${url}: its certificate is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT); pass the authority that signed it as tls.ca`;
    expect(await refusal(tcp(url)(never))).toMatchObject({ message, cause: { code: "DEPTH_ZERO_SELF_SIGNED_CERT" } });
    const other = await certificate();
    expect(await refusal(tcp(url, { tls: { ca: other.cert } })(never))).toBeInstanceOf(ConnectError);
  });

  test("tells that a certificate is for another name", async () => {
    const other = await certificate({ names: ["broker.example"] });
    await using server = await rawServer({ tls: other });
    const url = `stomp+ssl://127.0.0.1:${server.port}`;
    expect(await refusal(tcp(url, { tls: { ca: other.cert } })(never))).toMatchObject({
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
      expect(await refusal(tcp(url, { tls: { ca: old.cert } })(never))).toMatchObject({
        message: `could not connect to ${url}: ${told}`,
      });
    }
  });

  test("tells that the peer does not speak TLS", async () => {
    await using server = await rawServer();
    void server.accept().then((socket) => socket.end("ERROR\nmessage:what is that\n\n\0"));
    const url = `stomp+ssl://127.0.0.1:${server.port}`;
    expect(await refusal(tcp(url)(never))).toMatchObject({
      message: `could not connect to ${url}: it does not speak TLS there (ERR_SSL_WRONG_VERSION_NUMBER); is this its port for TLS?`,
    });
  });

  test("tells that the peer hung up in the TLS handshake", async () => {
    await using server = await rawServer();
    void server.accept().then((socket) => socket.once("data", () => socket.end()));
    const url = `stomp+ssl://127.0.0.1:${server.port}`;
    expect(await refusal(tcp(url)(never))).toMatchObject({
      message: `could not connect to ${url}: the peer ended the connection before it was open (ECONNRESET); is this its STOMP port, with TLS or without?`,
    });
  });

  test("tells that the peer wants a client certificate", async () => {
    await using server = await rawServer({
      tls: { ...trusted, requestCert: true, rejectUnauthorized: true, maxVersion: "TLSv1.2" },
    });
    const url = `stomp+ssl://127.0.0.1:${server.port}`;
    const error = await refusal(tcp(url, { tls: { ca: trusted.cert } })(never));
    // OpenSSL has changed the name of this alert, and Node its code with it.
    expect(String(error).replace("_SSL/TLS_ALERT", "_SSLV3_ALERT")).toBe(
      `ConnectError: could not connect to ${url}: it refused the TLS handshake (ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE); does it want a client certificate (tls.cert and tls.key), or another version of TLS?`,
    );
  });
});

describe("a dial over TCP that is aborted", () => {
  const reason = { why: "not even an error" };

  test("rejects with the reason before it has begun, and opens nothing", async () => {
    await using server = await rawServer();
    expect(await refusal(tcp(`stomp://127.0.0.1:${server.port}`)(AbortSignal.abort(reason)))).toBe(reason);
    await turns();
    expect(server.sockets).toHaveLength(0);
  });

  test.each([
    ["while the name is looked up", "stomp://broker.invalid:61613"],
    ["while it connects", "stomp://127.0.0.1:61613"],
  ])("rejects with the reason %s", async (_, url) => {
    const before = openConnections();
    const controller = new AbortController();
    const refused = refusal(tcp(url)(controller.signal));
    controller.abort(reason);
    expect(await refused).toBe(reason);
    await untilClosed(before);
  });

  test("rejects with the reason in the TLS handshake, and lets the peer go", async () => {
    await using server = await rawServer();
    const controller = new AbortController();
    const refused = refusal(tcp(`stomp+ssl://127.0.0.1:${server.port}`)(controller.signal));
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

/** Wait until a socket of the server is closed. */
async function gone(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
}

/** Let the event loop turn, so that handles that were closed are gone. */
async function turns(): Promise<void> {
  for (let count = 0; count < 5; count += 1) await new Promise((resolve) => setImmediate(resolve));
}
