/** The two kinds of ports of a served broker: TCP and WebSocket, with TLS or without. */
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type Socket, createServer } from "node:net";
import { type TlsOptions, createServer as createTlsServer } from "node:tls";
import { type WebSocket, WebSocketServer } from "ws";
import { TcpTransport } from "../adapters/tcp-transport.js";
import { acceptWebSocket } from "../adapters/websocket-platform.node.js";
import { WebSocketTransport } from "../adapters/websocket-transport.js";
import type { Transport } from "../transport.js";
import type { Broker } from "./broker.js";
import { Listener, remoteOf } from "./node-listener.js";

/** How to listen, at whichever kind of port. */
export interface PortTerms {
  readonly broker: Broker;
  readonly host: string;
  readonly tls: TlsOptions | undefined;
  readonly closeTimeout: number;
  readonly maxMessageSize: number;
}

/** The subprotocols, best first. */
const SUBPROTOCOLS = ["v12.stomp", "v11.stomp", "v10.stomp"] as const;

/** Listen for STOMP over TCP, or TLS. Rejects with an Error that names the address; TypeError and the like for wrong options of TLS. */
export async function listenTcp(port: number, { broker, host, tls, closeTimeout }: PortTerms): Promise<Listener> {
  const scheme = tls === undefined ? "stomp:" : "stomp+ssl:";
  const server = tls === undefined ? createServer() : createTlsServer(tls);
  const listener = new Listener(broker, server);
  server.on(tls === undefined ? "connection" : "secureConnection", (socket: Socket) => {
    // A frame is written whole, so waiting for more (Nagle) only adds the client's delayed ACK.
    socket.setNoDelay(true);
    listener.admit(new TcpTransport(socket, { peer: `${scheme}//${remoteOf(socket)}`, closeTimeout }), socket);
  });
  await listener.open({ scheme, host, port, path: "" });
  return listener;
}

/** Listen for STOMP over WebSocket, at any path. Rejects as {@link listenTcp} does. */
export async function listenWebSocket(port: number, terms: PortTerms): Promise<Listener> {
  const { broker, host, tls, closeTimeout, maxMessageSize } = terms;
  const scheme = tls === undefined ? "ws:" : "wss:";
  const server = tls === undefined ? createHttpServer() : createHttpsServer(tls);
  const listener = new Listener(broker, server);
  const webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: maxMessageSize,
    // None in common: the handshake is answered without one, as RabbitMQ does.
    handleProtocols: (offered) => SUBPROTOCOLS.find((protocol) => offered.has(protocol)) ?? false,
  });
  server.on("request", (_request, response) => {
    const headers = { upgrade: "websocket", connection: "close", "content-type": "text/plain" };
    response.writeHead(426, headers).end("STOMP over WebSocket is served here\n");
  });
  server.on("upgrade", (request, stream, head) => {
    const { socket } = request;
    const peer = `${scheme}//${remoteOf(socket)}`;
    webSockets.handleUpgrade(request, stream, head, (webSocket) => {
      listener.admit(transportOf(webSocket, socket, { peer, closeTimeout, maxMessageSize }), socket);
    });
  });
  await listener.open({ scheme, host, port, path: "/ws" });
  return listener;
}

interface WebSocketTerms {
  readonly peer: string;
  readonly closeTimeout: number;
  readonly maxMessageSize: number;
}

function transportOf(webSocket: WebSocket, socket: Socket, terms: WebSocketTerms): Transport {
  const transport = new WebSocketTransport(terms);
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- isomorphic-ws is `ws` under another name
  const accepted = acceptWebSocket(webSocket, socket, terms, {
    message: (chunk) => transport.receive(chunk),
    broke: (error) => transport.broke(error),
    gone: (code, reason) => transport.gone(code, reason),
  });
  transport.attach(accepted);
  return transport;
}
