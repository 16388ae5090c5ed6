import assert from "node:assert/strict";
import { ConnectError, ProtocolError, StompError, connect } from "stompede";
import * as broker from "stompede/broker";
import * as served from "stompede/broker/node";
import * as protocol from "stompede/protocol";
import { fileStore } from "stompede/store/file";
import { indexedDbStore } from "stompede/store/indexed-db";
import { tcp } from "stompede/tcp";
import { startBroker } from "./broker.cjs";

assert.equal(StompError, protocol.StompError, "an error is the same class in all entries");
const decoder = new protocol.FrameDecoder();
decoder.push("no frame at all\n\n\0");
assert.throws(() => decoder.next(), ProtocolError);
assert.ok(new ProtocolError("missing-nul", "x") instanceof protocol.StompError);
assert.ok(Object.keys(broker).length > 0 && Object.keys(served).length > 0);

const server = await startBroker();
for (const target of [server.tcp, server.webSocket, tcp(server.tcp)]) {
  const client = await connect(target);
  await client.send("/queue/a", "hello", { receipt: true });
  await client.disconnect();
}
const store = fileStore("outbox");
const client = await connect(server.tcp, { delivery: "at-least-once", outbox: { store } });
await client.send("/queue/a", "kept until it is confirmed");
await client.disconnect();
await assert.rejects(indexedDbStore("outbox").open(), { message: "there is no IndexedDB on this platform" });
await assert.rejects(connect("stomp://127.0.0.1:1"), ConnectError);
server.close();
console.log("ESM works");
