/** What the process keeps open. */
const NAMES = ["TCPSocketWrap", "TLSWrap", "PipeWrap", "TCPConnectWrap", "PipeConnectWrap", "Timeout"];

/** Count sockets, servers and timers: what a transport that has ended must not leave behind. */
export function openConnections(): number {
  return process.getActiveResourcesInfo().filter((name) => NAMES.includes(name)).length;
}

/** Let the event loop turn until no more of them are open than `count`; a test that waits in vain runs out of time. */
export async function untilClosed(count: number): Promise<void> {
  while (openConnections() > count) await new Promise((resolve) => setImmediate(resolve));
}
