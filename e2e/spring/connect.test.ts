import { setTimeout as idle } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConnectError, ConnectionLostError, type Status } from "../../src/index.js";
import { type SpringServer, startSpring } from "../brokers/spring.js";
import { failure } from "../support/messages.js";
import { TABLE, describeSpring, losesLastWords, open, targetOf } from "./with-spring.js";

/** The heart-beats that StompServer.java is set to, in ms. */
const INTERVAL = 1000;

describeSpring("connecting to Spring's simple broker", () => {
  // As Spring is when nobody sets anything.
  let server: SpringServer;
  beforeAll(async () => {
    server = await startSpring();
  });
  afterAll(() => server.stop());

  describe.each(TABLE)("over $title", ({ way }) => {
    test.each(["1.0", "1.1", "1.2"] as const)("agrees on STOMP %s, and tells no name", async (version) => {
      await using client = await open(server.address, way, { versions: [version] });
      expect(client.session).toMatchObject({ version, server: undefined, session: undefined });
      // Its own 1000,1000 whatever was asked: the larger of both counts.
      expect(client.session?.heartBeat).toEqual({ outgoing: 10_000, incoming: 10_000 });
    });

    test("agrees on the highest version when all are offered", async () => {
      await using client = await open(server.address, way);
      expect(client.session?.version).toBe("1.2");
    });

    test("is refused with a wrong passcode, and not in words of the application", async () => {
      const error = await failure(open(server.address, way, { passcode: "wrong" }));
      expect(error).toBeInstanceOf(ConnectError);
      expect(error).toMatchObject({ code: "connect", stage: "handshake" });
      const { message } = error as ConnectError;
      const isLate = losesLastWords(way) && message.includes("closed the connection before CONNECTED");
      if (!isLate) {
        expect(message).toContain(
          "refused the connection: Failed to send message to ExecutorSubscribableChannel[clientInboundChannel]",
        );
      }
    });

    test("can be done again after disconnect", async () => {
      await using client = await open(server.address, way);
      await client.disconnect();
      await client.connect();
      expect(client.state).toBe("connected");
    });

    test("disconnect ends by the RECEIPT, the only one that the simple broker sends", async () => {
      const client = await open(server.address, way, { disconnectTimeout: 60_000 });
      const frames: string[] = [];
      client.onFrame(({ direction, frame }) => frames.push(`${direction} ${frame.command}`));
      const statuses: Status[] = [];
      client.onStatus((status) => statuses.push(status));
      const begin = performance.now();
      await client.disconnect();
      expect(performance.now() - begin).toBeLessThan(10_000);
      expect(frames).toEqual(["out DISCONNECT", "in RECEIPT"]);
      expect(statuses.at(-1)).toEqual({ type: "disconnected", reason: undefined, reconnects: false });
    });
  });

  describe.concurrent.each(TABLE)("over $title, heart-beats", ({ way }) => {
    test.concurrent("go both ways and keep an idle connection alive", async ({ expect }) => {
      const heartBeat = { outgoing: INTERVAL, incoming: INTERVAL };
      await using client = await open(server.address, way, { heartBeat });
      expect(client.session?.heartBeat).toEqual(heartBeat);
      await idle(4 * INTERVAL); // Spring gives up after three
      expect(client.state).toBe("connected");
      const { heartBeatsSent, heartBeatsReceived, connects } = client.metrics();
      expect(heartBeatsSent).toBeGreaterThanOrEqual(3);
      expect(heartBeatsReceived).toBeGreaterThanOrEqual(2);
      expect(connects).toBe(1);
    });
  });

  // Spring's: what an interceptor throws there reaches the server's log alone.
  test("a wrong passcode gets no answer where the order of frames is kept: connecting ends by its time-out", async () => {
    await using ordered = await startSpring({ ordered: true });
    const error = await failure(open(ordered.address, "WebSocket", { passcode: "wrong", connectTimeout: 1500 }));
    expect(error).toMatchObject({ code: "connect", stage: "handshake" });
    expect((error as Error).message).toContain("no CONNECTED from ");
    expect(await ordered.log()).toContain("login or passcode is wrong");
  });

  test("an endpoint that is not there is told, over SockJS too", async () => {
    const { address } = server;
    const elsewhere = {
      ...address,
      endpoints: { ws: `${address.endpoints.ws}-not`, sockjs: `${address.endpoints.sockjs}-not` },
    };
    for (const way of ["WebSocket", "xhr-polling"] as const) {
      const error = await failure(open(elsewhere, way));
      expect(error).toMatchObject({ code: "connect", stage: "dial" });
    }
  });

  test("connecting over SockJS can be given up", async () => {
    const target = targetOf(server.address, "xhr-streaming");
    if (typeof target !== "function") throw new Error("not a dial");
    const reason = new ConnectionLostError("enough", "not-sent");
    await expect(Promise.resolve(target(AbortSignal.abort(reason)))).rejects.toBe(reason);
    const abort = new AbortController();
    const dialling = Promise.resolve(target(abort.signal));
    abort.abort(reason);
    await expect(dialling).rejects.toBe(reason);
  });
});
