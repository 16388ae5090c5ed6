import { describe, expect, test } from "vitest";
import { ServerSession, type ServerSessionOptions, type Version } from "../../src/protocol/index.js";

function connected(version: Version, options: ServerSessionOptions = {}): ServerSession {
  const session = new ServerSession(options);
  session.push(`CONNECT\naccept-version:${version}\nhost:/\n\n\0`);
  session.next();
  session.connected();
  return session;
}

describe("CONNECT", () => {
  test.each([
    ["accept-version:1.0,1.1,1.2\nhost:/\n", "1.2"],
    ["accept-version:1.2 , 1.1\nhost:/\n", "1.2"],
    ["accept-version:1.1,9.9\nhost:/\n", "1.1"],
    ["accept-version:1.0\n", "1.0"],
    ["", "1.0"],
  ])("of %j leads to version %s", (headers, version) => {
    const session = new ServerSession();
    session.push(`CONNECT\n${headers}\n\0`);
    expect(session.next()?.command).toBe("CONNECT");
    expect(session.version).toBeUndefined();
    session.connected();
    expect(session).toMatchObject({ version, phase: "connected" });
  });

  test("is answered with version, heart-beats, and what the caller gives", () => {
    const session = new ServerSession({ heartBeat: { outgoing: 300, incoming: 400 } });
    session.push("STOMP\naccept-version:1.1\nhost:/\nheart-beat:100,600\n\n\0");
    expect(session.next()?.command).toBe("STOMP");
    expect(session.connected({ server: "x/1:0", session: undefined })).toBe(
      "CONNECTED\nversion:1.1\nheart-beat:300,400\nserver:x/1:0\n\n\0",
    );
    expect(session.heartBeat).toEqual({ outgoing: 600, incoming: 400 });
  });

  test("in 1.0 has no heart-beats", () => {
    const session = new ServerSession({ heartBeat: { outgoing: 300, incoming: 400 } });
    session.push("CONNECT\nheart-beat:100,600\n\n\0");
    session.next();
    expect(session.connected()).toBe("CONNECTED\nversion:1.0\n\n\0");
    expect(session.heartBeat).toEqual({ outgoing: 0, incoming: 0 });
  });

  test("without a common version is a fault, which an ERROR may answer", () => {
    const session = new ServerSession({ versions: ["1.1", "1.2"] });
    session.push("CONNECT\n\n\0");
    expect(() => session.next()).toThrow(
      expect.objectContaining({
        reason: "version-mismatch",
        message: "no common version: the client accepts 1.0, supported are 1.1,1.2",
      }),
    );
    expect(session.encode("ERROR", { message: "no" }, "", false)).toBe("ERROR\nmessage:no\n\n\0");
    expect(session.phase).toBe("refused");
  });

  test("is told what it accepts in a way that an ERROR can repeat", () => {
    const session = new ServerSession();
    session.push(`CONNECT\naccept-version:\r${"9".repeat(50)}\n\n\0`);
    const message = `no common version: the client accepts \\r${"9".repeat(39)}…, supported are 1.0,1.1,1.2`;
    expect(() => session.next()).toThrow(message);
    expect(session.encode("ERROR", { message })).toContain("no common version");
  });

  test("needs a host only for a strict server", () => {
    const session = new ServerSession({ strict: true });
    session.push("CONNECT\naccept-version:1.2\n\n\0");
    expect(() => session.next()).toThrow("CONNECT frame has no host header, which STOMP 1.2 requires");
  });
});

describe("a frame that is not allowed there", () => {
  test.each([
    ["SEND\ndestination:/q\n\n\0", "SEND frame is not allowed while idle"],
    ["MESSAGE\n\n\0", "the client sent MESSAGE, a frame of servers"],
  ])("%j at the beginning", (frame, message) => {
    const session = new ServerSession();
    session.push(frame);
    expect(() => session.next()).toThrow(message);
  });

  test.each([
    ["1.2", "CONNECT\n\n\0", "CONNECT frame is not allowed while connected"],
    ["1.0", "NACK\nmessage-id:1\n\n\0", "NACK frame is not allowed in STOMP 1.0"],
    ["1.2", "ACK\nmessage-id:1\n\n\0", "ACK frame has no id header, which STOMP 1.2 requires"],
    ["1.2", "DISCONNECT\n\n\0SEND\ndestination:/q\n\n\0", "SEND frame is not allowed while disconnecting"],
  ] as const)("in %s: %j", (version, frames, message) => {
    const session = connected(version);
    session.push(frames);
    expect(() => {
      while (session.next() !== undefined);
    }).toThrow(message);
  });

  test("of the server itself is refused before an octet leaves", () => {
    const session = new ServerSession();
    expect(() => session.connected()).toThrow("CONNECTED is not allowed while idle");
    expect(() => session.encode("MESSAGE", {})).toThrow("MESSAGE is not allowed while idle");
    expect(() => connected("1.2").encode("MESSAGE", { destination: "/q" })).toThrow(
      new TypeError('MESSAGE needs the header "message-id"'),
    );
  });
});

test("the end of the stream is a fault inside a frame only", () => {
  const session = connected("1.2");
  session.push("\nSEND\ndest");
  session.next();
  expect(session.eols).toBe(1);
  expect(() => {
    session.end();
  }).toThrow("the stream ended inside a frame");
});
