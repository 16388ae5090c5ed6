import { adviceOn } from "#websocket";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { webSocket } from "../../src/adapters/websocket.js";
import { ConnectError } from "../../src/errors.js";
import { never, refusal } from "../support/dialling.js";
import {
  dialFake,
  FAKE_URL,
  type FakeOptions,
  FakeWebSocket,
  TerminableWebSocket,
} from "../support/web-socket-fake.js";

const ADVICE =
  "is the broker running, is this its WebSocket port and path (RabbitMQ: /ws), and may this origin connect?";
const UNTOLD = `could not connect to ${FAKE_URL}: the platform gives no reason (a browser's console may); ${ADVICE}`;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** What each platform fires when a socket is refused, or answered with HTTP 401: the order and the codes of the facts. */
const REFUSALS: readonly (readonly [string, (socket: FakeWebSocket) => void, string])[] = [
  [
    "Chromium, Firefox and WebKit",
    (socket) => (socket.fire("error", {}), socket.fire("close", { code: 1006 })),
    UNTOLD,
  ],
  [
    "Node 22, without a close",
    (socket) => socket.fire("error", { message: "fetch failed" }),
    `could not connect to ${FAKE_URL}: fetch failed; ${ADVICE}`,
  ],
  ["Node 22 that is closed, with two errors", (socket) => (socket.fire("error", {}), socket.fire("error", {})), UNTOLD],
  ["Node 24", (socket) => (socket.fire("error", {}), socket.fire("close", { code: 1006, reason: "" })), UNTOLD],
  [
    "Deno, with close code 0",
    (socket) => (socket.fire("error", { message: "NetworkError" }), socket.fire("close", { code: 0, reason: "" })),
    `could not connect to ${FAKE_URL}: NetworkError; ${ADVICE}`,
  ],
  [
    "ws and Bun",
    (socket) => {
      const error = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" });
      socket.fire("error", { message: error.message, error });
      socket.fire("close", { code: 1006, reason: "" });
    },
    // A browser has no such codes, so its build does not know what they mean.
    `could not connect to ${FAKE_URL}: ` +
      (adviceOn === undefined
        ? "connect ECONNREFUSED 127.0.0.1:1"
        : "nobody listens there (ECONNREFUSED); is the broker running, and is this its WebSocket port?"),
  ],
  ["one that only closes", (socket) => socket.fire("close", { code: 1006 }), UNTOLD],
  ["one that closes first", (socket) => (socket.fire("close", { code: 0 }), socket.fire("error", {})), UNTOLD],
  ["one whose events are missing", (socket) => (socket.fire("error"), socket.fire("close")), UNTOLD],
  [
    "SockJS, which tells why",
    (socket) => socket.fire("close", { code: 2000, reason: "All transports failed" }),
    `could not connect to ${FAKE_URL}: the WebSocket was closed with code 2000: All transports failed; ${ADVICE}`,
  ],
  [
    "one that closes in an orderly way",
    (socket) => socket.fire("close", { code: 1000 }),
    `could not connect to ${FAKE_URL}: it was closed at once; ${ADVICE}`,
  ],
];

describe("a WebSocket that does not open", () => {
  test.each(REFUSALS)("rejects the dial once, as %s fires it", async (_, script, message) => {
    const socket = new FakeWebSocket();
    const refused = refusal(dialFake(socket));
    script(socket);
    const error = await refused;
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({ code: "connect", stage: "dial", message });
    socket.fire("open");
    expect(socket.isForgotten).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("is closed where it still connects after an error, even if that throws", async () => {
    const socket = new FakeWebSocket({
      onClose: () => {
        throw new Error("InvalidStateError");
      },
    });
    const refused = refusal(dialFake(socket));
    socket.fire("error", {});
    expect(await refused).toMatchObject({ message: UNTOLD });
    expect(socket.closes).toEqual([undefined]);
  });

  test.each([2, 3])("rejects the dial if it was past its events when it was made, in state %i", async (readyState) => {
    expect(await refusal(dialFake(new FakeWebSocket({ readyState })))).toMatchObject({ message: UNTOLD });
  });

  test("asks about the certificate too where there is TLS", async () => {
    const socket = new FakeWebSocket();
    const refused = refusal(webSocket("wss://broker.example/ws", { factory: () => socket })(never));
    socket.fire("close", { code: 1006 });
    expect(await refused).toMatchObject({
      message: `could not connect to wss://broker.example/ws: the platform gives no reason (a browser's console may); ${ADVICE.slice(0, -1)}, is its certificate trusted?`,
    });
  });

  test("rejects the dial with what the factory threw, or if it made no WebSocket", async () => {
    const cause = new Error("no luck");
    const throwing = webSocket(FAKE_URL, {
      factory: () => {
        throw cause;
      },
    });
    expect(await refusal(throwing(never))).toMatchObject({
      message: `could not connect to ${FAKE_URL}: the factory failed: no luck`,
      cause,
    });
    for (const nothing of [undefined, null, {}, Promise.resolve(new FakeWebSocket())]) {
      const factory = (): FakeWebSocket => nothing as FakeWebSocket;
      expect(await refusal(webSocket(FAKE_URL, { factory })(never))).toMatchObject({
        message: `could not connect to ${FAKE_URL}: the factory did not return a WebSocket`,
      });
    }
  });
});

describe("the subprotocol of a WebSocket", () => {
  // Deno, Firefox and WebKit open without one; workerd says null; SockJS has none.
  test.each([
    ["v11.stomp", undefined],
    ["", undefined],
    [null, undefined],
    ["", []],
    [null, []],
  ] as const)("may be %j where %j is offered", async (protocol, protocols) => {
    const socket = new FakeWebSocket({ protocol });
    const dialling = dialFake(socket, never, protocols === undefined ? {} : { protocols });
    socket.fire("open");
    await expect(dialling).resolves.toMatchObject({ kind: "messages" });
  });

  test.each([
    [undefined, "v12.stomp, v11.stomp, v10.stomp"],
    [[], "none"],
  ])("may not be another one where %j is offered", async (protocols, offered) => {
    const socket = new FakeWebSocket({ protocol: "mqtt" });
    const refused = refusal(dialFake(socket, never, protocols === undefined ? {} : { protocols }));
    socket.fire("open");
    expect(await refused).toMatchObject({
      message: `could not connect to ${FAKE_URL}: the server chose the subprotocol mqtt, offered: ${offered}; if that is STOMP, add it to protocols`,
    });
    expect(socket.closes).toEqual([undefined]);
    expect(socket.isForgotten).toBe(true);
  });

  test("is handed to the factory with the URL", async () => {
    const factory = vi.fn(() => new FakeWebSocket({ readyState: 1 }));
    await webSocket(`${FAKE_URL}?token=x`, { factory, protocols: ["v12.stomp"] })(never);
    expect(factory.mock.calls).toEqual([[`${FAKE_URL}?token=x`, ["v12.stomp"]]]);
  });
});

describe("a dial over a WebSocket that is aborted", () => {
  const reason = { why: "not even an error" };

  test("makes no socket when it was aborted before", async () => {
    const factory = vi.fn(() => new FakeWebSocket());
    expect(await refusal(webSocket(FAKE_URL, { factory })(AbortSignal.abort(reason)))).toBe(reason);
    expect(factory).not.toHaveBeenCalled();
  });

  test("drops the socket when it is aborted while the socket is made", async () => {
    const controller = new AbortController();
    const socket = new FakeWebSocket();
    const factory = (): FakeWebSocket => (controller.abort(reason), socket);
    expect(await refusal(webSocket(FAKE_URL, { factory })(controller.signal))).toBe(reason);
    expect(socket.closes).toEqual([undefined]);
  });

  test.each<[string, FakeOptions]>([
    ["nothing", {}],
    ["error and close", { onClose: (socket) => (socket.fire("error", {}), socket.fire("close", { code: 1006 })) }],
    ["two errors", { onClose: (socket) => (socket.fire("error", {}), socket.fire("error", {})) }],
    ["error and close 0", { onClose: (socket) => (socket.fire("error", {}), socket.fire("close", { code: 0 })) }],
    ["open, too late", { onClose: (socket) => socket.fire("open") }],
  ])("rejects with the reason while it connects, whatever a close then fires: %s", async (_, options) => {
    const controller = new AbortController();
    const socket = new FakeWebSocket(options);
    const refused = refusal(dialFake(socket, controller.signal));
    controller.abort(reason);
    expect(await refused).toBe(reason);
    expect(socket.closes).toEqual([undefined]);
    expect(socket.isForgotten).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("terminates the socket where it can", async () => {
    const controller = new AbortController();
    const socket = new TerminableWebSocket();
    const refused = refusal(dialFake(socket, controller.signal));
    controller.abort(reason);
    expect(await refused).toBe(reason);
    expect([socket.terminations, socket.closes]).toEqual([1, []]);
  });

  test("is not aborted any more once it is open, and nothing listens to the signal", async () => {
    const controller = new AbortController();
    const removal = vi.spyOn(controller.signal, "removeEventListener");
    const socket = new FakeWebSocket();
    const dialling = dialFake(socket, controller.signal);
    socket.fire("open");
    await dialling;
    expect(removal).toHaveBeenCalledOnce();
    controller.abort(reason);
    expect(socket.closes).toEqual([]);
  });
});
