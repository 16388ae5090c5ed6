import { describe, expect, test } from "vitest";
import { readWebSocketRequest, type WebSocketOptions } from "../../src/adapters/websocket-options.js";

/** What users without types may pass. */
type Loose = { readonly [Name in keyof WebSocketOptions]: unknown };

describe("readWebSocketRequest", () => {
  test("keeps the whole URL for the handshake, and no secret in its name", () => {
    const { url, peer } = readWebSocketRequest("wss://user:pass@broker.example:443/ws?token=secret", {});
    expect(url).toBe("wss://user:pass@broker.example/ws?token=secret");
    expect(peer).toBe("wss://broker.example/ws");
  });

  test("offers the subprotocols of all versions, the newest first", () => {
    expect(readWebSocketRequest(new URL("ws://[::1]:15674"), {})).toMatchObject({
      peer: "ws://[::1]:15674/",
      protocols: ["v12.stomp", "v11.stomp", "v10.stomp"],
      closeTimeout: 2000,
      maxMessageSize: 129 * 1024 * 1024,
    });
  });

  test("copies the subprotocols, so that a later change does not count", () => {
    const protocols = ["v12.stomp"];
    const request = readWebSocketRequest("ws://h", { protocols });
    protocols.push("mqtt");
    expect(request.protocols).toEqual(["v12.stomp"]);
  });
});

describe("a wrong URL of webSocket", () => {
  const INVALID = "the URL of a WebSocket is not valid: write it as ws://host:15674/ws or wss://host/ws";

  test.each([
    ["", INVALID],
    ["/ws", INVALID],
    ["ws://user:pass@", INVALID],
    ["ws://user:pass@host:999999", INVALID],
    ["http://host/ws", "the URL of a WebSocket has the scheme ws: or wss: and not http:"],
    ["https://user:pass@host/ws", "the URL of a WebSocket has the scheme ws: or wss: and not https:"],
    ["stomp://host:61613", "the URL of a WebSocket has the scheme ws: or wss: and not stomp:"],
    ["ws://host/ws#secret", "the URL of a WebSocket has no fragment (#…)"],
  ])("is refused before anything is opened: %j", (url, message) => {
    expect(() => readWebSocketRequest(url, {})).toThrow(new TypeError(message));
  });
});

describe("a wrong option of webSocket", () => {
  test.each<readonly [Loose, Error]>([
    [{ protocols: "v12.stomp" }, new TypeError("protocols must be an array of subprotocols")],
    [{ protocols: ["a b"] }, new TypeError('protocols must be names of subprotocols, and "a b" is none')],
    [{ protocols: [""] }, new TypeError('protocols must be names of subprotocols, and "" is none')],
    [{ protocols: [12] }, new TypeError("protocols must be names of subprotocols, and 12 is none")],
    [{ protocols: ["a", "b", "a"] }, new TypeError("protocols names a twice")],
    [{ factory: {} }, new TypeError("factory must be a function")],
    [{ headers: "a: b" }, new TypeError("headers must be an object of names and values")],
    [{ headers: null }, new TypeError("headers must be an object of names and values")],
    [{ tls: {} }, new TypeError("a ws: URL means no TLS: for tls use wss:")],
    [{ maxMessageSize: 0 }, new RangeError("maxMessageSize must be a positive integer, not 0")],
    [{ maxMessageSize: 1.5 }, new RangeError("maxMessageSize must be a positive integer, not 1.5")],
    [{ maxMessageSize: "1" }, new RangeError("maxMessageSize must be a positive integer, not 1")],
    [{ closeTimeout: -1 }, new RangeError("closeTimeout must be from 0 to 2147483647 ms, not -1")],
    [{ closeTimeout: "1" }, new TypeError("closeTimeout must be a number of milliseconds, not string")],
  ])("is refused before anything is opened: %j", (options, error) => {
    expect(() => readWebSocketRequest("ws://host", options as WebSocketOptions)).toThrow(error);
  });
});
