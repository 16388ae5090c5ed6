import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BaseClient } from "../../../src/client/client.js";
import {
  ConnectionLostError,
  InvalidStateError,
  ProtocolError,
  ReceiptTimeoutError,
  ServerError,
} from "../../../src/errors.js";
import { connected, failure } from "../../support/connected.js";
import { ScriptedBroker, settled } from "../../support/scripted-broker.js";

describe("send", () => {
  test("resolves when the frame is handed over, without a receipt", async () => {
    const { broker, client } = await connected();
    await client.send("/queue/a", "hé\0llo", {
      headers: { "content-type": "text/plain", n: 1, yes: true, no: undefined },
    });
    await settled();
    const [frame] = broker.of("SEND");
    expect([...(frame?.headers ?? [])]).toEqual([
      ["destination", "/queue/a"],
      ["content-type", "text/plain"],
      ["n", "1"],
      ["yes", "true"],
      ["content-length", "7"],
    ]);
    expect(frame?.text()).toBe("hé\0llo");
    await client.disconnect();
  });

  test("with receipt resolves when the broker has confirmed it, in any order", async () => {
    const { broker, client } = await connected({ receipts: false });
    const order: string[] = [];
    const one = client.send("/queue/a", "1", { receipt: "r1" }).then(() => order.push("r1"));
    const two = client.send("/queue/a", "2", { receipt: "r2" }).then(() => order.push("r2"));
    await settled();
    broker.send("RECEIPT", { "receipt-id": "r2" });
    await two;
    broker.send("RECEIPT", { "receipt-id": "r1" });
    await one;
    expect(order).toEqual(["r2", "r1"]);
    await client.disconnect({ timeout: 1 });
  });

  test("octets go as octets, and as one text message over WebSocket where they are text", async () => {
    const { broker, client } = await connected({ memory: { kind: "messages" } });
    await client.send("/queue/a", new TextEncoder().encode("grün"));
    await client.send("/queue/a", Uint8Array.of(0xff, 0, 1));
    await client.send("/queue/a", Uint8Array.of(1, 0, 2).buffer);
    await settled();
    expect(broker.raw.slice(1).map((chunk) => typeof chunk)).toEqual(["string", "object", "string"]);
    expect(broker.of("SEND").map(({ body }) => [...body])).toEqual([
      [103, 114, 195, 188, 110],
      [255, 0, 1],
      [1, 0, 2],
    ]);
    await client.disconnect();
  });

  test("a large body of octets goes to a stream without being joined, and arrives whole", async () => {
    const { broker, client } = await connected();
    const body = new Uint8Array(100_000).map((_, i) => i % 251);
    await client.send("/queue/a", body, { receipt: true });
    expect(broker.of("SEND")[0]?.body).toEqual(body);
    await client.disconnect();
  });

  test("content-length can be left out, for a call or for the client", async () => {
    const { broker, client } = await connected({}, { contentLength: false });
    await client.send("/queue/a", "x");
    await client.send("/queue/a", "x", { contentLength: true });
    await settled();
    expect(broker.of("SEND").map(({ headers }) => headers.get("content-length"))).toEqual([undefined, "1"]);
    await expect(client.send("/queue/a", "\0")).rejects.toThrow(
      new TypeError("a body with a NUL needs a content-length"),
    );
    await client.disconnect();
  });

  test.each([
    ["", "x", {}, "destination must be a string that is not empty"],
    [
      "/a",
      { a: 1 },
      {},
      "body must be a string, Uint8Array or ArrayBuffer, not object; use JSON.stringify for an object",
    ],
    ["/a", null, {}, "body must be a string, Uint8Array or ArrayBuffer, not null; use JSON.stringify for an object"],
    [
      "/a",
      "x",
      { headers: { destination: "/b" } },
      'header "destination" of SEND has an argument or option of its own',
    ],
    ["/a", "x", { headers: { receipt: "r" } }, 'header "receipt" of SEND has an argument or option of its own'],
    ["/a", "x", { headers: { a: {} } }, 'header "a" must be a string, a number or a boolean'],
    ["/a", "x", { headers: { a: "\0" } }, 'header "a" has a NUL, which cannot be escaped here'],
    ["/a", "x", { headers: { "": "b" } }, "a header name must be a string that is not empty"],
    ["/a", "x", { receipt: "" }, "receipt must be true or an id that is not empty"],
    ["/a", "x", { receipt: true, timeout: 0 }, "timeout must be a positive number of ms, not 0"],
    ["/a", "x", { headers: { "content-length": 5 } }, 'header "content-length" is 5, the body has 1 bytes'],
  ])("refuses %o %o %o before a byte leaves", async (destination, body, options, message) => {
    const { broker, client } = await connected();
    const error = await failure(client.send(destination, body as string, options as never));
    expect(error).toMatchObject({ message });
    expect(error instanceof TypeError || error instanceof RangeError).toBe(true);
    await settled();
    expect(broker.of("SEND")).toEqual([]);
    await client.disconnect();
  });

  test("without a connection it rejects and says why", async () => {
    const broker = new ScriptedBroker();
    const client = new BaseClient(broker.dial, { heartBeat: false });
    const never = await failure(client.send("/queue/a", "x"));
    expect(never).toBeInstanceOf(InvalidStateError);
    expect(never).toMatchObject({ message: "SEND needs a connection, the client is disconnected" });
    await client.connect();
    broker.transport.abort(new Error("cable cut"));
    await broker.gone;
    await settled();
    const lost = await failure(client.send("/queue/a", "x"));
    expect(lost).toBeInstanceOf(ConnectionLostError);
    expect(lost).toMatchObject({ outcome: "not-sent" });
    expect((lost as Error).message).toMatch(/^SEND was not sent: connection to memory: lost: /);
  });
});

describe("a receipt", () => {
  test("ends in the ServerError that names it, and the session goes on", async () => {
    const { broker, client } = await connected({ receipts: false });
    const refused = failure(client.send("/queue/a", "x", { receipt: "r1" }));
    const other = client.send("/queue/a", "y", { receipt: "r2" });
    await settled();
    broker.send("ERROR", { message: "not authorized", "receipt-id": "r1" }, "user ann may not");
    broker.send("RECEIPT", { "receipt-id": "r2" });
    const error = await refused;
    expect(error).toBeInstanceOf(ServerError);
    expect(error).toMatchObject({
      code: "server",
      message: "not authorized",
      details: "user ann may not",
      receiptId: "r1",
    });
    await other;
    expect(client.state).toBe("connected");
    await client.disconnect({ timeout: 1 });
  });

  test("an ERROR that names none fails none of them; it is told by the status", async () => {
    const { broker, client } = await connected({ receipts: false });
    const told: unknown[] = [];
    client.onStatus((status) => told.push(status));
    const pending = client.send("/queue/a", "x", { receipt: "r1" });
    await settled();
    broker.send("ERROR", { message: "Subscription not found" }, "details");
    await settled();
    expect(told).toMatchObject([{ type: "server-error", error: { message: "Subscription not found" } }]);
    broker.send("RECEIPT", { "receipt-id": "r1" });
    await pending;
    await client.disconnect({ timeout: 1 });
  });

  test("is lost with the connection: nobody knows whether the broker has the frame", async () => {
    const { broker, client } = await connected({ receipts: false });
    const pending = failure(client.send("/queue/a", "x", { receipt: true }));
    await settled();
    broker.transport.abort(new Error("cable cut"));
    const error = await pending;
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error).toMatchObject({ outcome: "unknown", code: "connection-lost" });
    expect((error as Error).message).toMatch(/^connection lost before the receipt of SEND to \/queue\/a: /);
  });

  test("is lost with an ERROR as cause when the broker closes after one", async () => {
    const { broker, client } = await connected({ receipts: false });
    const pending = failure(client.send("/queue/a", "x", { receipt: true }));
    await settled();
    broker.send("ERROR", { message: "access_refused" }, "ACCESS_REFUSED - no access");
    void broker.transport.close();
    const error = await pending;
    expect(error).toMatchObject({
      outcome: "unknown",
      message: "connection lost before the receipt of SEND to /queue/a: connection to memory: lost: access_refused",
    });
    expect(((error as Error).cause as Error).cause).toBeInstanceOf(ServerError);
  });

  test("is lost with a ProtocolError as cause when the broker breaks the protocol", async () => {
    const { broker, client } = await connected({ receipts: false });
    const pending = failure(client.send("/queue/a", "x", { receipt: true }));
    await settled();
    broker.transport.send("NONSENSE\n\n\0");
    const error = await pending;
    expect(error).toMatchObject({
      message: 'connection lost before the receipt of SEND to /queue/a: unknown command "NONSENSE"',
    });
    expect((error as Error).cause).toBeInstanceOf(ProtocolError);
  });

  test("whose id is being waited for cannot be asked for again, until it has come", async () => {
    const { broker, client } = await connected({ receipts: false });
    const first = client.send("/queue/a", "1", { receipt: "r" });
    const second = await failure(client.send("/queue/a", "2", { receipt: "r" }));
    expect(second).toBeInstanceOf(InvalidStateError);
    expect(second).toMatchObject({ message: 'receipt id "r" is in use' });
    await settled();
    broker.send("RECEIPT", { "receipt-id": "r" });
    await first;
    const third = client.send("/queue/a", "3", { receipt: "r" });
    await settled();
    broker.send("RECEIPT", { "receipt-id": "r" });
    await third;
    expect(broker.of("SEND").map((frame) => frame.text())).toEqual(["1", "3"]);
    await client.disconnect({ timeout: 1 });
  });

  test("an aborted signal ends the wait with its reason; the frame stays sent", async () => {
    const { broker, client } = await connected({ receipts: false });
    const controller = new AbortController();
    const pending = failure(client.send("/queue/a", "x", { receipt: "r", signal: controller.signal }));
    await settled();
    controller.abort("enough");
    expect(await pending).toBe("enough");
    expect(broker.of("SEND")).toHaveLength(1);
    broker.send("RECEIPT", { "receipt-id": "r" }); // late: nobody minds
    await settled();
    expect(client.state).toBe("connected");
    expect(await failure(client.send("/queue/a", "x", { signal: AbortSignal.abort("no") }))).toBe("no");
    expect(broker.of("SEND")).toHaveLength(1);
    await client.disconnect({ timeout: 1 });
  });

  describe("in time", () => {
    beforeEach(() => {
      vi.useFakeTimers();
    });
    afterEach(() => {
      vi.useRealTimers();
    });

    test("or rejects after the call's time-out, or the client's", async () => {
      const { broker, client } = await connected({ receipts: false }, { receiptTimeout: 8000 });
      const short = failure(client.send("/queue/a", "x", { receipt: "r1", timeout: 500 }));
      const usual = failure(client.send("/queue/a", "x", { receipt: "r2" }));
      const endless = failure(client.send("/queue/a", "x", { receipt: "r3", timeout: Infinity }));
      await vi.advanceTimersByTimeAsync(500);
      expect(await short).toBeInstanceOf(ReceiptTimeoutError);
      expect(await short).toMatchObject({
        code: "receipt-timeout",
        message: "no receipt of SEND to /queue/a within 500 ms",
        receiptId: "r1",
        timeout: 500,
      });
      await vi.advanceTimersByTimeAsync(7500);
      expect(await usual).toMatchObject({ message: "no receipt of SEND to /queue/a within 8000 ms" });
      await vi.advanceTimersByTimeAsync(1_000_000);
      broker.send("RECEIPT", { "receipt-id": "r3" });
      expect(await endless).toBe("resolved");
      const disconnecting = client.disconnect({ timeout: 100 });
      await vi.advanceTimersByTimeAsync(5000);
      await disconnecting;
      expect(vi.getTimerCount()).toBe(0);
    });
  });
});

describe("sendFrame", () => {
  test("sends any frame of a client as it is given", async () => {
    const { broker, client } = await connected();
    await client.sendFrame("BEGIN", { transaction: "t" });
    await client.sendFrame(
      "SEND",
      [
        ["destination", "/q"],
        ["transaction", "t"],
        ["x", "1"],
        ["x", "2"],
      ],
      "body",
      { receipt: true },
    );
    await client.sendFrame("COMMIT", { transaction: "t", receipt: "mine" });
    expect(broker.received.map(({ command }) => command)).toEqual(["CONNECT", "BEGIN", "SEND", "COMMIT"]);
    expect(broker.of("SEND")[0]?.headers.all("x")).toEqual(["1", "2"]);
    expect(broker.of("COMMIT")[0]?.headers.get("receipt")).toBe("mine");
    await client.disconnect();
  });

  test.each([
    ["HELLO", {}, "", TypeError, '"HELLO" is not a command of a client'],
    ["MESSAGE", {}, "", TypeError, '"MESSAGE" is not a command of a client'],
    ["CONNECT", {}, "", InvalidStateError, "CONNECT is sent by the client itself"],
    ["DISCONNECT", {}, "", InvalidStateError, "DISCONNECT is sent by the client itself"],
    ["SUBSCRIBE", { destination: "/q" }, "", TypeError, 'SUBSCRIBE needs the header "id" in STOMP 1.2'],
    ["BEGIN", { transaction: "t" }, "body", TypeError, "BEGIN has no body"],
    ["BEGIN", {}, "", TypeError, 'BEGIN needs the header "transaction" in STOMP 1.2'],
  ])("refuses %s %o %o", async (command, headers, body, type, message) => {
    const { client } = await connected();
    const error = await failure(client.sendFrame(command as never, headers, body));
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ message });
    await client.disconnect();
  });
});

describe("frame listeners", () => {
  test("are shown every frame in both directions, without the passcode, until removed", async () => {
    const broker = new ScriptedBroker({ connected: { session: "s" } });
    const client = new BaseClient(broker.dial, { heartBeat: false, login: "ann", passcode: "secret" });
    const shown: string[] = [];
    const remove = client.onFrame(({ direction, frame }) =>
      shown.push(`${direction} ${frame.command} ${JSON.stringify(frame.headers)} ${frame.text()}`),
    );
    await client.connect();
    await client.send("/q", "hello", { receipt: "r" });
    remove();
    await client.disconnect();
    expect(shown).toEqual([
      'out CONNECT [["accept-version","1.0,1.1,1.2"],["host","/"],["login","ann"],["passcode","******"]] ',
      'in CONNECTED [["version","1.2"],["heart-beat","0,0"],["session","s"]] ',
      'out SEND [["destination","/q"],["receipt","r"]] hello',
      'in RECEIPT [["receipt-id","r"]] ',
    ]);
  });
});
