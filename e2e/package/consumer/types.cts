import stompede = require("stompede");
import broker = require("stompede/broker");
import served = require("stompede/broker/node");
import protocol = require("stompede/protocol");
import files = require("stompede/store/file");
import database = require("stompede/store/indexed-db");
import tcp = require("stompede/tcp");

export async function use(): Promise<void> {
  const client = await stompede.connect(tcp.tcp("stomp://localhost"), { login: "guest" });
  await client.disconnect();
}

export const same: typeof stompede.StompError = protocol.StompError;
export const stores: files.SendStore[] = [files.fileStore("sends"), database.indexedDbStore("sends")];
export { broker, served };
