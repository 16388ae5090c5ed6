/** For tests that need a Spring server: where there is none they are skipped, with the reason in their titles. */
import process from "node:process";
import { describe, inject } from "vitest";
import { type Client, type ConnectOptions, type Target, connect } from "../../src/index.js";
import { type SpringAddress, ensureSpring } from "../brokers/spring.js";
import { PATIENT, loadSockJs } from "./sock-js.js";

const missing = await ensureSpring();
if (missing !== undefined && process.env["CI"] === "true") throw new Error(`no Spring: ${missing}`);
const rabbitmq = inject("rabbitmq");

/** `describe` for tests that need a Spring server. */
export function describeSpring(title: string, define: () => void): void {
  if (missing !== undefined) describe.skip(`${title} (no Spring: ${missing})`, define);
  else describe(title, define);
}

/** `describe` for tests that need a RabbitMQ behind it. */
export function describeRelay(title: string, define: () => void): void {
  if (typeof rabbitmq === "string") describe.skip(`${title} (no RabbitMQ: ${rabbitmq})`, define);
  else describeSpring(title, define);
}

/** How a server is reached: over WebSocket, or by a transport of SockJS. */
export const WAYS = ["WebSocket", "websocket", "xhr-streaming", "xhr-polling"] as const;
export type Way = (typeof WAYS)[number];
/** As test titles have them. */
export const TABLE = WAYS.map((way) => ({ way, title: way === "WebSocket" ? way : `SockJS, ${way}` }));

/** Whether an ERROR that ends the session may not be seen: Spring closes at once, and a request may find the end before the ERROR. */
export function losesLastWords(way: Way): boolean {
  return way.startsWith("xhr-");
}

const sockJs = await loadSockJs();

/** The target that leads to a server. */
export function targetOf(address: SpringAddress, way: Way): Target {
  return way === "WebSocket"
    ? address.endpoints.ws
    : sockJs(address.endpoints.sockjs, { transports: [way], timeout: PATIENT });
}

/** Connect as the user whom the server lets in. */
export function open(address: SpringAddress, way: Way, options: ConnectOptions = {}): Promise<Client> {
  return connect(targetOf(address, way), { login: "guest", passcode: "guest", ...options });
}

let last = 0;

/** A destination that no other test has. */
export function fresh(kind: "queue" | "topic" = "topic"): string {
  last++;
  return `/${kind}/test-${process.pid}-${Date.now()}-${last}`;
}
