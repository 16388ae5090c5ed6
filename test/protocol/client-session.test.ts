import { describe, expect, test } from "vitest";
import { InvalidStateError, ProtocolError } from "../../src/errors.js";
import { ClientSession, type ClientSessionOptions, type Version } from "../../src/protocol/index.js";

function connected(version: Version, options: ClientSessionOptions = {}, server = "test"): ClientSession {
  const session = new ClientSession(options);
  session.connect([["host", "/"]]);
  session.push(`CONNECTED\nversion:${version}\nserver:${server}\n\n\0`);
  session.next();
  return session;
}

describe("connecting", () => {
  test("offers versions and heart-beats, and what the caller gives, unescaped", () => {
    const session = new ClientSession({ heartBeat: { outgoing: 1000, incoming: 2000 } });
    expect(session.connect({ host: "a:b", login: "x\\y" })).toBe(
      "CONNECT\naccept-version:1.0,1.1,1.2\nheart-beat:1000,2000\nhost:a:b\nlogin:x\\y\n\n\0",
    );
    expect(session.phase).toBe("connecting");
    expect(session.version).toBeUndefined();
  });

  test("escapes for brokers that unescape, when it is told to", () => {
    const session = new ClientSession({ escapeConnect: true, versions: ["1.1"] });
    expect(session.connect({ host: "/", passcode: "a\\b:c" })).toBe(
      "CONNECT\naccept-version:1.1\nhost:/\npasscode:a\\\\b\\cc\n\n\0",
    );
  });

  test("can say STOMP instead", () => {
    expect(new ClientSession().connect({ host: "/" }, "STOMP")).toMatch(/^STOMP\n/);
  });

  test.each([
    [{}, 'CONNECT needs the header "host" in STOMP 1.2'],
    [{ host: undefined }, 'CONNECT needs the header "host" in STOMP 1.2'],
    [{ host: "/", "accept-version": "1.0" }, 'header "accept-version" of CONNECT has an argument or option of its own'],
    [{ host: "/", "heart-beat": "0,0" }, 'header "heart-beat" of CONNECT has an argument or option of its own'],
    [{ host: "/", login: "a\nb" }, 'header "login" has a line feed, which cannot be escaped here'],
  ])("refuses %o, and may be tried again", (headers, message) => {
    const session = new ClientSession();
    expect(() => session.connect(headers)).toThrow(new TypeError(message));
    expect(session.phase).toBe("idle");
    session.connect({ host: "/" });
  });

  test("is done once", () => {
    const session = connected("1.2");
    expect(() => session.connect({ host: "/" })).toThrow(
      new InvalidStateError("CONNECT is not allowed while connected"),
    );
  });

  test("host is not needed where only 1.0 is offered", () => {
    expect(new ClientSession({ versions: ["1.0"] }).connect({})).toBe("CONNECT\naccept-version:1.0\n\n\0");
  });
});

describe("CONNECTED", () => {
  test.each([
    ["version:1.1\nheart-beat:500,700\n", "1.1", { outgoing: 1000, incoming: 2000 }],
    ["version:1.2\nheart-beat:5000,7000\n", "1.2", { outgoing: 7000, incoming: 5000 }],
    ["version:1.2\nheart-beat:0,7000\n", "1.2", { outgoing: 7000, incoming: 0 }],
    ["version:1.2\n", "1.2", { outgoing: 0, incoming: 0 }],
    ["session:1\n", "1.0", { outgoing: 0, incoming: 0 }],
  ])("of %j is agreed to", (headers, version, heartBeat) => {
    const session = new ClientSession({ heartBeat: { outgoing: 1000, incoming: 2000 } });
    session.connect({ host: "/" });
    session.push(`CONNECTED\n${headers}\n\0`);
    session.next();
    expect(session).toMatchObject({ phase: "connected", version, heartBeat });
  });

  test.each([
    ["version:1.2\n", "version-mismatch", 'the server chose version "1.2", offered were 1.0,1.1'],
    ["version:2.0\n", "version-mismatch", 'the server chose version "2.0", offered were 1.0,1.1'],
    ["version:1.1\nheart-beat:often\n", "invalid-header", 'heart-beat header "often" is not two numbers'],
  ])("of %j is refused", (headers, reason, message) => {
    const session = new ClientSession({ versions: ["1.0", "1.1"] });
    session.connect({ host: "/" });
    session.push(`CONNECTED\n${headers}\n\0`);
    expect(() => session.next()).toThrow(expect.objectContaining({ reason, message }));
  });

  test("decides how the frame behind it is read, in the same chunk", () => {
    const session = new ClientSession();
    session.connect({ host: "/" });
    session.push("CONNECTED\nversion:1.1\nserver:a\\nb\n\n\0RECEIPT\nreceipt-id:a\\nb\n\n\0");
    expect(session.next()?.headers.get("server")).toBe("a\\nb");
    expect(session.next()?.headers.get("receipt-id")).toBe("a\nb");
  });
});

describe("a frame of the server that is not allowed there", () => {
  test.each([
    ["MESSAGE\n\n\0", "idle", "MESSAGE frame is not allowed while idle"],
    ["RECEIPT\nreceipt-id:1\n\n\0", "connecting", "RECEIPT frame is not allowed while connecting"],
    ["CONNECTED\nversion:1.2\n\n\0", "connected", "CONNECTED frame is not allowed while connected"],
  ])("%j while %s", (frame, phase, message) => {
    const session = phase === "connected" ? connected("1.2") : new ClientSession();
    if (phase === "connecting") session.connect({ host: "/" });
    session.push(frame);
    expect(() => session.next()).toThrow(new ProtocolError("unexpected-frame", message));
  });

  test("nothing follows a refusal", () => {
    const session = new ClientSession();
    session.connect({ host: "/" });
    session.push("ERROR\nmessage:no\n\n\0CONNECTED\nversion:1.2\n\n\0");
    expect(session.next()?.command).toBe("ERROR");
    expect(session.phase).toBe("refused");
    expect(() => session.next()).toThrow("CONNECTED frame is not allowed while refused");
    expect(() => session.encode("SEND", { destination: "/q" })).toThrow("SEND is not allowed while refused");
  });

  test.each([
    ["1.2", "MESSAGE\nmessage-id:1\ndestination:/q\n\n\0", "subscription"],
    ["1.1", "MESSAGE\nsubscription:1\ndestination:/q\n\n\0", "message-id"],
    ["1.0", "MESSAGE\nmessage-id:1\n\n\0", "destination"],
    ["1.0", "RECEIPT\n\n\0", "receipt-id"],
  ] as const)("in %s: %j has no %s", (version, frame, header) => {
    const session = connected(version);
    session.push(frame);
    const message = `${frame.split("\n", 1)[0] ?? ""} frame has no ${header} header, which STOMP ${version} requires`;
    expect(() => session.next()).toThrow(expect.objectContaining({ reason: "missing-header", message }));
  });
});

test("headers are looked for in frames of another kind than those before, too", () => {
  const session = connected("1.2");
  for (let i = 0; i < 20; i++) {
    session.push(`MESSAGE\nsubscription:1\nmessage-id:${i}\ndestination:/q\n\n\0`);
    expect(session.next()?.headers.get("message-id")).toBe(String(i));
  }
  session.push("MESSAGE\nsubscription:1\nmessage:21\ndestination:/q\n\n\0");
  expect(() => session.next()).toThrow("MESSAGE frame has no message-id header, which STOMP 1.2 requires");
});

describe("a frame of the client", () => {
  test.each([
    ["1.2", "ACK", { "message-id": "1" }, 'ACK needs the header "id" in STOMP 1.2'],
    ["1.1", "ACK", { "message-id": "1" }, 'ACK needs the header "subscription" in STOMP 1.1'],
    ["1.1", "SUBSCRIBE", { destination: "/q" }, 'SUBSCRIBE needs the header "id" in STOMP 1.1'],
    ["1.0", "UNSUBSCRIBE", {}, 'UNSUBSCRIBE needs the header "destination" in STOMP 1.0'],
    ["1.0", "SEND", {}, 'SEND needs the header "destination" in STOMP 1.0'],
    ["1.2", "COMMIT", {}, 'COMMIT needs the header "transaction" in STOMP 1.2'],
  ] as const)("in %s: %s with %o is refused before an octet leaves", (version, command, headers, message) => {
    expect(() => connected(version).encode(command, headers)).toThrow(new TypeError(message));
    expect(() => connected(version).encodeHead(command, headers, 0)).toThrow(new TypeError(message));
  });

  test("is refused before CONNECTED and after DISCONNECT", () => {
    const session = new ClientSession();
    expect(() => session.encode("SEND", { destination: "/q" })).toThrow("SEND is not allowed while idle");
    const other = connected("1.2");
    other.encode("DISCONNECT", {});
    expect(() => other.encodeHead("SEND", { destination: "/q" }, 1)).toThrow("SEND is not allowed while disconnecting");
  });

  test("that is refused for what is in it leaves the session where it was", () => {
    const session = connected("1.2");
    expect(() => session.encode("DISCONNECT", { receipt: "\0" })).toThrow(TypeError);
    expect(session.phase).toBe("connected");
  });

  test("NACK is no command of 1.0, and MESSAGE none of a client", () => {
    expect(() => connected("1.0").encode("NACK", { "message-id": "1" })).toThrow(
      new InvalidStateError("NACK needs STOMP 1.1, the session is of 1.0"),
    );
    expect(() => connected("1.2").encode("MESSAGE" as never, {})).toThrow('"MESSAGE" is not a command of a client');
  });
});

describe("a broker that is known to do as it likes", () => {
  test("RabbitMQ escapes in every version", () => {
    for (const version of ["1.0", "1.1"] as const) {
      const session = connected(version, {}, "RabbitMQ/3.10.8");
      session.push("RECEIPT\nreceipt-id:a\\rb\\\\c\n\n\0");
      expect(session.next()?.headers.get("receipt-id")).toBe("a\rb\\c");
    }
    const old = connected("1.0", {}, "RabbitMQ/3.10.8");
    expect(old.encode("SEND", { destination: "a\\b" })).toBe("SEND\ndestination:a\\\\b\ncontent-length:0\n\n\0");
  });

  test("but not in a strict session, and not any other broker", () => {
    for (const session of [connected("1.1", { strict: true }, "RabbitMQ/3.10.8"), connected("1.1", {}, "other")]) {
      session.push("RECEIPT\nreceipt-id:a\\rb\n\n\0");
      expect(() => session.next()).toThrow('undefined escape sequence "\\r"');
    }
  });
});

test("the end of the stream is a fault inside a frame only", () => {
  const session = connected("1.2");
  session.push("\n\n");
  expect(session.next()).toBeUndefined();
  session.end();
  expect(session.eols).toBe(2);
  session.push("RECEIPT\n");
  expect(session.next()).toBeUndefined();
  expect(() => {
    session.end();
  }).toThrow("the stream ended inside a frame");
});
