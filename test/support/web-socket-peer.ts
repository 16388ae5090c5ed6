/** The other end of a WebSocket, for tests that run in a browser: `web-socket-peer-server.ts` does what is asked here. */
import { deferred } from "../../src/internal/deferred.js";
import type { Peer } from "../adapters/contract.js";
import { octetsOf, RecordingSink } from "./recording-sink.js";

/** What the server shall do with the WebSocket that is tested. */
export type PeerCommand =
  | { readonly do: "close"; readonly code?: number; readonly reason?: string }
  | { readonly do: "terminate" | "pause" | "resume" };

/** What the server has done, or seen. */
export type PeerEvent =
  /** It takes commands; it was asked for a WebSocket; one is open; a command was obeyed; the connection is gone. */
  | { readonly event: "ready" | "asked" | "opened" | "done" | "gone" }
  /** The WebSocket was closed. */
  | { readonly event: "closed"; readonly code: number };

/** How the server shall answer the handshake: see `web-socket-peer-server.ts`. */
export type Answer = string;

/** A peer that waits for one WebSocket. Disposing of it breaks that off. */
export interface WebSocketPeer extends Peer, AsyncDisposable {
  /** What to dial. */
  readonly url: string;
  close(code?: number, reason?: string): Promise<void>;
  /** Wait until the server was asked for a WebSocket, has opened it, or has seen its connection go. */
  until(event: "asked" | "opened" | "gone"): Promise<void>;
}

/** Make a peer of a server. */
export async function webSocketPeer(server: string, handshake: Answer = "accept"): Promise<WebSocketPeer> {
  const id = crypto.randomUUID();
  const control = new WebSocket(`${server}/control?id=${id}`);
  control.binaryType = "arraybuffer";
  const received = new RecordingSink();
  const ended = deferred<"orderly" | "dropped">();
  const seen = { ready: deferred(), asked: deferred(), opened: deferred(), gone: deferred() };
  const pending: (() => void)[] = [];
  const closed = new Promise<void>((resolve) => {
    control.onclose = () => resolve();
  });
  control.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
    if (typeof data !== "string") {
      const octets = new Uint8Array(data, 1);
      received.data(new Uint8Array(data)[0] === 1 ? octets : new TextDecoder().decode(octets));
      return;
    }
    const told = JSON.parse(data) as PeerEvent;
    if (told.event === "done") pending.shift()?.();
    else if (told.event === "closed") {
      received.closed();
      ended.resolve(told.code === 1000 ? "orderly" : "dropped");
    } else seen[told.event].resolve();
  };
  const order = (command: string | Uint8Array<ArrayBuffer>): Promise<void> =>
    new Promise((resolve) => {
      pending.push(resolve);
      control.send(command);
    });
  const command = (what: PeerCommand): Promise<void> => order(JSON.stringify(what));
  await seen.ready.promise;
  return {
    url: `${server}/ws?id=${id}&handshake=${handshake}`,
    received: async (octets) => {
      await received.until(() => received.octets >= octets || received.ends.length > 0);
      return received.chunks;
    },
    send: (chunk) => {
      const octets = octetsOf(chunk);
      const message = new Uint8Array(octets.length + 1);
      message[0] = typeof chunk === "string" ? 0 : 1;
      message.set(octets, 1);
      return order(message);
    },
    close: (code, reason) =>
      command({ do: "close", ...(code === undefined ? {} : { code }), ...(reason === undefined ? {} : { reason }) }),
    end: () => command({ do: "close", code: 1000 }),
    drop: () => command({ do: "terminate" }),
    pause: () => command({ do: "pause" }),
    resume: () => command({ do: "resume" }),
    ended: ended.promise,
    until: (event) => seen[event].promise,
    [Symbol.asyncDispose]: async () => {
      control.close();
      await closed;
    },
  };
}
