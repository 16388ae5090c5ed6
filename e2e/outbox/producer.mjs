/**
 * A producer that is killed, for the test beside it: it sends numbered messages at least once, through a store on disk, and
 * prints the number of each that the broker has confirmed.
 *
 *     node producer.mjs URL QUEUE FOLDER FIRST COUNT
 */
import process from "node:process";
import { connect } from "stompede";
import { fileStore } from "stompede/store/file";

const [url = "", queue = "", folder = "", first = "0", count = "0"] = process.argv.slice(2);
const client = await connect(url, {
  login: "guest",
  passcode: "guest",
  delivery: "at-least-once",
  outbox: { store: fileStore(folder) },
});
const sent = Array.from({ length: Number(count) }, async (_, i) => {
  const number = Number(first) + i;
  await client.send(queue, String(number), { headers: { persistent: true } });
  process.stdout.write(`confirmed ${number}\n`);
});
process.stdout.write("all are in the outbox\n");
await Promise.all(sent);
await client.disconnect();
