/** stomp.py, the client of Python, in a process of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { AckMode, Version } from "../../src/index.js";
import type { BrokerAddress } from "../brokers/broker.js";
import { installPackages } from "../brokers/packages.js";
import { Inbox, type Peer, type PeerKind, type PeerMessage } from "./peer.js";

const PYTHON = "/usr/bin/python3"; // the one that Debian's package is for
const PACKAGE = "/usr/lib/python3/dist-packages/stomp/__init__.py";

/** A line of the program: an answer to a command, or something that came. */
interface Line {
  readonly number?: number;
  readonly value?: unknown;
  readonly error?: string;
  readonly event?: "message" | "error" | "disconnected";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** stomp.py, as Debian packages it. */
export const STOMP_PY: PeerKind = {
  name: "stomp.py",
  async ensure() {
    if (await isThere()) return undefined;
    const problem = await installPackages("python3-stomp");
    if (problem !== undefined) return problem;
    return (await isThere()) ? undefined : `python3-stomp was installed, but is not at ${PACKAGE}`;
  },
  connect,
  readsOctets: true,
  reads: (_version, value) => value, // it unescapes in 1.0 too, where RabbitMQ escapes
  // In 1.0 it escapes nothing, and there is nothing that it could escape with.
  writes: (version, value) =>
    !/[\\\n\r]/.test(value) || (version !== "1.0" && !(version === "1.1" && /\r/.test(value))),
};

async function connect({ endpoints }: BrokerAddress, version: Version): Promise<Peer> {
  const child = spawn(PYTHON, [fileURLToPath(new URL("stomp_peer.py", import.meta.url))], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const inbox = new Inbox();
  const waiting = new Map<number, (line: Line) => void>();
  let ended = false;
  let last = 0;
  createInterface({ input: child.stdout }).on("line", (text) => {
    const line = JSON.parse(text) as Line;
    if (line.number !== undefined) waiting.get(line.number)?.(line);
    else if (line.event === "message") {
      inbox.put({ headers: line.headers ?? {}, body: Uint8Array.from(Buffer.from(line.body ?? "", "base64")) });
    }
  });
  child.once("exit", () => {
    ended = true;
    for (const settle of waiting.values()) settle({ error: "stomp.py has ended" });
  });

  async function tell(op: string, args: object = {}): Promise<void> {
    if (ended) throw new Error("stomp.py has ended");
    const number = ++last;
    const answer = await new Promise<Line>((resolve) => {
      waiting.set(number, resolve);
      child.stdin.write(`${JSON.stringify({ number, op, ...args })}\n`);
    });
    waiting.delete(number);
    if (answer.error !== undefined) throw new Error(`${op}: ${answer.error}`);
  }

  async function stop(): Promise<void> {
    if (ended) return;
    const exited = once(child, "exit");
    child.stdin.end();
    await exited;
  }

  const peer: Peer = {
    send: (destination, body, headers = {}, transaction) =>
      tell("send", { destination, body: Buffer.from(body).toString("base64"), headers, transaction }),
    subscribe: (destination, ack: AckMode = "auto") => tell("subscribe", { destination, id: `s-${last}`, ack }),
    respond: (destination) => tell("subscribe", { destination, id: `s-${last}`, ack: "auto", answer: true }),
    take: (count) => inbox.take(count),
    ack: ({ headers }, transaction) => tell("settle", { verb: "ack", headers, transaction }),
    nack: ({ headers }: PeerMessage) => tell("settle", { verb: "nack", headers }),
    begin: (transaction) => tell("begin", { transaction }),
    commit: (transaction) => tell("commit", { transaction }),
    abort: (transaction) => tell("abort", { transaction }),
    drop: () => tell("drop"),
    [Symbol.asyncDispose]: stop,
  };
  const port = Number(new URL(endpoints.tcp ?? "").port);
  try {
    await tell("connect", { port, version, login: "guest", passcode: "guest", host: "/" });
  } catch (error) {
    await stop();
    throw error;
  }
  return peer;
}

async function isThere(): Promise<boolean> {
  return access(PACKAGE).then(
    () => true,
    () => false,
  );
}
