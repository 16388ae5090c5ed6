/**
 * Clients with the same few methods, for the end-to-end workloads. All run in Node, where the peers take a WebSocket of
 * `ws`; @stomp/stompjs over TCP takes a socket that is dressed up as one, as its own tests do.
 */
import { connect as connectSocket } from "node:net";
import { Client as StompJs } from "@stomp/stompjs";
import stompit from "stompit";
import webstomp from "webstomp-client";
import { WebSocket } from "ws";

/**
 * @typedef {object} BenchClient
 * @property {(headers: Record<string, string>, take: (id: string | undefined, body: string) => void) => unknown} subscribe
 * @property {(destination: string, headers: Record<string, string>, body: string) => unknown} send
 * @property {(destination: string, headers: Record<string, string>, body: string) => Promise<void>} sendConfirmed resolves at its RECEIPT
 * @property {() => unknown} close
 */

/** @typedef {"webSocket" | "tcp"} Carrier */
/** @typedef {{ tcp: number, webSocket: number }} Ports */

let last = 0;
const nextId = () => `bench-${++last}`;

/**
 * Connect with a build of this library.
 *
 * @param {typeof import("stompede").connect} connect the build's own
 * @param {Carrier} carrier
 * @param {Ports} ports
 * @returns {Promise<BenchClient>}
 */
export async function stompede(connect, carrier, ports) {
  const target = carrier === "tcp" ? `stomp://127.0.0.1:${ports.tcp}` : webSocketUrl(ports);
  const client = await connect(target, { heartBeat: false });
  return {
    subscribe: ({ destination = "", id = "", ...headers }, take) =>
      client.subscribe(destination, (message) => take(message.headers.get("message-id"), message.text()), {
        id,
        headers,
      }),
    send: (destination, headers, body) => client.send(destination, body, { headers }),
    sendConfirmed: (destination, headers, body) => client.send(destination, body, { headers, receipt: true }),
    close: () => client.disconnect(),
  };
}

/** As much of a WebSocket as @stomp/stompjs needs, over TCP. */
class SocketAsWebSocket {
  readyState = 0;
  url;
  binaryType = "arraybuffer";
  /** @type {(event?: unknown) => void} */ onopen = () => {};
  /** @type {(event?: unknown) => void} */ onclose = () => {};
  /** @type {(event?: unknown) => void} */ onerror = () => {};
  /** @type {(event: { data: unknown }) => void} */ onmessage = () => {};
  #socket;

  constructor(/** @type {number} */ port) {
    this.url = `tcp://127.0.0.1:${port}`;
    this.#socket = connectSocket({ host: "127.0.0.1", port, noDelay: true });
    this.#socket.on("connect", () => {
      this.readyState = 1;
      this.onopen();
    });
    this.#socket.on("data", (data) => {
      this.onmessage({ data: data.buffer.slice(data.byteOffset, data.byteOffset + data.length) });
    });
    this.#socket.on("close", () => {
      this.readyState = 3;
      this.onclose({ code: 1000, wasClean: true });
    });
  }

  send(/** @type {string | Uint8Array} */ data) {
    this.#socket.write(data);
  }

  close() {
    this.#socket.end();
  }
}

/** @param {() => any} webSocketFactory @returns {Promise<BenchClient>} */
async function stompjs(webSocketFactory) {
  const client = new StompJs({ webSocketFactory, heartbeatIncoming: 0, heartbeatOutgoing: 0, reconnectDelay: 0 });
  await new Promise((resolve) => {
    client.onConnect = resolve;
    client.activate();
  });
  return {
    subscribe: ({ destination = "", ...headers }, take) =>
      client.subscribe(destination, (message) => take(message.headers["message-id"], message.body), headers),
    send: (destination, headers, body) => client.publish({ destination, headers, body }),
    sendConfirmed: (destination, headers, body) =>
      new Promise((resolve) => {
        const receipt = nextId();
        client.watchForReceipt(receipt, () => resolve());
        client.publish({ destination, headers: { ...headers, receipt }, body });
      }),
    close: () => client.deactivate(),
  };
}

/** @param {string} url @returns {Promise<BenchClient>} */
async function webStomp(url) {
  const client = webstomp.over(/** @type {any} */ (new WebSocket(url, { perMessageDeflate: false })), {
    heartbeat: false,
    debug: false,
  });
  await new Promise((resolve, reject) => {
    client.connect({}, resolve, /** @type {any} */ (reject));
  });
  /** @type {Map<string, () => void>} */
  const waiting = new Map();
  client.onreceipt = (frame) => waiting.get(frame.headers["receipt-id"] ?? "")?.();
  return {
    subscribe: ({ destination = "", ...headers }, take) =>
      client.subscribe(destination, (frame) => take(frame.headers["message-id"], frame.body), headers),
    send: (destination, headers, body) => client.send(destination, body, { ...headers }),
    sendConfirmed: (destination, headers, body) =>
      new Promise((resolve) => {
        const receipt = nextId();
        waiting.set(receipt, () => {
          waiting.delete(receipt);
          resolve();
        });
        client.send(destination, body, { ...headers, receipt });
      }),
    close: () => client.disconnect(),
  };
}

/** @param {number} port @returns {Promise<BenchClient>} */
async function stompIt(port) {
  /** @type {any} */
  const client = await new Promise((resolve, reject) => {
    stompit.connect({ host: "127.0.0.1", port, connectHeaders: { host: "/" } }, (error, connected) => {
      if (error) reject(error);
      else resolve(connected);
    });
  });
  client.on("error", () => {});
  /** @param {string} destination @param {Record<string, string>} headers @param {string} body @param {object} [options] */
  const send = (destination, headers, body, options) => {
    const frame = client.send({ destination, ...headers }, options);
    frame.end(body);
  };
  return {
    subscribe: (headers, take) =>
      client.subscribe({ ack: "auto", ...headers }, (/** @type {any} */ _error, /** @type {any} */ message) => {
        message?.readString("utf8", (/** @type {any} */ _fault, /** @type {string} */ body) => {
          take(message.headers["message-id"], body);
        });
      }),
    send,
    sendConfirmed: (destination, headers, body) =>
      new Promise((resolve) => {
        send(destination, headers, body, { onReceipt: resolve });
      }),
    close: () => client.destroy(),
  };
}

const webSocketUrl = (/** @type {Ports} */ { webSocket }) => `ws://127.0.0.1:${webSocket}/`;
const PROTOCOLS = ["v12.stomp", "v11.stomp", "v10.stomp"];

/**
 * The other clients over each carrier, by name.
 *
 * @type {Readonly<Record<Carrier, Readonly<Record<string, (ports: Ports) => Promise<BenchClient>>>>>}
 */
export const PEER_CLIENTS = {
  webSocket: {
    stompjs: (ports) => stompjs(() => new WebSocket(webSocketUrl(ports), PROTOCOLS, { perMessageDeflate: false })),
    webstomp: (ports) => webStomp(webSocketUrl(ports)),
  },
  tcp: {
    stompjs: ({ tcp }) => stompjs(() => new SocketAsWebSocket(tcp)),
    stompit: ({ tcp }) => stompIt(tcp),
  },
};
