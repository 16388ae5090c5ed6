import { ConnectError, connect } from "stompede";

/** What a page does, for the bundlers. */
export async function main(url) {
  const client = await connect(url);
  await client.send("/queue/a", "hello", { receipt: true });
  await client.disconnect();
  const overTcp = await connect("stomp://127.0.0.1:61613").then(
    () => "connected",
    (error) => (error instanceof ConnectError ? error.message : `${error}`),
  );
  return { overTcp };
}
