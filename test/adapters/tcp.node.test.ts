import type { Socket } from "node:net";
import { beforeAll } from "vitest";
import { tcp } from "../../src/adapters/tcp.js";
import type { Dial } from "../../src/transport.js";
import { type Certificate, certificate } from "../support/certificates.js";
import { rawServer, type RawServer } from "../support/raw-server.js";
import { RecordingSink } from "../support/recording-sink.js";
import { type Connection, contract, type Peer } from "./contract.js";

const never = new AbortController().signal;

function peerOf(server: RawServer, socket: Socket): Peer {
  const sink = new RecordingSink();
  let orderly = false;
  socket.on("data", (chunk) => sink.data(chunk));
  socket.on("end", () => (orderly = true));
  const ended = new Promise<"orderly" | "dropped">((resolve) => {
    socket.on("close", () => {
      sink.closed();
      resolve(orderly ? "orderly" : "dropped");
    });
  });
  return {
    received: async (octets) => {
      await sink.until(() => sink.octets >= octets || sink.ends.length > 0);
      return sink.chunks;
    },
    send: (chunk) => new Promise<void>((resolve) => socket.write(chunk, () => resolve())),
    end: () => void socket.end(),
    drop: () => server.reset(socket),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    ended,
  };
}

async function open(server: RawServer, dial: Dial): Promise<Connection> {
  const [transport, socket] = await Promise.all([dial(never), server.accept()]);
  return {
    transport,
    peer: peerOf(server, socket),
    [Symbol.asyncDispose]: async () => {
      transport.abort(new Error("the test is over"));
      await transport.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

let trusted: Certificate;

beforeAll(async () => {
  trusted = await certificate();
});

contract("TCP", {
  kind: "stream",
  pauses: true,
  open: async () => {
    const server = await rawServer();
    return open(server, tcp(`stomp://127.0.0.1:${server.port}`));
  },
});

contract("TLS", {
  kind: "stream",
  pauses: true,
  open: async () => {
    const server = await rawServer(trusted);
    return open(server, tcp(`stomp+ssl://localhost:${server.port}`, { tls: { ca: trusted.cert }, family: 4 }));
  },
});
