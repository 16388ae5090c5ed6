/** Count what the process keeps open: sockets, servers, timers and requests. */
export function openHandles(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** The handles of connections and timers, which a transport that has ended must not leave behind. */
export function openConnections(): number {
  const counts = openHandles();
  const names = [
    "TCPSocketWrap",
    "TLSWrap",
    "PipeWrap",
    "TCPConnectWrap",
    "PipeConnectWrap",
    "Timeout",
    "GetAddrInfoReqWrap",
  ];
  return names.reduce((sum, name) => sum + (counts[name] ?? 0), 0);
}
