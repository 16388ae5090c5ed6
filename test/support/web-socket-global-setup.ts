/** Serves WebSockets to tests that run in a browser. */
import type { TestProject } from "vitest/node";
import { certificate } from "./certificates.js";
import { freePort } from "./raw-server.js";
import { webSocketPeerServer } from "./web-socket-peer-server.js";

/** Where the servers are. */
export interface WebSocketPeerAddresses {
  /** A WebSocket server that does what `web-socket-peer.ts` asks. */
  readonly url: string;
  /** The same with TLS, and a certificate that no browser trusts. */
  readonly secureUrl: string;
  /** Where nobody listens. */
  readonly deadUrl: string;
}

declare module "vitest" {
  interface ProvidedContext {
    webSocketPeer: WebSocketPeerAddresses;
  }
}

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const plain = await webSocketPeerServer();
  const secure = await webSocketPeerServer(await certificate());
  project.provide("webSocketPeer", {
    url: plain.url,
    secureUrl: secure.url,
    deadUrl: `ws://127.0.0.1:${await freePort()}`,
  });
  return async () => {
    await plain[Symbol.asyncDispose]();
    await secure[Symbol.asyncDispose]();
  };
}
