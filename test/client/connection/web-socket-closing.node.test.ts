/** A server that says that it closes the WebSocket, and leaves the connection under it open. */
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type ConnectOptions, connect } from "../../../src/connect.js";
import type { Client } from "../../../src/connect.js";
import { ConnectionLostError } from "../../../src/errors.js";
import { failure } from "../../support/connected.js";
import { type AcceptedStomp, CLOSE, closeWith, stompServer } from "../../support/stomp-servers.js";
import { statusesOf } from "../../support/statuses.js";

const CLOSE_TIMEOUT = 150;
const QUIET: ConnectOptions = { heartBeat: false, reconnect: false };

const PLATFORMS: readonly (readonly [string, ConnectOptions["webSocket"]])[] = [
  ["Node's own", { closeTimeout: CLOSE_TIMEOUT }],
  ["a factory's", { closeTimeout: CLOSE_TIMEOUT, factory: (url, protocols) => new WebSocket(url, [...protocols]) }],
];

/** Resolves when a send no longer resolves: the Close frame has come. */
async function firstFailure(client: Client): Promise<unknown> {
  for (;;) {
    const end = await failure(client.send("/queue/a", "x"));
    if (end !== "resolved") return end;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function ended(client: Client): Promise<unknown> {
  return new Promise((resolve) =>
    client.onStatus((status) => status.type === "disconnected" && resolve(status.reason)),
  );
}

describe.each(PLATFORMS)("a Close frame to %s WebSocket, and nothing more,", (name, webSocket = {}) => {
  async function open(url: string, accept: () => Promise<AcceptedStomp>): Promise<[Client, AcceptedStomp]> {
    return Promise.all([connect(url, { ...QUIET, webSocket }), accept()]);
  }

  test("makes sends reject at once, and is the end within the close time-out", async () => {
    await using server = await stompServer("ws", { allowHalfOpen: true });
    const [client, { frame }] = await open(server.url, server.accept);
    const told = statusesOf(client);
    const pending = failure(client.send("/queue/a", "x", { receipt: true, timeout: 60_000 }));
    const end = ended(client);
    frame(CLOSE, closeWith(4401, "token expired"));
    const since = performance.now();
    const error = await firstFailure(client);
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error).toMatchObject({ outcome: "not-sent" });
    expect(performance.now() - since).toBeLessThan(CLOSE_TIMEOUT - 20);
    expect(told).toEqual([]);
    const reason = await end;
    expect(performance.now() - since).toBeLessThan(CLOSE_TIMEOUT * 8);
    expect(reason).toBeInstanceOf(ConnectionLostError);
    if (name === "Node's own") {
      expect((reason as Error).message).toMatch(/lost: the WebSocket was closed with code 4401: token expired$/);
    }
    expect(await pending).toMatchObject({ outcome: "unknown" });
    expect(client.state).toBe("disconnected");
  });

  test("while the server reads nothing makes sends that wait reject", async () => {
    await using server = await stompServer("ws", { reads: false, allowHalfOpen: true });
    const [client, { frame }] = await open(server.url, server.accept);
    const sends = Array.from({ length: 40 }, () => failure(client.send("/queue/a", new Uint8Array(1 << 20))));
    frame(CLOSE, closeWith(1001));
    await firstFailure(client);
    // The system takes some megabytes, which a factory's WebSocket may write at once.
    expect((await Promise.all(sends)).at(-1)).toMatchObject({ outcome: "unknown" });
  });

  test("does not keep a client from connecting again", async () => {
    await using server = await stompServer("ws", { allowHalfOpen: true });
    const [client, { frame }] = await Promise.all([
      connect(server.url, { ...QUIET, reconnect: () => 0, webSocket }),
      server.accept(),
    ]);
    frame(CLOSE, closeWith(1012));
    await firstFailure(client);
    const again = server.accept();
    await again;
    await client.connect();
    expect(client.state).toBe("connected");
    await client.send("/queue/a", "x");
    await client.disconnect({ timeout: 1 });
  });
});
