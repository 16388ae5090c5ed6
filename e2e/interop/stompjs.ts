/* eslint-disable @typescript-eslint/no-unsafe-class-instance-assignment, @typescript-eslint/no-misused-spread -- its types declare options and headers as classes */
/** @stomp/stompjs, the other client of JavaScript, in the process of the tests. */
import { Client, type IMessage, type StompHeaders, Versions } from "@stomp/stompjs";
import { WebSocket } from "ws";
import type { Version } from "../../src/index.js";
import type { BrokerAddress } from "../brokers/broker.js";
import { Inbox, type Peer, type PeerKind, type PeerMessage } from "./peer.js";

/** @stomp/stompjs over a WebSocket. */
export const STOMPJS: PeerKind = {
  name: "@stomp/stompjs",
  ensure: () => Promise.resolve(undefined),
  connect,
  readsOctets: false,
  reads(version, value) {
    // It trims spaces in every version, which 1.1 and 1.2 forbid. It unescapes in 1.2 alone, not in 1.1, and there one
    // escape after the other over the whole value: so `\\n`, a backslash and an n, becomes a backslash and a line feed.
    const escaped = value
      .trim()
      .replaceAll("\\", "\\\\")
      .replaceAll("\r", "\\r")
      .replaceAll("\n", "\\n")
      .replaceAll(":", "\\c");
    if (version !== "1.2") return escaped;
    return escaped.replaceAll("\\r", "\r").replaceAll("\\n", "\n").replaceAll("\\c", ":").replaceAll("\\\\", "\\");
  },
  // In 1.1 it does not escape either: RabbitMQ ends the connection over a backslash, and a line feed makes a new header.
  writes: (version, value) => version === "1.2" || !/[\\\n\r]/.test(value),
};

async function connect({ endpoints }: BrokerAddress, version: Version): Promise<Peer> {
  const inbox = new Inbox();
  const originals = new WeakMap<PeerMessage, IMessage>();
  const lost: ((error: Error) => void)[] = [];
  let last = 0;
  const client = new Client({
    webSocketFactory: () => new WebSocket(endpoints.ws ?? "", [`v${version.replace(".", "")}.stomp`]),
    stompVersions: new Versions([version]),
    connectHeaders: { login: "guest", passcode: "guest", host: "/" },
    reconnectDelay: 0,
    heartbeatIncoming: 0,
    heartbeatOutgoing: 0,
  });
  const closed = new Promise<void>((resolve) => {
    client.onWebSocketClose = () => {
      resolve();
      for (const reject of lost) reject(new Error("the connection of stompjs has ended"));
    };
  });
  await new Promise<void>((resolve, reject) => {
    lost.push(reject);
    client.onConnect = () => {
      resolve();
    };
    client.onStompError = ({ headers }) => {
      reject(new Error(headers["message"] ?? "ERROR"));
    };
    client.activate();
  });

  /** Do something with a receipt, and wait for that. */
  function confirmed(act: (headers: StompHeaders) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const receipt = `r-${++last}`;
      lost.push(reject);
      client.watchForReceipt(receipt, () => {
        resolve();
      });
      act({ receipt });
    });
  }

  const original = (message: PeerMessage): IMessage => {
    const found = originals.get(message);
    if (found === undefined) throw new Error("this message is of another client");
    return found;
  };
  const finish = (command: "begin" | "commit" | "abort") => (transaction: string) =>
    confirmed(() => {
      // Its own functions of these names take no headers; a receipt of what follows them tells that they were done.
      if (command === "begin") client.begin(transaction);
      else client[command](transaction);
      client.publish({ destination: "/topic/nowhere", headers: { receipt: `r-${last}` } });
    });

  return {
    async send(destination, binaryBody, headers = {}, transaction) {
      if (transaction === undefined) {
        await confirmed((receipt) => {
          client.publish({ destination, binaryBody, headers: { ...headers, ...receipt } });
        });
      } else client.publish({ destination, binaryBody, headers: { ...headers, transaction } });
    },
    subscribe: (destination, ack = "auto") =>
      confirmed((receipt) => {
        client.subscribe(
          destination,
          (frame) => {
            const message = { headers: frame.headers, body: frame.binaryBody };
            originals.set(message, frame);
            inbox.put(message);
          },
          { ack, ...receipt },
        );
      }),
    respond: (destination) =>
      confirmed((receipt) => {
        client.subscribe(
          destination,
          ({ headers, body }) => {
            client.publish({
              destination: headers["reply-to"] ?? "",
              body: body.toUpperCase(),
              headers: {
                "content-type": "text/plain",
                "correlation-id": headers["correlation-id"] ?? "",
                "x-by": "@stomp/stompjs",
              },
            });
          },
          receipt,
        );
      }),
    take: (count) => inbox.take(count),
    ack: (message, transaction) =>
      transaction === undefined
        ? confirmed((receipt) => {
            original(message).ack(receipt);
          })
        : Promise.resolve(original(message).ack({ transaction })),
    nack: (message) =>
      confirmed((receipt) => {
        original(message).nack(receipt);
      }),
    begin: finish("begin"),
    commit: finish("commit"),
    abort: finish("abort"),
    async drop() {
      (client.webSocket as unknown as WebSocket).terminate();
      await closed;
    },
    [Symbol.asyncDispose]: () => client.deactivate(),
  };
}
