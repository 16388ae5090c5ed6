const assert = require("node:assert/strict");
const { ConnectError, ProtocolError, StompError, connect } = require("stompede");
const broker = require("stompede/broker");
const served = require("stompede/broker/node");
const protocol = require("stompede/protocol");
const { fileStore } = require("stompede/store/file");
const { indexedDbStore } = require("stompede/store/indexed-db");
const { tcp } = require("stompede/tcp");
const { startBroker } = require("./broker.cjs");

assert.equal(StompError, protocol.StompError, "an error is the same class in all entries");
assert.ok(new ProtocolError("missing-nul", "x") instanceof protocol.StompError);
assert.ok(Object.keys(broker).length > 0 && Object.keys(served).length > 0);
assert.equal(require("stompede/package.json").name, "stompede");

(async () => {
  await assert.rejects(fileStore(__filename).open(), { code: "EEXIST" });
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
  console.log("CommonJS works");
})();
