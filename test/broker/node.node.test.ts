import { get } from "node:http";
import { connect as connectSocket } from "node:net";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { tcp } from "../../src/adapters/tcp.js";
import { webSocket } from "../../src/adapters/websocket.js";
import { Broker } from "../../src/broker/index.js";
import { type ServeOptions, type Served, serve } from "../../src/broker/node.js";
import { connect } from "../../src/connect.js";
import { VERSIONS } from "../../src/protocol/index.js";
import { certificate } from "../support/certificates.js";
import { openConnections, untilClosed } from "../support/handles.js";
import { RecordingSink } from "../support/recording-sink.js";

/** The URL of one of the ports. */
function urlOf(served: Served, port: "tcp" | "ws"): string {
  const address = served[port];
  if (address === undefined) throw new Error(`${port} is off`);
  return address.url;
}

/** Say something over TCP by hand, and read all that comes until the end. */
async function spoken(url: string, text: string): Promise<string> {
  const sink = new RecordingSink();
  const transport = await tcp(url)(new AbortController().signal);
  transport.start(sink);
  transport.send(text);
  await sink.end();
  return sink.text;
}

/** Open a WebSocket by hand. */
function opened(url: string, protocols: string[]): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, protocols, { perMessageDeflate: true });
    socket.once("open", () => resolve(socket));
    socket.once("error", reject);
  });
}

const ended = (socket: WebSocket): Promise<number> =>
  new Promise((resolve) => socket.once("close", (code) => resolve(code)));

describe.each(["tcp", "ws"] as const)("a broker served over %s", (port) => {
  test.each(VERSIONS)("speaks STOMP %s with a client", async (version) => {
    await using broker = new Broker();
    await using served = await serve(broker);
    await using client = await connect(urlOf(served, port), { versions: [version] });
    expect(client.session?.version).toBe(version);
    await using subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
    await client.send("/queue/a", "grün\n", { receipt: true });
    const { value: message } = await subscription.next();
    expect(message?.text()).toBe("grün\n");
    await message?.ack({ receipt: true });
    expect(broker.unacknowledged("/queue/a")).toBe(0);
  });

  test("carries bodies of a MiB, and with NULs, there and back", async () => {
    await using broker = new Broker();
    await using served = await serve(broker);
    await using client = await connect(urlOf(served, port));
    await using subscription = await client.subscribe("/queue/a");
    const large = Uint8Array.from({ length: 1_048_576 }, (_, index) => (index * 7) & 255);
    for (const body of [large, new Uint8Array([0, 1, 0, 10, 0]), new Uint8Array()]) {
      await client.send("/queue/a", body, { receipt: true });
      const { value: message } = await subscription.next();
      expect(Buffer.compare(message?.bytes ?? Buffer.of(1), body)).toBe(0);
    }
    await client.send("/queue/a", "a\0b\0");
    expect((await subscription.next()).value?.text()).toBe("a\0b\0");
  });

  test("sends many messages to a client that reads slowly, all of them and in order", async () => {
    await using broker = new Broker();
    await using served = await serve(broker);
    await using client = await connect(urlOf(served, port));
    await using sender = await connect(urlOf(served, port));
    await using subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
    const count = 500;
    for (let i = 0; i < count; i++) await sender.send("/queue/a", `${i} `.padEnd(20_000, "x"));
    for (let i = 0; i < count; i++) {
      const { value: message } = await subscription.next();
      expect(Number(message?.text().split(" ")[0])).toBe(i);
      await message?.ack();
    }
  });

  test("is told the peer's address, and ends the connection as a client sees it orderly", async () => {
    await using broker = new Broker();
    await using served = await serve(broker);
    const dial = port === "tcp" ? tcp(urlOf(served, port)) : webSocket(urlOf(served, port));
    const sink = new RecordingSink();
    const transport = await dial(new AbortController().signal);
    transport.start(sink);
    transport.send("CONNECT\naccept-version:1.2\nhost:/\n\n\0");
    await sink.until(() => sink.text.includes("\0"));
    expect(broker.connections[0]?.peer).toMatch(
      port === "tcp" ? /^stomp:\/\/127\.0\.0\.1:\d+$/ : /^ws:\/\/127\.0\.0\.1:\d+$/,
    );
    await broker.connections[0]?.close();
    expect(await sink.end()).toBeUndefined();
    await transport.close();
  });

  test("closes what came in at its ports, and leaves the broker and what it holds", async () => {
    const before = openConnections();
    await using broker = new Broker();
    const served = await serve(broker);
    const client = await connect(urlOf(served, port));
    await client.send("/queue/a", "1", { receipt: true });
    await Promise.all([served.close(), served.close()]);
    expect(broker.connections).toEqual([]);
    expect(broker.queueDepth("/queue/a")).toBe(1);
    await expect(connect(urlOf(served, port))).rejects.toThrow("ECONNREFUSED");
    await client.disconnect();
    await untilClosed(before);
    await using again = await serve(broker, { [port === "tcp" ? "tcpPort" : "wsPort"]: served[port]?.port ?? 0 });
    expect(again[port]?.url).toBe(served[port]?.url);
  });

  test("speaks TLS with a certificate", async () => {
    const tls = await certificate();
    await using broker = new Broker();
    await using served = await serve(broker, { host: "localhost", tls });
    expect(urlOf(served, port)).toMatch(
      port === "tcp" ? /^stomp\+ssl:\/\/localhost:\d+$/ : /^wss:\/\/localhost:\d+\/ws$/,
    );
    await using client = await connect(urlOf(served, port), { tls: { ca: tls.cert } });
    await client.send("/queue/a", new Uint8Array(100_000), { receipt: true });
    expect(broker.queueDepth("/queue/a")).toBe(1);
    expect(broker.connections[0]?.peer).toMatch(/^(stomp\+ssl|wss):/);
  });

  test("cuts who does not agree to the end off, and ends handshakes that were never finished", async () => {
    await using broker = new Broker();
    const served = await serve(broker, { closeTimeout: 0 });
    const silent = connectSocket({ host: "127.0.0.1", port: served[port]?.port ?? 0, allowHalfOpen: true });
    const closed = new Promise((resolve) => silent.once("close", resolve));
    await new Promise((resolve) => silent.once("connect", resolve));
    silent.on("error", () => undefined);
    silent.resume();
    silent.write("GET /ws HTTP/1.1\r\n");
    await served.close();
    silent.destroy();
    await closed;
  });

  test("breaks connections off while the broker accepts none", async () => {
    await using broker = new Broker();
    await using served = await serve(broker);
    broker.accepting = false;
    await expect(connect(urlOf(served, port))).rejects.toMatchObject({ code: "connect" });
    broker.accepting = true;
    await using client = await connect(urlOf(served, port));
    expect(client.state).toBe("connected");
  });
});

describe("over TCP", () => {
  test("a broker answers what is no STOMP by an ERROR, and the end", async () => {
    await using broker = new Broker();
    await using served = await serve(broker, { wsPort: false });
    expect(served.ws).toBeUndefined();
    expect(await spoken(urlOf(served, "tcp"), "GET / HTTP/1.1\r\nhost: x\r\n\r\n\0")).toMatch(/^ERROR\nmessage:/);
  });

  test("frames after a FIN of the client are handled still", async () => {
    await using broker = new Broker();
    await using served = await serve(broker);
    const socket = connectSocket(served.tcp?.port ?? 0, "127.0.0.1");
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.resume();
    socket.end(
      "CONNECT\naccept-version:1.2\nhost:/\n\n\0SEND\ndestination:/queue/a\n\n1\0SEND\ndestination:/queue/a\n\n2\0",
    );
    await closed;
    expect(broker.queueDepth("/queue/a")).toBe(2);
  });
});

describe("over WebSocket", () => {
  test.each([
    [["v10.stomp", "v11.stomp", "v12.stomp"], "v12.stomp"],
    [["v10.stomp", "mqtt", "v11.stomp"], "v11.stomp"],
    [["v10.stomp"], "v10.stomp"],
    [[], ""],
  ])("of the subprotocols %j a broker chooses %j", async (offered, chosen) => {
    await using broker = new Broker();
    await using served = await serve(broker, { tcpPort: false });
    expect(served.tcp).toBeUndefined();
    const socket = await opened(urlOf(served, "ws"), offered);
    expect([socket.protocol, socket.extensions]).toEqual([chosen, ""]);
    const closed = ended(socket);
    socket.close(1000);
    expect(await closed).toBe(1000);
  });

  test.each(["strict", "rabbitmq", "activemq", "spring"] as const)("is served in the dialect %s", async (dialect) => {
    await using broker = new Broker({ dialect });
    await using served = await serve(broker, { tcpPort: false });
    await using client = await connect(urlOf(served, "ws"), { receiptTimeout: 1000 });
    const subscription = await client.subscribe("/topic/news");
    await client.send("/topic/news", "grün");
    expect((await subscription.next()).value?.text()).toBe("grün");
  });

  test("a frame is one message: text if its body is text, and binary if not", async () => {
    await using broker = new Broker();
    await using served = await serve(broker);
    const socket = await opened(urlOf(served, "ws"), ["v12.stomp"]);
    const messages: string[] = [];
    const third = new Promise<void>((resolve) => {
      socket.on("message", (data: Buffer, isBinary) => {
        messages.push(`${isBinary ? "binary" : "text"} ${data.toString("latin1").split("\n")[0] ?? ""}`);
        if (messages.length === 3) resolve();
      });
    });
    socket.send("CONNECT\naccept-version:1.2\nhost:/\n\n\0SUBSCRIBE\nid:1\ndestination:/queue/a\n\n\0");
    socket.send("SEND\ndestination:/queue/a\n\ntext\0");
    socket.send(Buffer.from("SEND\ndestination:/queue/a\n\n\xff\0", "latin1"));
    await third;
    expect(messages).toEqual(["text CONNECTED", "text MESSAGE", "binary MESSAGE"]);
    const closed = ended(socket);
    await broker.close();
    expect(await closed).toBe(1000);
  });

  test("a message that is too large ends its connection alone", async () => {
    await using broker = new Broker();
    await using served = await serve(broker, { maxMessageSize: 1000 });
    const socket = await opened(urlOf(served, "ws"), ["v12.stomp"]);
    const closed = ended(socket);
    socket.send("x".repeat(1001));
    expect(await closed).toBe(1009);
    await using client = await connect(urlOf(served, "ws"));
    expect(client.state).toBe("connected");
  });

  test("any path does, and a plain request is told what is served there", async () => {
    await using broker = new Broker();
    await using served = await serve(broker);
    await using client = await connect(urlOf(served, "ws").replace(/ws$/, "another/path"));
    expect(client.state).toBe("connected");
    const status = await new Promise((resolve) => {
      get(urlOf(served, "ws").replace("ws:", "http:"), (response) => {
        response.resume();
        resolve(response.statusCode);
      });
    });
    expect(status).toBe(426);
  });
});

describe("serve", () => {
  test("says that a port is taken, and leaves nothing open, the other port included", async () => {
    const before = openConnections();
    {
      await using broker = new Broker();
      const { tcp: other, close } = await serve(broker, { wsPort: false });
      const tcpPort = other?.port ?? 0;
      await close();
      await using served = await serve(broker);
      const taken = served.ws?.port ?? 0;
      const attempt = serve(broker, { tcpPort, wsPort: taken });
      await expect(attempt).rejects.toThrow(
        `could not listen at ws://127.0.0.1:${taken}: the port is taken (EADDRINUSE)`,
      );
      await expect(attempt).rejects.toMatchObject({ cause: { code: "EADDRINUSE" } });
      await using again = await serve(broker, { tcpPort });
      expect(again.tcp?.port).toBe(tcpPort);
    }
    await untilClosed(before);
  });

  test("says that a host name is not known", async () => {
    await using broker = new Broker();
    await expect(serve(broker, { host: "nowhere.invalid" })).rejects.toThrow(
      /^could not listen at stomp:\/\/nowhere\.invalid:0: /,
    );
  });

  test.each<[object, string]>([
    [{ tcpPort: 65_536 }, "tcpPort must be an integer from 0 to 65535, or false, not 65536"],
    [{ wsPort: true }, "wsPort must be an integer from 0 to 65535, or false, not true"],
    [{ host: "" }, "host must be a host name or an IP address"],
    [{ closeTimeout: -1 }, "closeTimeout must be from 0 to 2147483647 ms, not -1"],
    [{ maxMessageSize: 0 }, "maxMessageSize must be a positive integer, not 0"],
    [{ tls: { cert: "no certificate" } }, "PEM"],
  ])("rejects for a wrong option: %j", async (options, message) => {
    await using broker = new Broker();
    await expect(serve(broker, options as ServeOptions)).rejects.toThrow(message);
  });
});
