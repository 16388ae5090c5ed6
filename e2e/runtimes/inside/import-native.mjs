// Node, as an ES module, with the WebSocket that it has from 22 on instead of `ws`.
import process from "node:process";
import * as stompede from "stompede";
import { runAndReport } from "./report.mjs";

const own = { webSocket: { factory: (url, protocols) => new globalThis.WebSocket(url, [...protocols]) } };

class Client extends stompede.Client {
  constructor(target, options) {
    super(target, { ...options, ...own });
  }
}
const connect = (target, options) => stompede.connect(target, { ...options, ...own });

await runAndReport({ ...stompede, Client, connect }, JSON.parse(process.env.PLACES));
