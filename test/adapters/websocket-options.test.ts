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
  const INVALID = "target is not a valid URL: write it as ws://host:15674/ws or stomp://host:61613";

  test.each([
    ["", INVALID],
    ["/ws", INVALID],
    ["ws://user:pass@", INVALID],
    ["ws://user:pass@host:999999", INVALID],
    ["http://host/ws", "the URL must have the scheme ws: or wss:, not http:"],
    ["https://user:pass@host/ws", "the URL must have the scheme ws: or wss:, not https:"],
    ["stomp://host:61613", "the URL must have the scheme ws: or wss:, not stomp:"],
    ["ws://host/ws#secret", "the URL must have no fragment (#…)"],
  ])("is refused before anything is opened: %j", (url, message) => {
    expect(() => readWebSocketRequest(url, {})).toThrow(new TypeError(message));
  });
});

describe("a wrong option of webSocket", () => {
  test.each<readonly [Loose, Error]>([
    [{ protocols: "v12.stomp" }, new TypeError('protocols must be an array of different names, not "v12.stomp"')],
    [{ protocols: ["a b"] }, new TypeError('protocols must be an array of different names, not ["a b"]')],
    [{ protocols: [""] }, new TypeError('protocols must be an array of different names, not [""]')],
    [{ protocols: [12] }, new TypeError("protocols must be an array of different names, not [12]")],
    [{ protocols: ["a", "b", "a"] }, new TypeError('protocols must be an array of different names, not ["a","b","a"]')],
    [{ factory: {} }, new TypeError("factory must be a function")],
    [{ tls: {} }, new TypeError("tls is for wss: URLs, this one has ws:")],
    [{ closeTimeout: -1 }, new RangeError("closeTimeout must be from 0 to 2147483647 ms, not -1")],
    [{ closeTimeout: "1" }, new TypeError("closeTimeout must be a number of ms, not string")],
  ])("is refused before anything is opened: %j", (options, error) => {
    expect(() => readWebSocketRequest("ws://host", options as WebSocketOptions)).toThrow(error);
  });
});
