/** What was handed over and is not written yet, over real sockets. */
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ConnectOptions, connect } from "../../../src/connect.js";
import { ConnectionLostError } from "../../../src/errors.js";
import { failure } from "../../support/connected.js";
import { type SendingProgram, sendingProgram } from "../../support/sending-process.js";
import { stompServer } from "../../support/stomp-servers.js";

const QUIET: ConnectOptions = {
  heartBeat: false,
  reconnect: false,
  tcp: { closeTimeout: 100 },
  webSocket: { closeTimeout: 100 },
};

describe.each(["tcp", "ws"] as const)("over %s", (carrier) => {
  test.each([
    ["octets", new Uint8Array(1 << 20)],
    ["text", "x".repeat(1 << 20)],
  ])("disconnect() rejects sends of %s that a peer that reads nothing never took", async (_, body) => {
    await using server = await stompServer(carrier, { reads: false });
    const [client] = await Promise.all([connect(server.url, QUIET), server.accept()]);
    const sends = Array.from({ length: 40 }, () => failure(client.send("/queue/a", body)));
    const flushed = failure(client.flush());
    await client.disconnect({ timeout: 20 });
    for (const end of [...(await Promise.all(sends)), await flushed]) {
      expect(end).toBeInstanceOf(ConnectionLostError);
      expect(end).toMatchObject({ outcome: "unknown" });
    }
  });

  test("flush() resolves as soon as a peer that was slow has taken all", async () => {
    await using server = await stompServer(carrier, { reads: false });
    const [client, { socket }] = await Promise.all([connect(server.url, QUIET), server.accept()]);
    const sends = Array.from({ length: 40 }, () => client.send("/queue/a", new Uint8Array(1 << 20)));
    const early = failure(client.flush({ timeout: 20 }));
    expect(await early).toMatchObject({ code: "flush-timeout" });
    const flushing = client.flush();
    socket.resume();
    await flushing;
    expect(client.metrics().bytesBuffered).toBe(0);
    await Promise.all(sends);
    await client.disconnect({ timeout: 1 });
  });
});

describe("a program that sends 1000 messages, flushes and exits", () => {
  let program: SendingProgram;
  beforeAll(async () => {
    program = await sendingProgram();
  });
  afterAll(() => program[Symbol.asyncDispose]());

  test.each(["tcp", "ws"] as const)("loses none over %s", async (carrier) => {
    await using server = await stompServer(carrier);
    const running = program.run(server.url, "/queue/a", { heartBeat: false });
    const { socket, received } = await server.accept();
    socket.on("error", () => undefined); // the process ends without a word
    await once(socket, "close");
    const frames = carrier === "tcp" ? Buffer.concat(received) : unmasked(Buffer.concat(received));
    const bodies = [...frames.toString().matchAll(/\n\n(\d+) (x*)\0/g)];
    expect(bodies.map(([, number]) => Number(number))).toEqual(Array.from({ length: 1000 }, (_, index) => index));
    expect(bodies.every(([, number, fill]) => fill?.length === Number(number))).toBe(true);
    expect(await running).toBe(0);
  });
});

/** The payloads of a client's WebSocket frames, one after the other. */
function unmasked(octets: Buffer): Buffer {
  const payloads: Buffer[] = [];
  for (let at = 0; at + 2 <= octets.length;) {
    let length = (octets[at + 1] ?? 0) & 0x7f;
    at += 2;
    if (length === 126) {
      length = octets.readUInt16BE(at);
      at += 2;
    }
    const mask = octets.subarray(at, at + 4);
    at += 4;
    payloads.push(Buffer.from(octets.subarray(at, at + length).map((octet, index) => octet ^ (mask[index % 4] ?? 0))));
    at += length;
  }
  return Buffer.concat(payloads);
}
