import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BaseClient } from "../../../src/client/client.js";
import type { Status } from "../../../src/client/observing/status.js";
import { ConnectError, InvalidStateError, ProtocolError, ServerError } from "../../../src/errors.js";
import { ScriptedBroker, settled } from "../../support/scripted-broker.js";

const NO_BEAT = { heartBeat: false, reconnect: false } as const;

describe("connecting", () => {
  test("resolves at CONNECTED and tells what was agreed on", async () => {
    const broker = new ScriptedBroker({
      session: { heartBeat: { outgoing: 5000, incoming: 20_000 } },
      connected: { server: "test/1", session: "s-1" },
    });
    const client = new BaseClient(broker.dial, {
      login: "ann",
      passcode: "secret",
      host: "vhost",
      headers: { "client-id": "c" },
    });
    const statuses: Status[] = [];
    client.onStatus((status) => statuses.push(status));
    await client.connect();
    const [connect] = broker.received;
    expect([...(connect?.headers ?? [])]).toEqual([
      ["accept-version", "1.0,1.1,1.2"],
      ["heart-beat", "10000,10000"],
      ["host", "vhost"],
      ["login", "ann"],
      ["passcode", "secret"],
      ["client-id", "c"],
    ]);
    const session = {
      version: "1.2",
      server: "test/1",
      session: "s-1",
      heartBeat: { outgoing: 20_000, incoming: 10_000 },
    };
    expect(client.session).toEqual(session);
    expect(client.state).toBe("connected");
    expect(statuses).toEqual([
      { type: "connecting", target: "the broker", attempt: 0 },
      { type: "connected", ...session },
    ]);
    await client.disconnect();
  });

  test.each(["1.0", "1.1", "1.2"] as const)("takes version %s when the broker chooses it", async (version) => {
    const broker = new ScriptedBroker({ session: { versions: [version] } });
    const client = new BaseClient(broker.dial, NO_BEAT);
    await client.connect();
    expect(client.session?.version).toBe(version);
    await client.disconnect();
  });

  test("a second call joins the first, and a third does nothing when connected", async () => {
    const broker = new ScriptedBroker();
    const client = new BaseClient(broker.dial, NO_BEAT);
    await Promise.all([client.connect(), client.connect()]);
    await client.connect();
    expect(broker.dialled).toBe(1);
    await client.disconnect();
  });

  test("a refused login is a ConnectError that says what to do, with the ServerError as cause", async () => {
    const broker = new ScriptedBroker({
      welcome: false,
      onFrame: (_frame, self) => self.send("ERROR", { message: "Bad CONNECT" }, "Access refused for user 'ann'\n"),
    });
    const client = new BaseClient(broker.dial, { ...NO_BEAT, login: "ann", passcode: "secret" });
    const error = await client.connect().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({
      code: "connect",
      stage: "handshake",
      message:
        "memory: refused the connection: Bad CONNECT (Access refused for user 'ann'); check login, passcode and host",
    });
    expect((error as ConnectError).cause).toBeInstanceOf(ServerError);
    await broker.gone; // a refused socket is closed by us: RabbitMQ would keep it for 10 s
    expect(client.state).toBe("disconnected");
  });

  test("a peer that closes before CONNECTED is told apart", async () => {
    const broker = new ScriptedBroker({ welcome: false, onFrame: (_frame, self) => void self.transport.close() });
    await expect(new BaseClient(broker.dial, NO_BEAT).connect()).rejects.toThrow(
      "memory: closed the connection before CONNECTED; are the credentials right, and is this a STOMP port, with TLS or without?",
    );
  });

  test("a peer that does not speak STOMP is told apart", async () => {
    const broker = new ScriptedBroker({
      welcome: false,
      onFrame: (_frame, self) => self.transport.send("HTTP/1.1 400 Bad Request\r\n\r\n"),
    });
    const error = await new BaseClient(broker.dial, NO_BEAT).connect().catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      message: 'no session with memory:: unknown command "HTTP/1.1 400 B"; is this a STOMP port, with TLS or without?',
    });
    expect((error as ConnectError).cause).toBeInstanceOf(ProtocolError);
  });

  test("a version that was not offered is refused", async () => {
    const broker = new ScriptedBroker({
      welcome: false,
      onFrame: (_frame, self) => self.transport.send("CONNECTED\nversion:1.0\n\n\0"),
    });
    await expect(new BaseClient(broker.dial, { ...NO_BEAT, versions: ["1.2"] }).connect()).rejects.toThrow(
      'no session with memory:: the server chose version "1.0", offered were 1.2; offer a version that it speaks',
    );
  });

  test("a dial that fails is wrapped, with its error as cause", async () => {
    const cause = new Error("no such road");
    const client = new BaseClient([{ name: "road://rome", dial: () => Promise.reject(cause) }], NO_BEAT);
    await expect(client.connect()).rejects.toMatchObject({
      name: "ConnectError",
      stage: "dial",
      message: "could not connect to road://rome: no such road",
      cause,
    });
  });

  test("a dial that throws is wrapped too, and the client can be connected afterwards", async () => {
    let first = true;
    const broker = new ScriptedBroker();
    const client = new BaseClient((signal) => {
      if (first) {
        first = false;
        throw new Error("not today");
      }
      return broker.dial(signal);
    }, NO_BEAT);
    await expect(client.connect()).rejects.toThrow("could not connect to the broker: not today");
    await client.connect();
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test("an aborted signal rejects with its reason, untouched, and nothing stays open", async () => {
    const broker = new ScriptedBroker({ welcome: false });
    const client = new BaseClient(broker.dial, NO_BEAT);
    const controller = new AbortController();
    const connecting = client.connect({ signal: controller.signal });
    await settled();
    const reason = { why: "enough" };
    controller.abort(reason);
    await expect(connecting).rejects.toBe(reason);
    await broker.gone;
    expect(client.state).toBe("disconnected");
  });

  test("a signal that is aborted before rejects without a dial", async () => {
    const broker = new ScriptedBroker();
    const client = new BaseClient(broker.dial, NO_BEAT);
    await expect(client.connect({ signal: AbortSignal.abort("no") })).rejects.toBe("no");
    expect(broker.dialled).toBe(0);
  });

  test("disconnect ends an attempt at once", async () => {
    const client = new BaseClient(() => new Promise(() => undefined), NO_BEAT);
    const connecting = client.connect().catch((reason: unknown) => reason);
    await client.disconnect();
    const error = await connecting;
    expect(error).toBeInstanceOf(InvalidStateError);
    expect((error as Error).message).toBe("the client is disconnecting");
    expect(client.state).toBe("disconnected");
  });

  test("a transport that a dial brings too late is dropped", async () => {
    const broker = new ScriptedBroker();
    let bring: () => void = () => undefined;
    const client = new BaseClient(async (signal) => {
      await new Promise<void>((resolve) => (bring = resolve));
      return broker.dial(signal);
    }, NO_BEAT);
    const connecting = client.connect().catch(() => "given up");
    await settled();
    await client.disconnect();
    expect(await connecting).toBe("given up");
    bring();
    await settled();
    await broker.gone;
    expect(broker.received).toEqual([]);
  });

  test("what the broker announces beyond a limit ends the connection with both numbers", async () => {
    const broker = new ScriptedBroker();
    const client = new BaseClient(broker.dial, { ...NO_BEAT, limits: { bodyBytes: 65_536 } });
    await client.connect();
    const subscription = await client.subscribe("/queue/a");
    const pending = client.send("/queue/a", "x", { receipt: "never" });
    broker.transport.send(
      `MESSAGE\nsubscription:${subscription.id}\nmessage-id:1\ndestination:/queue/a\ncontent-length:70000\n\n`,
    );
    await expect(subscription.next()).rejects.toThrow("frame body is 70000 bytes, limit is 65536");
    await pending.catch(() => undefined);
    expect(client.state).toBe("disconnected");
  });
});

describe("wrong options", () => {
  const dial = new ScriptedBroker().dial;
  test.each([
    [{ connectTimeout: 0 }, RangeError, "connectTimeout must be a positive number of ms, not 0"],
    [{ receiptTimeout: -1 }, RangeError, "receiptTimeout must be a positive number of ms, not -1"],
    [{ disconnectTimeout: Number.NaN }, RangeError, "disconnectTimeout must be a positive number of ms, not NaN"],
    [
      { heartBeat: { outgoing: -5 } },
      RangeError,
      "heart-beats are whole numbers of ms up to 999999999999, not -5,10000",
    ],
    [{ heartBeatTolerance: 0.5 }, RangeError, "heartBeatTolerance must be at least 1, not 0.5"],
    [{ versions: [] }, RangeError, "versions must not be empty"],
    [{ versions: ["1.3"] as never }, TypeError, "versions must be of 1.0, 1.1 and 1.2, not 1.3"],
    [{ headers: { login: "x" } }, TypeError, 'header "login" of CONNECT has an argument or option of its own'],
    [{ limits: { headers: 0 } }, RangeError, "limits.headers must be a positive integer, not 0"],
    [{ buffer: { messages: 0 } }, RangeError, "buffer.messages must be at least 1, not 0"],
    [{ login: 7 as never }, TypeError, "login must be a string"],
  ])("%o is refused", (options, type, message) => {
    expect(() => new BaseClient(dial, options)).toThrow(type);
    expect(() => new BaseClient(dial, options)).toThrow(message);
  });

  test("a passcode that CONNECT cannot express is refused before a byte leaves, and not shown", async () => {
    const broker = new ScriptedBroker();
    const client = new BaseClient(broker.dial, { ...NO_BEAT, passcode: "se\ncret" });
    await expect(client.connect()).rejects.toThrow(
      new TypeError('header "passcode" has a line feed, which cannot be escaped here'),
    );
    expect(broker.raw).toEqual([]);
  });
});

describe("connecting that takes too long", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("ends with the stage and the time: no transport", async () => {
    const client = new BaseClient([{ name: "ws://far.example/ws", dial: () => new Promise(() => undefined) }], {
      connectTimeout: 3000,
    });
    const connecting = client.connect().catch((reason: unknown) => reason);
    await vi.advanceTimersByTimeAsync(3000);
    expect(await connecting).toMatchObject({
      stage: "dial",
      message: "no connection to ws://far.example/ws within 3000 ms; is it reachable, or is there a firewall?",
    });
    expect(vi.getTimerCount()).toBe(0);
  });

  test("ends with the stage and the time: no CONNECTED", async () => {
    const broker = new ScriptedBroker({ welcome: false });
    const client = new BaseClient(broker.dial, {});
    const connecting = client.connect().catch((reason: unknown) => reason);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await connecting).toMatchObject({
      stage: "handshake",
      message: "no CONNECTED from memory: within 10000 ms; is this a STOMP port, with TLS or without?",
    });
    await broker.gone;
    expect(vi.getTimerCount()).toBe(0);
  });
});
