import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

const send = { key: "a", destination: "/queue/a", headers: [], body: "hello", contentLength: true };
const folder = await mkdtemp(join(tmpdir(), "stompede-store-"));
const store = fileStore(folder);
await store.open();
await store.add(send);
await assert.rejects(fileStore(folder).open(), StompError);
await store.close();
assert.deepEqual(await fileStore(folder).open(), [send]);
await rm(folder, { recursive: true });
await assert.rejects(
  indexedDbStore("x").open(),
  (error) => error instanceof StompError && /no indexedDB/.test(error.message),
);

const server = await startBroker();
for (const target of [server.tcp, server.webSocket, tcp(server.tcp)]) {
  const client = await connect(target);
  await client.send("/queue/a", "hello", { receipt: true });
  await client.disconnect();
}
await assert.rejects(connect("stomp://127.0.0.1:1"), ConnectError);
server.close();
console.log("ESM works");
