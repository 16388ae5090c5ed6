import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";

/** Find ports of the loopback interface that nothing listens on, all at once so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port); // it listens on TCP: not a string
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
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
