import { randomInt } from "node:crypto";
import { once } from "node:events";
import { type Server, connect, createServer } from "node:net";

/** Below what systems give to whoever asks for any port: nobody takes one of these before the broker does. */
const LOWEST = 16_384;
const HIGHEST = 32_767;

/** What was found before: it may be that nothing listens there yet. */
const found = new Set<number>();

/** Find ports of the loopback interface that nothing listens on, all at once so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const held = await Promise.all(Array.from({ length: count }, holdPort));
  await Promise.all(held.map(({ server }) => new Promise((resolve) => server.close(resolve))));
  return held.map(({ port }) => port);
}

async function holdPort(): Promise<{ server: Server; port: number }> {
  for (;;) {
    const port = randomInt(LOWEST, HIGHEST);
    if (found.has(port)) continue;
    found.add(port);
    const server = createServer();
    const listening = once(server, "listening").then(
      () => true,
      () => false, // taken
    );
    server.listen(port, "127.0.0.1");
    if (await listening) return { server, port };
  }
}

/** Whether something accepts connections at a port of the loopback interface. */
export function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => {
      resolve(false);
    });
  });
}

/** Send octets to a port, and resolve with what comes until `until` is in it, or until the peer or `ms` ends it. */
export function exchange(port: number, octets: string, until: string, ms = 5000): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    const timer = setTimeout(() => socket.destroy(), ms);
    socket.on("connect", () => socket.write(octets));
    socket.on("data", (chunk: Buffer) => {
      answer += chunk.toString("latin1");
      if (answer.includes(until)) socket.destroy();
    });
    socket.on("error", () => undefined); // a "close" follows, with what came until then
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(answer);
    });
  });
}
