/** What a broker says at the least, over TCP and WebSocket: enough to see that a client gets through. */
const net = require("node:net");
const { WebSocketServer } = require("ws");

function answer(text) {
  if (/^(CONNECT|STOMP)\n/.test(text)) return "CONNECTED\nversion:1.2\n\n\0";
  const receipt = /\nreceipt:([^\n]*)\n/.exec(text);
  return receipt ? `RECEIPT\nreceipt-id:${receipt[1]}\n\n\0` : undefined;
}

/** Resolves with the two URLs and with how to end it. */
exports.startBroker = async function startBroker() {
  const tcp = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (data) => {
      const reply = answer(data.toString());
      if (reply) socket.write(reply);
    });
  });
  await new Promise((resolve) => tcp.listen(0, "127.0.0.1", resolve));
  const webSocket = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  webSocket.on("connection", (socket) => {
    socket.on("message", (data) => {
      const reply = answer(data.toString());
      if (reply) socket.send(reply);
    });
  });
  await new Promise((resolve) => webSocket.once("listening", resolve));
  return {
    tcp: `stomp://127.0.0.1:${tcp.address().port}`,
    webSocket: `ws://127.0.0.1:${webSocket.address().port}/`,
    close() {
      tcp.close();
      webSocket.close();
      for (const client of webSocket.clients) client.terminate();
    },
  };
};
