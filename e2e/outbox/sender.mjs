/**
 * A program that sends at least once, with a file store.
 *
 *     node sender.mjs <url> <folder> <destination>    send numbers for ever, twenty at a time
 *     node sender.mjs <url> <folder>                  send what is left, and end
 *
 * It prints `kept <number>` for each that the store has, `confirmed <number>` for each that the broker has confirmed.
 */
import { writeSync } from "node:fs";
import process from "node:process";
import { Client } from "stompede";
import { fileStore } from "stompede/store/file";

const AT_A_TIME = 20;
const [, , url = "", folder = "", destination] = process.argv;

// At once: what is in a buffer when the process is killed is not printed.
const print = (line) => writeSync(process.stdout.fd, `${line}\n`);

const files = fileStore(folder);
const store = {
  open: () => files.open(),
  delete: (key) => files.delete(key),
  close: () => files.close(),
  add: async (send) => {
    await files.add(send);
    print(`kept ${send.body}`);
    kept(send.body);
  },
};
let keeping = new Map();
const kept = (body) => keeping.get(body)?.();

const client = new Client(url, {
  login: "guest",
  passcode: "guest",
  delivery: "at-least-once",
  outbox: { store, messages: 1_000_000 },
  reconnect: () => 100,
  retryFirstConnect: true,
});
client.onStatus(({ type }) => print(type));
await client.connect();
if (destination === undefined) {
  await client.disconnect({ timeout: 30_000 });
} else {
  for (let next = 0; ; next += AT_A_TIME) {
    const bodies = Array.from({ length: AT_A_TIME }, (_, i) => String(next + i));
    const all = bodies.map((body) => new Promise((resolve) => keeping.set(body, resolve)));
    for (const body of bodies) void client.send(destination, body).then(() => print(`confirmed ${body}`));
    await Promise.all(all);
    keeping = new Map();
  }
}
