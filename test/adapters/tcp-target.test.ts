import { describe, expect, test } from "vitest";
import { readTcpTarget, type TcpAddress, type TcpOptions } from "../../src/adapters/tcp-target.js";

type Target = string | URL | TcpAddress;

describe("readTcpTarget", () => {
  test.each<readonly [Target, string, object, boolean]>([
    ["stomp://broker.example", "stomp://broker.example:61613", { host: "broker.example", port: 61613 }, false],
    ["tcp://broker.example/", "stomp://broker.example:61613", { host: "broker.example", port: 61613 }, false],
    ["stomp+ssl://broker.example", "stomp+ssl://broker.example:61614", { host: "broker.example", port: 61614 }, true],
    ["ssl://broker.example:443", "stomp+ssl://broker.example:443", { host: "broker.example", port: 443 }, true],
    ["stomp://broker.example:80", "stomp://broker.example:80", { host: "broker.example", port: 80 }, false],
    ["stomp://127.0.0.1:1", "stomp://127.0.0.1:1", { host: "127.0.0.1", port: 1 }, false],
    ["stomp://[::1]", "stomp://[::1]:61613", { host: "::1", port: 61613 }, false],
    ["ssl://[2001:db8::1]:7", "stomp+ssl://[2001:db8::1]:7", { host: "2001:db8::1", port: 7 }, true],
    ["stomp://local%5Fhost", "stomp://local_host:61613", { host: "local_host", port: 61613 }, false],
    [new URL("stomp://broker.example"), "stomp://broker.example:61613", { host: "broker.example", port: 61613 }, false],
    [{}, "stomp://localhost:61613", { host: "localhost", port: 61613 }, false],
    [{ tls: false }, "stomp://localhost:61613", { host: "localhost", port: 61613 }, false],
    [{ tls: true }, "stomp+ssl://localhost:61614", { host: "localhost", port: 61614 }, true],
    [{ host: "h", tls: { ca: "…" } }, "stomp+ssl://h:61614", { host: "h", port: 61614 }, true],
    [{ host: "::1", port: 65535 }, "stomp://[::1]:65535", { host: "::1", port: 65535 }, false],
    [{ path: "/run/stomp.sock" }, "unix:/run/stomp.sock", { path: "/run/stomp.sock" }, false],
    [{ path: "/run/stomp.sock", tls: true }, "unix:/run/stomp.sock", { path: "/run/stomp.sock" }, true],
  ])("reads %j as %s", (target, peer, address, tls) => {
    const read = readTcpTarget(target, {});
    expect([read.peer, read.address, read.tls !== undefined]).toEqual([peer, address, tls]);
  });

  test("waits two seconds for a close, or as long as it is told", () => {
    expect(readTcpTarget("stomp://h", {}).closeTimeout).toBe(2000);
    expect(readTcpTarget("stomp://h", { closeTimeout: 0 }).closeTimeout).toBe(0);
    expect(readTcpTarget({ closeTimeout: 1 }, {}).closeTimeout).toBe(1);
  });

  test("hands options of TLS on, and lets the second argument win", () => {
    const tls = { servername: "h" };
    expect(readTcpTarget("ssl://h", { tls }).tls).toBe(tls);
    expect(readTcpTarget("ssl://h", { tls: true }).tls).toEqual({});
    expect(readTcpTarget({ tls: true }, { tls }).tls).toBe(tls);
  });
});

describe("a wrong target or option of tcp", () => {
  const INVALID = new TypeError("target is not a valid URL: write it as ws://host:15674/ws or stomp://host:61613");
  const CREDENTIALS = new TypeError("credentials in a URL are not sent: give them as login and passcode to the client");
  const MORE = new TypeError("a stomp: URL has a host, maybe a port, and nothing else");

  test.each<readonly [Target, TcpOptions, Error]>([
    ["not a url", {}, INVALID],
    ["stomp://user:pass@host:999999", {}, INVALID],
    ["ws://host", {}, new TypeError("a TCP target has the scheme stomp: tcp: stomp+ssl: ssl: and not ws:")],
    ["http://host", {}, new TypeError("a TCP target has the scheme stomp: tcp: stomp+ssl: ssl: and not http:")],
    ["stomp://user:pass@host", {}, CREDENTIALS],
    ["stomp://user@host", {}, CREDENTIALS],
    ["ssl://:pass@host", {}, CREDENTIALS],
    ["stomp://host/queue", {}, MORE],
    ["stomp://host?login=x", {}, MORE],
    ["stomp://host#x", {}, MORE],
    ["stomp://", {}, MORE],
    ["stomp:host", {}, MORE],
    ["stomp://host:0", {}, new RangeError("port must be an integer from 1 to 65535, not 0")],
    ["stomp://host", { tls: {} }, new TypeError("a stomp: URL means no TLS: for tls use stomp+ssl:")],
    ["ssl://host", { tls: false }, new TypeError("a ssl: URL means TLS, so tls cannot be false")],
    [{ host: "" }, {}, new TypeError("host must be a host name or an IP address")],
    [{ port: 0 }, {}, new RangeError("port must be an integer from 1 to 65535, not 0")],
    [{ port: 65536 }, {}, new RangeError("port must be an integer from 1 to 65535, not 65536")],
    [{ port: 1.5 }, {}, new RangeError("port must be an integer from 1 to 65535, not 1.5")],
    [{ path: "" }, {}, new TypeError("path must be the path of a socket")],
    [{ path: "/x", port: 1 }, {}, new TypeError("path stands instead of host and port: give one or the other")],
    [{ path: "/x", host: "h" }, {}, new TypeError("path stands instead of host and port: give one or the other")],
    [{}, { closeTimeout: -1 }, new RangeError("closeTimeout must be from 0 to 2147483647 ms, not -1")],
    [{}, { keepAlive: NaN }, new RangeError("keepAlive must be from 0 to 2147483647 ms, not NaN")],
  ])("is refused before anything is opened: %o %o", (target, options, error) => {
    expect(() => readTcpTarget(target, options)).toThrow(error);
  });

  test.each([null, 1, "yes"])("is %j as tls", (tls) => {
    expect(() => readTcpTarget({}, { tls: tls as unknown as boolean })).toThrow(
      new TypeError("tls must be a boolean or an object of TLS options"),
    );
  });

  test("is not shown with its credentials", () => {
    for (const url of ["stomp://user:secret@host:999999", "stomp://user:secret@host", "http://user:secret@host"]) {
      expect(() => readTcpTarget(url, {})).toThrow(/^(?!.*secret)/);
    }
  });
});
